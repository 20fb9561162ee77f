"""JSON Schemas as far as each provider's own structured output can express them."""

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

Schema = dict[str, JsonValue]

# These say nothing about which values are valid, so a schema means the same without them.
_ANNOTATIONS: Final = frozenset(
    {"$schema", "$id", "$comment", "title", "default", "examples", "deprecated", "readOnly", "writeOnly"}
)
_CORE: Final = frozenset(
    {
        "type",
        "description",
        "enum",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "anyOf",
        "$ref",
    }
)
_LOCAL_REF: Final = "#/$defs/"


class _UnfitError(Exception):
    """The dialect has no words for the schema."""


@dataclass(frozen=True)
class Dialect:
    """What one provider's structured output accepts.

    Attributes:
        keywords: Keywords it knows beyond those that all know.
        all_required: Whether every property must be required.
    """

    keywords: frozenset[str]
    all_required: bool = False


ANTHROPIC: Final = Dialect(frozenset({"const"}))
OPENAI: Final = Dialect(
    frozenset(
        {"const", "pattern", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
        | {"minItems", "maxItems"}
    ),
    all_required=True,
)
GEMINI: Final = Dialect(frozenset({"minimum", "maximum", "minItems", "maxItems"}))


def native_schema(schema: JsonValue, dialect: Dialect) -> Schema | None:
    """The schema as a provider's structured output takes it.

    An object that does not speak of further properties is closed, since every provider asks for that: what
    satisfies the closed schema satisfies the given one. Nothing else is narrowed, and nothing is loosened.

    Args:
        schema: A JSON Schema as parsed; None for none.
        dialect: What the provider accepts.

    Returns:
        The schema to send, or None when the prompt alone must carry it: its root is no object, or it says
        something the provider refuses.
    """
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    try:
        return _Rewriter(dialect, schema).root()
    except _UnfitError:
        return None


def object_schema(schema: Schema) -> Schema:
    """A tool's input schema with what every provider insists on: an object with properties."""
    return {"type": "object", "properties": {}, **schema}


class _Rewriter:
    def __init__(self, dialect: Dialect, schema: Schema) -> None:
        self._dialect = dialect
        self._schema = schema
        self._definitions = _object(schema.get("$defs", {}))
        self._used: Schema = {}
        self._open: list[str] = []

    def root(self) -> Schema:
        bare = {name: value for name, value in self._schema.items() if name != "$defs"}
        written = self._node(bare)
        return {**written, "$defs": self._used} if self._used else written

    def _node(self, node: JsonValue) -> Schema:
        schema = {name: value for name, value in _object(node).items() if name not in _ANNOTATIONS}
        if not schema or not schema.keys() <= _CORE | self._dialect.keywords:
            raise _UnfitError
        if "$ref" in schema:
            return self._reference(schema)
        if not ({"type", "anyOf", "enum", "const"} & schema.keys()):
            raise _UnfitError
        if "items" in schema:
            schema["items"] = self._node(schema["items"])
        elif "array" in _types(schema):
            raise _UnfitError
        if "anyOf" in schema:
            schema["anyOf"] = [self._node(choice) for choice in _list(schema["anyOf"])]
        return self._closed(schema) if "object" in _types(schema) else schema

    def _closed(self, schema: Schema) -> Schema:
        properties = _object(schema.get("properties", {}))
        required = _list(schema.get("required", []))
        # An object without named properties is a map of any keys; closing it would leave only {}.
        if not properties or schema.get("additionalProperties", False) is not False:
            raise _UnfitError
        if self._dialect.all_required and set(properties) != {str(name) for name in required}:
            raise _UnfitError
        written: Schema = {name: self._node(value) for name, value in properties.items()}
        return {**schema, "properties": written, "additionalProperties": False}

    def _reference(self, schema: Schema) -> Schema:
        target = schema["$ref"]
        if not isinstance(target, str) or not target.startswith(_LOCAL_REF) or schema.keys() != {"$ref"}:
            raise _UnfitError
        name = target.removeprefix(_LOCAL_REF)
        if name in self._open or name not in self._definitions:
            raise _UnfitError
        if name not in self._used:
            self._open.append(name)
            self._used[name] = self._node(self._definitions[name])
            self._open.pop()
        return {"$ref": target}


def _types(schema: Schema) -> list[JsonValue]:
    type = schema.get("type")
    return type if isinstance(type, list) else [type]


def _object(value: JsonValue) -> Schema:
    if not isinstance(value, dict):
        raise _UnfitError
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise _UnfitError
    return value
