"""A schema made ready: checked, with a validator that neither fetches, backtracks nor runs for ever."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import JsonValue
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY, Schema, specification_with

from ark_temporal.llm.mock._budget import CannotAnswerError, DeadEndError
from ark_temporal.llm.mock._validator import bounded

MAX_SCHEMA_VALUES = 5_000
MAX_SCHEMA_DEPTH = 100


@dataclass(frozen=True)
class CompiledSchema:
    """A schema with what is needed to answer it.

    Attributes:
        root: The schema, without `$schema`.
    """

    root: JsonValue
    _validator: Any
    _resolver: Any

    def target(self, ref: str, at: str) -> JsonValue:
        """What a `$ref` points to.

        Raises:
            DeadEndError: Nothing in this schema; other documents are never fetched.
        """
        try:
            return self._resolver.lookup(ref).contents
        except Unresolvable:
            raise DeadEndError(
                at, f"{ref!r} points to nothing in this schema, and nothing is fetched"
            ) from None

    def problem(self, value: JsonValue, schema: JsonValue) -> ValidationError | None:
        """The first thing about the value that this part of the schema does not allow."""
        return next(iter(self._validator.evolve(schema=schema).iter_errors(value)), None)

    def allows(self, value: JsonValue, schema: JsonValue) -> bool:
        """Whether the value satisfies this part of the schema."""
        return self.problem(value, schema) is None


def compile_schema(schema: JsonValue) -> CompiledSchema:
    """Check a schema and make it ready. Recent ones are remembered.

    Raises:
        CannotAnswerError: It is no JSON Schema, or larger than the mock reads.
    """
    if not isinstance(schema, dict | bool):
        raise CannotAnswerError("#", "a JSON Schema is an object, true or false")
    _check_size(schema)
    return _compile(json.dumps(schema, ensure_ascii=False))


@lru_cache(maxsize=64)
def _compile(text: str) -> CompiledSchema:
    schema: JsonValue = json.loads(text)
    dialect = _dialect(schema)
    checker: Any = dialect  # its types lack `format_checker`
    try:
        # Patterns are RE2's to judge: Python's compiler refuses `\p{L}` and warns about others.
        checker.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = "/".join(["#", *map(str, error.absolute_path)])
        raise CannotAnswerError(place, f"it is no valid JSON Schema: {error.message[:200]}") from None
    if '"unevaluatedProperties"' in text and '"patternProperties"' in text:
        # jsonschema looks patterns up by backtracking there, which a hostile pattern makes endless.
        raise CannotAnswerError("#", "it uses unevaluatedProperties together with patternProperties")
    root = _prepared(schema)
    resource = specification_with(str(dialect.META_SCHEMA["$schema"])).create_resource(_as_schema(root))
    return CompiledSchema(
        root=root,
        _validator=bounded(dialect)(
            _as_schema(root), registry=EMPTY_REGISTRY, format_checker=dialect.FORMAT_CHECKER
        ),
        _resolver=EMPTY_REGISTRY.resolver_with_root(resource),
    )


def _as_schema(schema: JsonValue) -> Schema:
    assert isinstance(schema, dict | bool)
    return schema


def _dialect(schema: JsonValue) -> type[Validator]:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        return Draft202012Validator
    found = validator_for({"$schema": named}, default=Draft202012Validator) if _is_uri(named) else None
    return found or Draft202012Validator


def _is_uri(named: JsonValue) -> bool:
    return isinstance(named, str) and named.startswith(
        ("http://json-schema.org/", "https://json-schema.org/")
    )


def _check_size(schema: JsonValue) -> None:
    waiting: list[tuple[JsonValue, int]] = [(schema, 1)]
    seen = 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > MAX_SCHEMA_VALUES:
            raise CannotAnswerError("#", f"it holds more than {MAX_SCHEMA_VALUES} values")
        if depth > MAX_SCHEMA_DEPTH:
            raise CannotAnswerError("#", f"it is nested more than {MAX_SCHEMA_DEPTH} levels deep")
        if isinstance(value, dict):
            waiting += [(child, depth + 1) for child in value.values()]
        elif isinstance(value, list):
            waiting += [(child, depth + 1) for child in value]


def _prepared(schema: JsonValue) -> JsonValue:
    """Drop every `$schema`, where jsonschema would switch to its own unbounded validator.

    `unevaluated...` comes last: its search is free, but never larger than what the rest has paid for.
    """
    if isinstance(schema, list):
        return [_prepared(child) for child in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: child if key in {"const", "enum", "default", "examples"} else _prepared(child)
        for key, child in sorted(schema.items(), key=lambda item: item[0].startswith("unevaluated"))
        if not (key == "$schema" and isinstance(child, str))
    }
