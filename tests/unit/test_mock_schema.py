"""The mock model's answers to schemas."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from pydantic import JsonValue
from referencing.jsonschema import EMPTY_REGISTRY

from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.mock import MockModel
from ark_temporal.llm.types import ModelRequest, UserMessage
from tests.unit.mock_schemas import REALISTIC, arbitrary, ordinary


def ask(schema: JsonValue, prompt: str = "topic: durable execution\n") -> ModelRequest:
    return ModelRequest(model="mock", messages=(UserMessage(text=prompt),), output_schema=schema)


def assert_conforms(text: str, schema: JsonValue) -> None:
    assert isinstance(schema, dict | bool)
    dialect: Any = validator_for(schema, default=Draft202012Validator)
    checker = dialect(schema, registry=EMPTY_REGISTRY, format_checker=dialect.FORMAT_CHECKER)
    checker.validate(json.loads(text))


@pytest.mark.parametrize("name", REALISTIC)
async def test_realistic_schemas_are_answered(name: str) -> None:
    reply = await MockModel().generate(ask(REALISTIC[name]))
    assert_conforms(reply.text, REALISTIC[name])


async def answer_or_error(schema: JsonValue) -> str | ModelError:
    try:
        return (await MockModel().generate(ask(schema))).text
    except ModelError as error:
        return error


_calm = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], max_examples=150
)


@_calm
@given(ordinary())
async def test_ordinary_schemas_are_always_answered(schema: dict[str, Any]) -> None:
    reply = await MockModel().generate(ask(schema))
    assert_conforms(reply.text, schema)


@_calm
@given(arbitrary())
async def test_arbitrary_schemas_are_answered_or_refused_by_name(schema: dict[str, Any]) -> None:
    answer = await answer_or_error(schema)
    event(type(answer).__name__)
    if isinstance(answer, ModelError):
        assert answer.type == "ModelBadReply"
        assert not answer.retryable
        assert "--mock-script" in str(answer)
    else:
        assert_conforms(answer, schema)


async def test_text_is_about_what_was_asked() -> None:
    reply = await MockModel().generate(ask({"type": "object", "properties": {"summary": {"type": "string"}}}))
    assert "durable execution" in json.loads(reply.text)["summary"]


async def test_items_of_a_list_differ() -> None:
    reply = await MockModel().generate(ask({"type": "array", "items": {"type": "string"}, "minItems": 3}))
    assert len(set(json.loads(reply.text))) == 3


async def test_defaults_and_examples_are_used_where_valid() -> None:
    schema: JsonValue = {
        "type": "object",
        "required": ["good", "bad"],
        "properties": {
            "good": {"type": "string", "default": "as given"},
            "bad": {"type": "string", "default": 7, "examples": [8, "as shown"]},
        },
    }
    answer = json.loads((await MockModel().generate(ask(schema))).text)
    assert answer == {"good": "as given", "bad": "as shown"}


async def test_unknown_required_property_is_made() -> None:
    reply = await MockModel().generate(ask({"type": "object", "required": ["x"]}))
    assert "x" in json.loads(reply.text)


_doubling: dict[str, JsonValue] = {
    f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}, {"$ref": f"#/$defs/d{level + 1}"}]}
    for level in range(40)
}


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "array", "items": {"type": "integer"}, "minItems": 10**9}, "#/minItems"),
        (
            {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 10**9}},
            "#/items/minLength",
        ),
        ({"type": "object", "minProperties": 10**9}, "#/minProperties"),
        ({"type": "object", "required": ["x"], "properties": {"x": False}}, "#/properties/x"),
        ({"type": "array", "minItems": 3, "uniqueItems": True, "items": {"const": 1}}, "#/uniqueItems"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "#/minimum"),
        ({"minItems": 900, "items": {"minItems": 900, "items": {}, "type": "array"}, "type": "array"}, "#"),
        ({"$ref": "#"}, "#/$ref"),
        ({"$ref": "https://example.com/schema"}, "#/$ref"),
        ({"$ref": "#/$defs/none"}, "#/$ref"),
        ({"type": "strin"}, "#/type"),
        ({"type": "string", "pattern": "(a"}, "pattern"),
        ({"type": "string", "pattern": "^(?=.*q)b$"}, "pattern"),
        ({"type": "string", "pattern": "^(a+)+$", "const": "a" * 60 + "!"}, "#/const"),
        ({"$defs": {**_doubling, "d40": {"type": "string"}}, "$ref": "#/$defs/d0"}, "#"),
        ([1], "#"),
        (False, "#"),
    ],
)
async def test_hopeless_schemas_are_refused_soon_with_their_place(schema: JsonValue, place: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ModelError, match="cannot make up an answer") as caught:
        await MockModel().generate(ask(schema))
    assert time.perf_counter() - start < 10
    assert f"at {place}" in str(caught.value).replace("the pattern", "pattern")
    assert caught.value.type == "ModelBadReply"
    assert not caught.value.retryable


async def test_deep_schema_is_refused() -> None:
    schema: JsonValue = {"type": "string"}
    for _ in range(150):
        schema = {"type": "array", "items": schema, "minItems": 1}
    with pytest.raises(ModelError, match="nested"):
        await MockModel().generate(ask(schema))


_PROGRAM = """
import asyncio, json, sys
from ark_temporal.llm.mock import MockModel
from ark_temporal.llm.types import ModelRequest
async def main():
    model = MockModel()
    for line in sys.stdin:
        print((await model.generate(ModelRequest.model_validate_json(line))).model_dump_json())
asyncio.run(main())
"""


def test_answers_are_the_same_in_every_process() -> None:
    asked = "\n".join(ask(schema).model_dump_json() for schema in [None, *REALISTIC.values()])
    answers = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert answers[0] == answers[1]
    assert answers[0].count("\n") == len(REALISTIC) + 1


async def test_a_repeated_schema_is_quick() -> None:
    model, request = MockModel(), ask(REALISTIC["three findings"])
    await model.generate(request)
    start = time.perf_counter()
    for _ in range(20):
        await model.generate(request)
    assert (time.perf_counter() - start) / 20 < 0.05
