"""A JSON Schema validator that ends: each keyword is paid for, and patterns are matched in linear time."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import jsonschema.validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from typing_extensions import TypeIs

from ark_temporal.llm.mock._budget import current_budget
from ark_temporal.llm.mock._regex import matches

_jsonschema: Any = jsonschema.validators  # its `extend` has no types
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_REF_COST = 5
_Keyword = Callable[[Any, Any, Any, Any], Iterable[ValidationError] | None]


@cache
def bounded(dialect: type[Validator]) -> type[Validator]:
    """The dialect's validator, drawing on `current_budget`."""
    keywords: dict[str, _Keyword] = {
        **dict(dialect.VALIDATORS),
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    }
    return _jsonschema.extend(
        dialect,
        {name: _charged(check, _REF_COST if name in REFERENCES else 1) for name, check in keywords.items()},
    )


def _charged(check: _Keyword, cost: int) -> _Keyword:
    def charged(validator: Any, value: Any, instance: Any, schema: Any) -> Iterable[ValidationError] | None:
        current_budget.get().spend(cost)
        return check(validator, value, instance, schema)

    return charged


def _pattern(
    validator: Any, pattern: str, instance: object, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: dict[str, Any], instance: object, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if _is_object(instance):
        for pattern, part in patterns.items():
            for name, value in instance.items():
                if matches(pattern, name):
                    yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, part: Any, instance: object, schema: dict[str, Any]
) -> Iterator[ValidationError]:
    if _is_object(instance):
        declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, value in instance.items():
            if name not in declared and not any(matches(pattern, name) for pattern in patterns):
                yield from validator.descend(value, part, path=name)


def _is_object(instance: object) -> TypeIs[dict[str, Any]]:
    return isinstance(instance, dict)
