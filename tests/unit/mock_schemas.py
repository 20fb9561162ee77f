"""Schemas for tests of the mock model."""

from typing import Any

from hypothesis import strategies as st
from pydantic import JsonValue

Schema = dict[str, Any]

REALISTIC: dict[str, JsonValue] = {
    "three findings": {
        "type": "array",
        "minItems": 3,
        "maxItems": 3,
        "items": {
            "type": "object",
            "required": ["title", "severity"],
            "additionalProperties": False,
            "properties": {
                "title": {"type": "string", "minLength": 5, "maxLength": 60},
                "severity": {"enum": ["low", "medium", "high"]},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
                "lines": {"type": "array", "items": {"type": "integer", "minimum": 1}, "uniqueItems": True},
            },
        },
    },
    "article": {
        "type": "object",
        "required": ["title", "summary", "keyPoints", "wordCount"],
        "properties": {
            "title": {"type": "string"},
            "summary": {"type": "string", "minLength": 200, "maxLength": 220},
            "keyPoints": {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3},
            "wordCount": {"type": "integer", "exclusiveMinimum": 0},
            "meta": {
                "type": "object",
                "required": ["language"],
                "properties": {"language": {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"}},
            },
        },
    },
    "formats": {
        "type": "object",
        "required": ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
        "properties": {
            "a": {"type": "string", "format": "date"},
            "b": {"type": "string", "format": "date-time"},
            "c": {"type": "string", "format": "email"},
            "d": {"type": "string", "format": "uri"},
            "e": {"type": "string", "format": "uuid"},
            "f": {"type": "string", "format": "ipv4"},
            "g": {"type": "string", "format": "ipv6"},
            "h": {"type": "string", "format": "hostname"},
            "i": {"type": "string", "format": "time"},
        },
    },
    "tree": {
        "$defs": {
            "node": {
                "type": "object",
                "required": ["name", "next"],
                "properties": {
                    "name": {"type": "string"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
            }
        },
        "$ref": "#/$defs/node",
    },
    "self reference": {"type": "object", "properties": {"inner": {"$ref": "#"}}, "required": []},
    "tagged union": {
        "type": "array",
        "minItems": 2,
        "items": {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["kind", "url"],
                    "properties": {"kind": {"const": "link"}, "url": {"type": "string", "format": "uri"}},
                },
                {
                    "type": "object",
                    "required": ["kind", "text"],
                    "properties": {"kind": {"const": "note"}, "text": {"type": "string"}},
                },
            ]
        },
    },
    "one of two properties": {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "merged": {
        "allOf": [
            {"type": "object", "required": ["id"], "properties": {"id": {"type": ["integer", "string"]}}},
            {"required": ["note"], "properties": {"id": {"type": "integer", "minimum": 10}}},
        ]
    },
    "condition": {
        "type": "object",
        "required": ["state"],
        "properties": {"state": {"enum": ["closed", "open"]}, "reason": {"type": "string"}},
        "if": {"properties": {"state": {"const": "closed"}}},
        "then": {"required": ["reason"]},
        "else": {"not": {"required": ["reason"]}},
    },
    "map": {
        "type": "object",
        "minProperties": 3,
        "propertyNames": {"pattern": "^[a-z]+_[0-9]$"},
        "additionalProperties": {"type": "integer"},
    },
    "pattern properties": {
        "type": "object",
        "patternProperties": {"^x-": {"type": "boolean"}},
        "additionalProperties": False,
        "minProperties": 2,
    },
    "tuple": {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "number"}],
        "items": False,
        "minItems": 2,
    },
    "contains": {
        "type": "array",
        "contains": {"const": "must"},
        "minContains": 2,
        "maxContains": 2,
        "minItems": 4,
        "items": {"type": "string"},
    },
    "distinct": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 3},
    "numbers": {
        "type": "object",
        "required": ["cents", "seven", "tenth", "open"],
        "properties": {
            "cents": {"type": "number", "multipleOf": 0.01, "minimum": 1, "maximum": 2},
            "seven": {"type": "integer", "multipleOf": 7, "minimum": 100, "maximum": 110},
            "tenth": {"type": "number", "multipleOf": 0.1, "exclusiveMinimum": 0.2, "maximum": 0.4},
            "open": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        },
    },
    "patterns": {
        "type": "object",
        "required": ["ticket", "semver", "phone", "hex", "long"],
        "properties": {
            "ticket": {"type": "string", "pattern": "^[A-Z]{2,4}-\\d+$"},
            "semver": {"type": "string", "pattern": "^(?:0|[1-9]\\d*)(\\.(0|[1-9]\\d*)){2}(?:-[\\w.]+)?$"},
            "phone": {"type": "string", "pattern": "^\\+?[0-9 ()-]{7,}$", "maxLength": 12},
            "hex": {"type": "string", "pattern": "^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
            "long": {"type": "string", "pattern": "^[^\\s]+$", "minLength": 300},
        },
    },
    "dependent": {
        "type": "object",
        "properties": {"card": {"type": "string"}},
        "dependentRequired": {"card": ["address"]},
        "dependentSchemas": {"card": {"properties": {"address": {"type": "string", "minLength": 3}}}},
    },
    "not": {
        "type": "object",
        "required": ["n"],
        "properties": {"n": {"not": {"type": ["string", "object"]}}},
    },
    "nullable default": {"type": ["string", "null"], "default": None},
    "anything": {},
    "anything, too": True,
    "just examples": {"examples": [{"ready": True}]},
    "draft 7": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"item": {"type": "string"}},
        "type": "array",
        "items": [{"$ref": "#/definitions/item"}, {"type": "integer"}],
        "additionalItems": False,
        "minItems": 2,
    },
    "draft 4": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "integer",
        "minimum": 3,
        "exclusiveMinimum": True,
        "maximum": 4,
    },
}

_names = st.sampled_from(["title", "score", "items", "note", "kind", "id"])
_small = st.integers(0, 4)


@st.composite
def _ranges(draw: st.DrawFn, low: str, high: str) -> Schema:
    """Bounds that leave room."""
    least, room = draw(_small), draw(st.integers(2, 40))
    return {key: value for key, value in {low: least, high: least + room}.items() if draw(st.booleans())}


def _string(bounds: Schema) -> Schema:
    return {"type": "string", **bounds}


def _number(kind: str, bounds: Schema, more: Schema) -> Schema:
    return {"type": kind, **bounds, **more}


_FORMATS: list[Schema] = [{"format": name} for name in ("date", "date-time", "email", "uri", "uuid", "ipv4")]
_PATTERNS: list[Schema] = [
    {"pattern": pattern} for pattern in ("^[a-z]+$", "^\\d{4}$", "x|y", "^(ab)*c?$", "[A-F0-9]{2}")
]
_MULTIPLES: list[Schema] = [{}, {"multipleOf": 2}, {"multipleOf": 0.5}]
_SIMPLE: list[Schema] = [
    {"type": "boolean"},
    {"type": "null"},
    {},
    {"const": 3},
    {"type": ["null", "string"]},
]
_EXTRAS: list[Schema] = [{}, {"additionalProperties": False}, {"maxProperties": 6}]
_SELF: Schema = {"$ref": "#"}

_strings = st.one_of(
    _ranges("minLength", "maxLength"), st.sampled_from(_FORMATS), st.sampled_from(_PATTERNS)
).map(_string)
_numbers = st.builds(
    _number,
    st.sampled_from(["integer", "number"]),
    _ranges("minimum", "maximum"),
    st.sampled_from(_MULTIPLES),
)
_enums: st.SearchStrategy[Schema] = st.lists(st.integers() | st.text(max_size=3), min_size=1, max_size=3).map(
    lambda values: {"enum": values}
)
_leaves: st.SearchStrategy[Schema] = st.one_of(_strings, _numbers, st.sampled_from(_SIMPLE), _enums)


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    properties = draw(st.dictionaries(_names, inner, max_size=3))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    more = draw(st.sampled_from(_EXTRAS))
    return {"type": "object", "properties": properties, "required": required, **more}


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    return {"type": "array", "items": draw(inner), **draw(_ranges("minItems", "maxItems"))}


def ordinary() -> st.SearchStrategy[Schema]:
    """Schemas that can be satisfied: nothing in them contradicts anything else."""
    return st.recursive(_leaves, lambda inner: _objects(inner) | _arrays(inner), max_leaves=6)


def _pairs(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[list[Schema]]:
    return st.lists(inner, min_size=1, max_size=3)


@st.composite
def _combined(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    schema = dict(draw(inner))
    for keyword in draw(st.lists(st.sampled_from(["anyOf", "oneOf", "allOf"]), max_size=2, unique=True)):
        schema[keyword] = draw(_pairs(inner))
    for keyword in draw(st.lists(st.sampled_from(["not", "if", "then", "else"]), max_size=2, unique=True)):
        schema[keyword] = draw(inner)
    return schema


@st.composite
def _odd_arrays(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "prefixItems": _pairs(inner),
        "items": inner | st.booleans(),
        "contains": inner,
        "minItems": _small,
        "maxItems": _small,
        "minContains": _small,
        "uniqueItems": st.booleans(),
        "unevaluatedItems": st.booleans(),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def _odd_objects(draw: st.DrawFn, inner: st.SearchStrategy[Schema]) -> Schema:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "properties": st.dictionaries(_names, inner, max_size=2),
        "required": st.lists(_names, unique=True, max_size=2),
        "patternProperties": st.dictionaries(st.sampled_from(["^t", "[0-9]$"]), inner, max_size=1),
        "additionalProperties": inner | st.booleans(),
        "propertyNames": _strings,
        "minProperties": _small,
        "maxProperties": _small,
        "dependentRequired": st.dictionaries(_names, st.lists(_names, max_size=2, unique=True), max_size=1),
        "dependentSchemas": st.dictionaries(_names, inner, max_size=1),
        "default": st.none() | st.just(0),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


def arbitrary() -> st.SearchStrategy[Schema]:
    """Valid schemas that may contradict themselves."""
    return st.recursive(
        _leaves | st.just(_SELF),
        lambda inner: _combined(inner) | _odd_arrays(inner) | _odd_objects(inner) | _objects(inner),
        max_leaves=8,
    )
