"""What a model is told about arguments that do not match a tool's schema."""

import socket
import time

import pytest
from pydantic import JsonValue

from ark_temporal.tools.arguments import check_arguments
from ark_temporal.tools.limits import MAX_ARGUMENT_BYTES
from ark_temporal.tools.types import ToolError

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "limit": {"type": "integer", "minimum": 1},
        "kind": {"enum": ["new", "old"]},
        "when": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}},
    },
    "required": ["query"],
    "additionalProperties": False,
}


def told(arguments: dict[str, JsonValue], schema: dict[str, JsonValue] | None = None) -> str:
    return check_arguments(SCHEMA if schema is None else schema, arguments) or ""


def test_right_arguments_have_no_problem() -> None:
    assert check_arguments(SCHEMA, {"query": "x", "limit": 1, "kind": "new", "when": None}) is None
    assert check_arguments({}, {"anything": [1]}) is None
    assert check_arguments({"type": "object", "properties": {}}, {}) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"query": 3}, ["Argument query: 3 is not of type 'string'"]),
        ({}, ["'query' is a required property"]),
        ({"query": "x", "limit": 0}, ["Argument limit", "minimum of 1"]),
        ({"query": "x", "kind": "odd"}, ["Argument kind", "'new', 'old'"]),
        ({"query": "x", "when": 3}, ["Argument when", '"type": "null"']),
        ({"query": "x", "limt": 3}, ["'limt' was unexpected", "known are: query, limit, kind"]),
        ({"query": "x", "items": [{}, {"id": "a"}]}, ["Argument items[1].id: 'a' is not of type 'integer'"]),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(
    arguments: dict[str, JsonValue], words: list[str]
) -> None:
    text = told(arguments)
    assert text.startswith("The tool was not called")
    assert [word for word in words if word not in text] == []


def test_all_problems_are_told_but_not_without_end() -> None:
    text = told({"limit": "x", "kind": 1, "when": 1})
    assert len(text.splitlines()) == 5
    many: list[JsonValue] = [{"id": "x" * 5000}] * 1000
    assert len(told({"query": "x", "items": many})) < 3000


def test_arguments_that_are_too_large_or_too_deep_are_told() -> None:
    assert "too large" in told({"query": "x" * MAX_ARGUMENT_BYTES})
    assert "too large" in told({"query": "ü" * (MAX_ARGUMENT_BYTES // 2)})
    deep: JsonValue = []
    for _ in range(100_000):
        deep = [deep]
    assert "nested too deeply" in told({"query": deep}, {})
    nested: JsonValue = {}
    for _ in range(300):
        nested = {"next": nested}
    tree: dict[str, JsonValue] = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert "nested too deeply" in told({"next": nested}, tree)
    assert "NaN" in told({"query": float("nan")}, {})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "#/$defs/ghost"},
        {"pattern": 3},
        {"properties": {"a": {"pattern": "(?=x)"}}},
    ],
)
def test_a_schema_that_cannot_be_applied_is_the_manifests_fault(schema: dict[str, JsonValue]) -> None:
    with pytest.raises(ToolError, match="The input schema of the tool") as caught:
        check_arguments(schema, {"a": "b"})
    assert (caught.value.type, caught.value.sent, caught.value.retryable) == (
        "ToolNotConfigured",
        False,
        False,
    )


def test_nothing_is_ever_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        with pytest.raises(ToolError, match="refers to"):
            check_arguments({"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"}, {})
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, "a" * 50_000 + "!"),
        ({"uniqueItems": True, "maxItems": 1}, [{"n": number} for number in range(50_000)]),
    ],
)
def test_no_check_runs_away(schema: JsonValue, value: JsonValue) -> None:
    began = time.process_time()
    assert "Argument x" in told({"x": value}, {"properties": {"x": schema}})
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 1.0], False),
        ([True, 1], True),
        ([0, False], True),
        ([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}], False),
        ([[1], [1, 1]], True),
        (["1", 1], True),
        ([None, None], False),
        ([], True),
    ],
)
def test_equal_items_are_those_of_json_schema(items: list[JsonValue], unique: bool) -> None:
    text = told({"x": items}, {"properties": {"x": {"uniqueItems": True}}})
    assert (text == "") is unique
    assert not text or "non-unique" in text
