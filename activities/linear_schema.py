"""JSON Schema whose patterns are matched by RE2, so that no answer can make one run away."""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_CODE_POINT = re.compile(r"(\\\\)|\\u([0-9a-fA-F]{4})")
_Part = bool | Mapping[str, Any]


def is_found(pattern: str, text: str) -> bool:
    """Whether a pattern is found anywhere in a text.

    Raises:
        ApplicationError: RE2 cannot read the pattern. A backtracking engine may, but one answer could then
            hold up the whole worker for good.
    """
    return _compiled(pattern).search(text) is not None


def violations(value: JsonValue, schema: JsonValue) -> "Iterator[ValidationError]":
    """What of a value does not match a schema. Nothing is ever fetched.

    Raises:
        ApplicationError: The schema cannot be applied.
        RecursionError: The value or the schema is nested too deeply.
    """
    from referencing.exceptions import Unresolvable

    try:
        yield from _validator(json.dumps(schema)).iter_errors(value)
    except Unresolvable as error:
        raise _unusable(f"refers to {error.ref!r}, which it does not hold") from None


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
        raise _unusable(f"is not valid: {error.message[:200]}") from None
    keywords = {
        "pattern": _check_pattern,
        "patternProperties": _check_pattern_properties,
        "additionalProperties": _check_additional_properties,
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


def _below(validator: "Validator", name: str, value: JsonValue, part: _Part) -> "Iterator[ValidationError]":
    below = validator.evolve(schema=part)  # pyright: ignore[reportUnknownMemberType]
    for error in below.iter_errors(value):
        error.path.appendleft(name)
        yield error


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> "_Pattern":
    import re2  # pyright: ignore[reportMissingTypeStubs]

    options = re2.Options()
    options.log_errors = False
    ours = _CODE_POINT.sub(lambda found: found.group(1) or rf"\x{{{found.group(2)}}}", pattern)
    try:
        return cast(_Pattern, re2.compile(ours, options=options))  # pyright: ignore[reportUnknownMemberType]
    except re2.error:  # pyright: ignore[reportUnknownMemberType]
        raise _unusable(
            f"has the pattern {pattern!r}, which RE2 cannot read: there is no look-around in it, no "
            "back-reference, and no repetition above 1000"
        ) from None


def _unusable(why: str) -> ApplicationError:
    return ApplicationError(
        f"What the step's output is checked by {why}. Change the step's outputSchema or validate.",
        type="SchemaUnusable",
        non_retryable=True,
    )


class _Pattern(Protocol):
    def search(self, text: str, /) -> object | None: ...
