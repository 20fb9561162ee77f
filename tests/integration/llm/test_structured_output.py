"""A schema is sent as the provider's own structured output, or left to the prompt; it never fails a call."""

import json
from typing import Any

import pytest

from ark_temporal.llm import ModelPool, ToolSpec
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, GEMINI, OPENAI, Asker, Case
from tests.integration.llm.stub_server import StubServer

NATIVE = [ANTHROPIC, OPENAI, GEMINI]
PERSON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Person",
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "In full.", "default": "nobody"},
        "title": {"type": "string", "enum": ["Dr", "Mx"]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}},
    },
    "required": ["name", "title", "pets"],
    "$defs": {
        "Pet": {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]},
        "Unused": {"type": "object", "propertyNames": {"minLength": 3}},
    },
}
SENT = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "In full."},
        "title": {"type": "string", "enum": ["Dr", "Mx"]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}},
    },
    "required": ["name", "title", "pets"],
    "additionalProperties": False,
    "$defs": {
        "Pet": {
            "type": "object",
            "properties": {"age": {"type": "integer"}},
            "required": ["age"],
            "additionalProperties": False,
        }
    },
}


def _object(property: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": property}, "required": ["a"], **more}


INEXPRESSIBLE: dict[str, Any] = {
    "array root": {"type": "array", "items": {"type": "string"}},
    "no type at the root": {"properties": {"a": {"type": "string"}}},
    "true": True,
    "free keys": {"type": "object"},
    "further keys": _object({"type": "string"}, additionalProperties=True),
    "typed further keys": _object({"type": "string"}, additionalProperties={"type": "string"}),
    "unknown keyword": _object({"type": "string", "minLength": 3}),
    "if": _object({"type": "string"}, **{"if": {"required": ["a"]}}),
    "anything": _object({}),
    "an array of anything": _object({"type": "array"}),
    "a boolean schema": _object(True),
    "recursion": {**_object({"$ref": "#/$defs/T"}), "$defs": {"T": _object({"$ref": "#/$defs/T"})}},
    "a far reference": _object({"$ref": "https://example.com/schema.json"}),
    "a lost reference": _object({"$ref": "#/$defs/Lost"}),
    "malformed": {"type": "object", "properties": ["a"]},
}


@pytest.mark.parametrize("case", NATIVE, ids=lambda case: case.provider)
async def test_sends_a_schema_that_the_provider_can_express(pool: ModelPool, case: Case) -> None:
    with StubServer() as server:
        await Asker(pool, case).ask(server, output_schema=PERSON)
    assert _schema_in(server.requests[0].body) == SENT


@pytest.mark.parametrize("schema", INEXPRESSIBLE.values(), ids=INEXPRESSIBLE.keys())
async def test_leaves_any_other_schema_to_the_prompt(asker: Asker, schema: Any) -> None:
    with StubServer() as server:
        reply = await asker.ask(server, output_schema=schema)
    assert reply.text
    assert _schema_in(server.requests[0].body) is None
    assert "json" not in json.dumps(server.requests[0].body)


async def test_a_compatible_server_gets_no_schema(pool: ModelPool) -> None:
    with StubServer() as server:
        await Asker(pool, COMPATIBLE).ask(server, output_schema=PERSON)
    assert "response_format" not in server.requests[0].body


async def test_openai_is_sent_no_optional_property(pool: ModelPool) -> None:
    schema = {**PERSON, "required": ["name"]}
    with StubServer() as server:
        await Asker(pool, OPENAI).ask(server, output_schema=schema)
        await Asker(pool, ANTHROPIC).ask(server, output_schema=schema)
    openai, anthropic = (_schema_in(request.body) for request in server.requests)
    assert openai is None
    assert anthropic is not None


@pytest.mark.parametrize("case", NATIVE, ids=lambda case: case.provider)
async def test_sends_a_schema_beside_tools(pool: ModelPool, case: Case) -> None:
    with StubServer() as server:
        await Asker(pool, case).ask(server, output_schema=PERSON, tools=(ToolSpec(name="now"),))
    assert _schema_in(server.requests[0].body) == SENT
    assert "now" in json.dumps(server.requests[0].body["tools"])


@pytest.mark.parametrize(
    "model", ["gemini-2.5-pro", "gemini-1.5-flash", "models/gemini-2.0-flash", "learnlm"]
)
async def test_an_older_gemini_gets_no_schema_beside_tools(pool: ModelPool, model: str) -> None:
    asked: dict[str, Any] = {"output_schema": PERSON, "model": model}
    with StubServer() as server:
        await Asker(pool, GEMINI).ask(server, tools=(ToolSpec(name="now"),), **asked)
        await Asker(pool, GEMINI).ask(server, **asked)
    beside_tools, alone = (request.body for request in server.requests)
    assert _schema_in(beside_tools) is None
    assert "responseMimeType" not in json.dumps(beside_tools)
    assert _schema_in(alone) == SENT


@pytest.mark.filterwarnings("ignore:The model .* is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("case", "model"),
    [
        (ANTHROPIC, "claude-3-opus"),
        (ANTHROPIC, "claude-sonnet-4-0"),
        (OPENAI, "gpt-3.5-turbo"),
        (OPENAI, "gpt-4"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_model_from_before_structured_output_gets_no_schema(
    pool: ModelPool, case: Case, model: str
) -> None:
    with StubServer() as server:
        await Asker(pool, case).ask(server, output_schema=PERSON, model=model)
    assert _schema_in(server.requests[0].body) is None


def _schema_in(body: dict[str, Any]) -> Any:
    """The schema of a request's structured output, in whichever form it stands there."""
    holder: dict[str, Any] = body.get("output_config") or body.get("text") or {}
    format: dict[str, Any] = holder.get("format") or body.get("response_format") or {}
    generation: dict[str, Any] = body.get("generationConfig") or {}
    return format.get("schema") or generation.get("responseJsonSchema")
