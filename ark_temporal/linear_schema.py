"""JSON Schema checked in linear time, so that no value can make a check run away.

Patterns are matched by RE2, and equal items are found without comparing each with each.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue

from ark_temporal.patterns import PatternError, compile_pattern

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_Part = bool | Mapping[str, Any]


class UnusableSchemaError(ValueError):
    """A schema or a pattern that cannot be applied to anything. The message goes on after its name."""


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere in a text.

    Raises:
        UnusableSchemaError: RE2 cannot read the pattern. A backtracking engine may, but one answer could then
            hold up the whole worker for good.
    """
    try:
        return compile_pattern(pattern).search(text) is not None
    except PatternError:
        raise UnusableSchemaError(
            f"has the pattern {pattern!r}, which RE2 cannot read: there is no look-around in it, no "
            "back-reference, and no repetition above 1000"
        ) from None


def violations(value: JsonValue, schema: JsonValue) -> "Iterator[ValidationError]":
    """What of a value does not match a schema. Nothing is ever fetched.

    Raises:
        UnusableSchemaError: The schema cannot be applied.
        RecursionError: The value or the schema is nested too deeply.
    """
    from referencing.exceptions import Unresolvable

    try:
        yield from _validator(json.dumps(schema)).iter_errors(value)
    except Unresolvable as error:
        raise UnusableSchemaError(f"refers to {error.ref!r}, which it does not hold") from None


@lru_cache(maxsize=256)
def _validator(schema: str) -> "Validator":
    import jsonschema
    from jsonschema import validators
    from referencing import Registry
    from referencing.jsonschema import SchemaRegistry

    parsed = json.loads(schema)
    dialect: type[Validator] = validators.validator_for(parsed, default=jsonschema.Draft202012Validator)
    try:
        # Without formats: whether a pattern can be read is for RE2 to say, not for Python's engine.
        no_formats = jsonschema.FormatChecker(())
        dialect.check_schema(parsed, format_checker=no_formats)  # pyright: ignore[reportCallIssue]
    except jsonschema.SchemaError as error:
        raise UnusableSchemaError(f"is not valid: {error.message[:200]}") from None
    keywords = {
        "pattern": _check_pattern,
        "patternProperties": _check_pattern_properties,
        "additionalProperties": _check_additional_properties,
        "uniqueItems": _check_unique_items,
    }
    # The stubs say nothing about `extend`, which gives a class like the one it takes.
    linear = cast("type[Validator]", validators.extend(dialect, keywords))  # pyright: ignore[reportUnknownMemberType]
    nothing_to_fetch: SchemaRegistry = Registry()
    return linear(parsed, registry=nothing_to_fetch, format_checker=dialect.FORMAT_CHECKER)


def _check_pattern(
    validator: "Validator", pattern: str, instance: object, schema: object
) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    if isinstance(instance, str) and not is_found(pattern, instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


def _check_pattern_properties(
    validator: "Validator", patterns: Mapping[str, _Part], instance: object, schema: object
) -> "Iterator[ValidationError]":
    if not isinstance(instance, dict):
        return
    for name, value in cast("dict[str, JsonValue]", instance).items():
        for pattern, part in patterns.items():
            if is_found(pattern, name):
                yield from _below(validator, name, value, part)


def _check_additional_properties(
    validator: "Validator", part: _Part, instance: object, schema: Mapping[str, Any]
) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    if not isinstance(instance, dict):
        return
    declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in cast("dict[str, JsonValue]", instance).items():
        if name in declared or any(is_found(pattern, name) for pattern in patterns):
            continue
        if part is False:
            yield ValidationError(f"Additional properties are not allowed ({name!r} was unexpected)")
        else:
            yield from _below(validator, name, value, part)


def _check_unique_items(
    validator: "Validator", unique: bool, instance: object, schema: object
) -> "Iterator[ValidationError]":
    from jsonschema import ValidationError

    if not unique or not isinstance(instance, list):
        return
    items = cast("list[JsonValue]", instance)
    if len({_canonical(item) for item in items}) < len(items):
        yield ValidationError(f"{str(items)[:100]} has non-unique elements")


def _canonical(value: JsonValue) -> str:
    """The same text for values that JSON Schema calls equal: 1 is 1.0, and not true."""
    return json.dumps(_with_plain_numbers(value), sort_keys=True)


def _with_plain_numbers(value: JsonValue) -> JsonValue:
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_with_plain_numbers(item) for item in value]
        case dict():
            return {name: _with_plain_numbers(item) for name, item in value.items()}
        case _:
            return value


def _below(validator: "Validator", name: str, value: JsonValue, part: _Part) -> "Iterator[ValidationError]":
    below = validator.evolve(schema=part)  # pyright: ignore[reportUnknownMemberType]
    for error in below.iter_errors(value):
        error.path.appendleft(name)
        yield error
