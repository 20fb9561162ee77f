"""The mock model's own answers, without a script."""

import json
import math
import time
from typing import Literal

import pytest
from pydantic import JsonValue

from ark_temporal.llm.mock import MockModel
from ark_temporal.llm.types import (
    AssistantMessage,
    CallContext,
    ModelReply,
    ModelRequest,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    UserMessage,
)

Purpose = Literal["task", "repair", "validate", "route", "probe"]


def request(
    prompt: str,
    *,
    role: str = "writer",
    purpose: Purpose = "task",
    system: str = "You write short articles. You never use jargon. Ignore the weather.",
    schema: JsonValue = None,
) -> ModelRequest:
    return ModelRequest(
        model="mock",
        system=system,
        messages=(UserMessage(text=prompt),),
        output_schema=schema,
        context=CallContext(role=role, purpose=purpose),
    )


async def answer(asked: ModelRequest) -> str:
    return (await MockModel().generate(asked)).text


async def test_text_names_the_mock_the_role_the_task_and_the_brief() -> None:
    text = await answer(request("topic: durable\n   execution\n"))
    assert text.startswith("[mock]")
    assert "writer" in text
    assert "topic: durable execution" in text
    assert "You write short articles." in text
    assert "\n" not in text


async def test_each_step_of_a_team_quotes_the_one_before() -> None:
    first = await answer(request("topic: tides\n", role="researcher", system="You find facts."))
    said = f'prompt: Write about <ark:step-output step="researcher">\n{first}\n</ark:step-output>\n'
    second = await answer(request(said))
    said = f'prompt: Shorten <ark:step-output step="writer">\n{second}\n</ark:step-output>\n'
    third = await answer(request(said, role="editor", system="You edit."))
    assert "Write about (output of researcher)" in second
    assert "It has from researcher" in second
    assert "tides" in second
    assert "It has from writer" in third
    assert "Write about (output of researcher)" in third
    assert not any("ark:step-output" in text for text in (second, third))
    assert max(map(len, (first, second, third))) < 700


async def test_long_prompts_are_cut_and_schemas_are_not_echoed() -> None:
    prompt = "topic: " + "word " * 100_000
    assert len(await answer(request(prompt, system="very " * 100_000))) < 700
    asked = 'topic: tides\n\nRespond with valid JSON matching this schema:\n{"type": "object"}\n'
    assert "schema" not in await answer(request(asked))


async def test_results_of_tools_are_quoted() -> None:
    asked = request("topic: tides").model_copy(
        update={
            "messages": (
                UserMessage(text="topic: tides"),
                AssistantMessage(tool_calls=(ToolCall(id="1", name="sea__level", arguments={}),)),
                ToolMessage(results=(ToolResult(call_id="1", name="sea__level", content="4.2 m"),)),
            )
        }
    )
    text = await answer(asked)
    assert "the tool sea__level" in text
    assert "4.2 m" in text


async def test_a_request_without_anything_is_answered() -> None:
    assert (await answer(request("", role="", system=""))).startswith("[mock]")


@pytest.mark.parametrize(("purpose", "word"), [("validate", "VALID"), ("probe", "HEALTHY")])
async def test_verdicts_begin_with_the_word_that_passes(purpose: Purpose, word: str) -> None:
    text = await answer(request("Is it well? Reply VALID or INVALID.", purpose=purpose))
    assert text.split(":")[0] == word


ROUTES = [
    "Choose a capability.\n- billing: invoices and refunds\n- legal: contracts\n\ninput: - none: x",
    'Choose one of [{"id": "billing", "tags": []}, {"id": "legal"}].',
    "capabilities:\n  - id: billing\n    description: invoices\n  - id: legal\n",
    "1. `billing` (invoices)\n2. `legal` (contracts)",
]


@pytest.mark.parametrize("prompt", ROUTES)
async def test_a_route_takes_the_first_capability_that_is_listed(prompt: str) -> None:
    chosen = json.loads(await answer(request(prompt, purpose="route", system="")))
    assert chosen["capability"] == "billing"
    assert chosen["reason"]
    free: JsonValue = {
        "type": "object",
        "required": ["capability", "reason"],
        "properties": {"capability": {"type": "string"}, "reason": {"type": "string"}},
    }
    chosen = json.loads(await answer(request(prompt, purpose="route", system="", schema=free)))
    assert chosen["capability"] == "billing"


async def test_a_route_takes_the_first_capability_of_the_schema() -> None:
    schema: JsonValue = {
        "type": "object",
        "required": ["capability", "reason"],
        "properties": {"capability": {"enum": ["legal", "sales"]}, "reason": {"type": "string"}},
    }
    chosen = json.loads(await answer(request(ROUTES[0], purpose="route", schema=schema)))
    assert chosen["capability"] == "legal"


async def test_tokens_are_a_quarter_of_the_characters() -> None:
    schema: JsonValue = {"type": "integer"}
    tool = ToolSpec(name="find", description="Finds.", input_schema={"type": "object"})
    asked = request("héllo", system="abc", schema=schema).model_copy(update={"tools": (tool,)})
    reply = await MockModel().generate(asked)
    tools = "find" + "Finds." + json.dumps(tool.input_schema)
    assert reply.usage.input_tokens == math.ceil(len("héllo" + "abc" + json.dumps(schema) + tools) / 4)
    assert reply.usage.output_tokens == math.ceil(len(reply.text) / 4)


async def test_the_reply_says_who_answered_and_is_repeatable() -> None:
    asked = request("topic: tides")
    first, second = await MockModel().generate(asked), await MockModel().generate(asked)
    assert first == second == ModelReply.model_validate_json(first.model_dump_json())
    assert (first.provider, first.model, first.stop_reason) == ("mock", "mock", "end")
    other = await MockModel().generate(request("topic: tide"))
    assert other.request_id != first.request_id


async def test_text_is_instant() -> None:
    model, asked = MockModel(), request("topic: tides")
    start = time.perf_counter()
    for _ in range(100):
        await model.generate(asked)
    assert (time.perf_counter() - start) / 100 < 0.01
    await model.aclose()
