"""Agents with tools on a real Temporal, through each provider's own SDK, against servers that are strict."""

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from ark_temporal.plan.model import Plan, PromptPart
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from tests.integration.agents.crew import TOOLS, ended_alike
from tests.integration.agents.scripts import python
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab
from tests.integration.llm.providers import ANTHROPIC, CASES, COMPATIBLE, GEMINI, OPENAI, Case
from tests.integration.llm.stub_server import Match, Recorded, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import Format, Said, ScriptedCall, reply_body
from tests.integration.plans import KEY, keys, plan, step

COUNT: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}
OTHER_KEY = "sk-lab-the-second"
THOUGHT = "I should add."
FORMATS: dict[str, Format] = {
    "anthropic": "anthropic",
    "openai": "responses",
    "openai-compatible": "chat",
    "gemini": "gemini",
}
MARKS = {
    "anthropic": ["signature-{}", "redacted-{}"],
    "openai": ["encrypted-{}"],
    "openai-compatible": [THOUGHT],
    "gemini": ["c2lnbmF0dXJl+{}/=="],
}
"""What of its reasoning a provider wants back; `{}` is the number of the request."""

each_provider = pytest.mark.parametrize("case", CASES, ids=lambda case: case.provider)


def agent(case: Case, *tools: ToolPlan, schema: Any = None) -> Plan:
    """One step, `desk`, of that provider's agent, which adds and may have more tools."""
    fields: dict[str, Any] = {"tools": (*python("add"), *tools), "system": (PromptPart(text="Be brief."),)}
    made = plan(step("desk", output_schema=schema), case=case, agents=fields)
    # Said by the plan, since a base URL of one's own is taken for a compatible server's.
    forced = {role: of.model_copy(update={"provider": case.provider}) for role, of in made.agents.items()}
    return made.model_copy(update={"agents": forced})


def adds(*numbers: int) -> list[ScriptedCall]:
    """The model wants 100 added to each of these, all at once."""
    return [ScriptedCall(name="add", arguments={"a": n, "b": 100}) for n in numbers]


def script(*replies: Reply) -> list[Rule]:
    """One reply after the other."""
    return [Rule(match=Match(nth=nth), reply=reply) for nth, reply in enumerate(replies, 1)]


async def converse(
    lab: Lab, case: Case, *replies: Reply, schema: Any = None
) -> tuple[RunRecord, list[Recorded]]:
    """Run an agent whose model gives these replies; its record, and what the model was asked."""
    with StubServer(script(*replies), strict=True) as server:
        async with lab.working(keys(server.url, case), tools=[TOOLS]):
            record = await ended_alike(await lab.start(agent(case, schema=schema)))
    assert len(server.requests) == len(replies)
    return record, server.requests


@pytest.mark.slow
@each_provider
async def test_a_fresh_worker_goes_on_after_a_rate_limit_and_says_the_same(lab: Lab, case: Case) -> None:
    pay = ScriptedCall(name="pay", arguments={"sum": 9})
    replies = script(
        Reply(text="Let me see.", tool_calls=[*adds(1), pay, *adds(2)], reasoning=THOUGHT),
        Reply(status=429, headers={"retry-after": "2"}),
        Reply(tool_calls=adds(3), reasoning=THOUGHT),
        Reply(text="All done."),
    )
    with Sink(answer='{"paid": 9}') as sink, StubServer(replies, strict=True) as server:
        paying = ToolPlan(name="pay", effect="unsafe", webhook=WebhookPlan(url=sink.url))
        async with lab.working(keys(server.url, case), tools=[TOOLS]):
            run = await lab.start(agent(case, paying))
            await asyncio.to_thread(server.await_requests, 2, 30)
        async with lab.working(keys(server.url, case, OTHER_KEY), tools=[TOOLS]):
            record = await ended_alike(run, replayed=True)
    assert (record.phase, record.output) == ("Succeeded", "All done."), record.error
    desk = record.step("desk")
    assert [call.result for call in desk.tool_calls] == ["101", '{"paid": 9}', "102", "103"]
    assert [(call.attempts, call.is_error) for call in desk.tool_calls] == [(1, False)] * 4
    assert [call.attempts for call in desk.calls] == [1, 2, 1]
    assert len(sink.asked) == 1

    # Which worker asked is seen by its key: what the second one says of turn 1, it read in the history.
    header, before = case.key_header
    asked_by = [request.headers[header].removeprefix(before) for request in server.requests]
    assert asked_by == [KEY, KEY, OTHER_KEY, OTHER_KEY]
    first, refused, again, last = server.requests
    assert json.dumps(refused.body) == json.dumps(again.body)
    assert_each_begins_the_next(first, refused)
    assert_each_begins_the_next(first, again, last)
    told = json.dumps(again.body)
    results = [told.find(text) for text in ("101", "paid", "102")]
    assert results == sorted(results)
    assert -1 not in results
    for mark in MARKS[case.provider]:
        assert mark.format(1) in told
        assert mark.format(1) in json.dumps(last.body)
        assert mark.format(3) in json.dumps(last.body)


@each_provider
async def test_a_structured_answer_after_tools_is_mended_where_it_was_said(lab: Lab, case: Case) -> None:
    record, requests = await converse(
        lab,
        case,
        Reply(tool_calls=adds(1, 2, 3), reasoning=THOUGHT),
        Reply(text='{"n": "three hundred"}', reasoning=THOUGHT),
        Reply(tool_calls=adds(4), reasoning=THOUGHT),
        Reply(text='{"n": 306}'),
        schema=COUNT,
    )
    desk = record.step("desk")
    assert record.phase == "Succeeded", record.error
    assert (desk.output, desk.data) == ('{"n": 306}', {"n": 306})
    assert [call.purpose for call in desk.calls] == ["task", "task", "repair", "task"]
    assert [bool(call.problems) for call in desk.calls] == [False, True, False, False]
    assert [call.result for call in desk.tool_calls] == ["101", "102", "103", "104"]
    assert_each_begins_the_next(*requests)
    mending = json.dumps(requests[2].body)
    assert all(said in mending for said in ("101", "102", "103", "three hundred", "was not accepted"))


PRICED: list[tuple[Case, int, float | None]] = [
    # Dollars for a million of what two turns take: 900 read anew, 1000 from the cache, 100 written to it
    # where the provider says so (else read anew), and 60 generated.
    (replace(ANTHROPIC, model="claude-haiku-4-5"), 100, 900 * 1 + 1000 * 0.1 + 100 * 1.25 + 60 * 5),
    (OPENAI, 100, 1000 * 1.25 + 1000 * 0.125 + 60 * 10),
    (COMPATIBLE, 100, None),
    (replace(GEMINI, model="gemini-2.5-flash"), 0, 1000 * 0.3 + 1000 * 0.03 + 60 * 2.5),
]


@pytest.mark.parametrize(("case", "written", "micros"), PRICED, ids=[one[0].provider for one in PRICED])
async def test_the_tokens_of_each_turn_are_counted_by_class_and_priced(
    lab: Lab, case: Case, written: int, micros: float | None
) -> None:
    first = {"input": 800, "written": 100, "output": 40, "reasoning": 30}
    record, _ = await converse(
        lab,
        case,
        Reply(tool_calls=adds(1), reasoning=THOUGHT, usage=first),
        Reply(text="101", usage={"input": 1200, "cached": 1000, "output": 20}),
    )
    desk = record.step("desk")
    for usage in (record.token_usage, desk.token_usage):
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (2000, 60, 2060)
        assert (usage.cached_input_tokens, usage.cache_write_tokens) == (1000, written)
        assert usage.reasoning_tokens == 30
    assert [call.token_usage.cached_input_tokens for call in desk.calls] == [0, 1000]
    expected = None if micros is None else pytest.approx(micros / 1_000_000)
    assert (record.cost_usd, desk.cost_usd) == (expected, expected)
    assert bool(record.prices_as_of) is (micros is not None)


@each_provider
async def test_a_refusal_after_tools_fails_the_step(lab: Lab, case: Case) -> None:
    record, _ = await converse(
        lab,
        case,
        Reply(tool_calls=adds(1), reasoning=THOUGHT),
        Reply(behaviour="refusal", text="I will not."),
    )
    assert record.error is not None
    assert (record.phase, record.reason, record.error.type) == ("Failed", "StepFailed", "ModelRefused")
    desk = record.step("desk")
    assert [call.result for call in desk.tool_calls] == ["101"]
    assert desk.calls[1].stop_reason == "refusal"
    assert record.token_usage.output_tokens == 10


@each_provider
async def test_calls_that_were_cut_off_are_not_made(lab: Lab, case: Case) -> None:
    record, _ = await converse(
        lab, case, Reply(tool_calls=adds(1), reasoning=THOUGHT), cut_off(case, *adds(2, 3), text="Let me")
    )
    desk = record.step("desk")
    assert [call.result for call in desk.tool_calls] == ["101"]
    assert (record.phase, record.output, desk.calls[1].stop_reason) == ("Succeeded", "Let me", "max_tokens")
    assert "dropped" in desk.warnings[0]
    assert "maxTokensPerCall" in desk.warnings[0]


@each_provider
async def test_where_an_answer_is_checked_one_that_was_cut_off_is_asked_for_again(
    lab: Lab, case: Case
) -> None:
    record, requests = await converse(
        lab,
        case,
        Reply(tool_calls=adds(1), reasoning=THOUGHT),
        cut_off(case, *adds(2)),
        cut_off(case, text='{"n": 10'),
        Reply(text='{"n": 101}'),
        schema=COUNT,
    )
    desk = record.step("desk")
    assert (record.phase, desk.data) == ("Succeeded", {"n": 101}), record.error
    assert [call.purpose for call in desk.calls] == ["task", "task", "repair", "repair"]
    assert [call.result for call in desk.tool_calls] == ["101"]
    assert_each_begins_the_next(*requests)


@each_provider
async def test_an_answer_that_was_cut_off_stands_with_a_warning(lab: Lab, case: Case) -> None:
    record, _ = await converse(
        lab, case, Reply(tool_calls=adds(1), reasoning=THOUGHT), cut_off(case, text="The sum is")
    )
    desk = record.step("desk")
    assert (record.phase, record.output) == ("Succeeded", "The sum is")
    assert desk.calls[1].stop_reason == "max_tokens"
    [warning] = desk.warnings
    assert "maxTokensPerCall" in warning


@each_provider
async def test_what_the_model_calls_wrongly_it_is_told_and_mends(lab: Lab, case: Case) -> None:
    wrong = [*adds(1), ScriptedCall(name="multiply", arguments={"a": 2}), *adds(3)]
    record, requests = await converse(
        lab,
        case,
        garbled(case, *wrong),
        Reply(tool_calls=adds(3), reasoning=THOUGHT),
        Reply(text="101 and 103."),
    )
    desk = record.step("desk")
    assert (record.phase, record.output) == ("Succeeded", "101 and 103."), record.error
    by_result = {call.result: call for call in desk.tool_calls}
    assert {"101", "103"} < by_result.keys()
    unknown, unread = (call.result for call in desk.tool_calls if call.is_error)
    assert "There is no tool named 'multiply'. The tools are: add." in unknown
    assert "no JSON" in unread
    assert len(desk.tool_calls) == 4
    told = json.dumps(requests[1].body)
    assert all(text in told for text in ("no tool named 'multiply'", "no JSON", '"101"'))
    assert_each_begins_the_next(*requests)


def cut_off(case: Case, *calls: ScriptedCall, text: str = "") -> Reply:
    """A reply that ends for its length."""
    body = _worded(case, *calls, text=text)
    match case.provider:
        case "anthropic":
            body["stop_reason"] = "max_tokens"
        case "openai":
            body |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        case "gemini":
            body["candidates"][0]["finishReason"] = "MAX_TOKENS"
        case _:
            body["choices"][0]["finish_reason"] = "length"
    return Reply(body=body)


def garbled(case: Case, *calls: ScriptedCall) -> Reply:
    """A reply whose last call has arguments that are no JSON."""
    body, arguments = _worded(case, *calls, reasoning=THOUGHT), '{"a": 3, "b'
    match case.provider:
        case "anthropic":
            body["content"][-1]["input"] = arguments
        case "openai":
            body["output"][-1]["arguments"] = arguments
        case "gemini":
            body["candidates"][0]["content"]["parts"][-1]["functionCall"]["args"] = arguments
        case _:
            body["choices"][0]["message"]["tool_calls"][-1]["function"]["arguments"] = arguments
    return Reply(body=body)


def _worded(case: Case, *calls: ScriptedCall, text: str = "", reasoning: str = "") -> dict[str, Any]:
    said = Said(case.model, text, calls, reasoning, number=7, usage={"input": 10, "output": 5})
    body: Any = reply_body(FORMATS[case.provider], said)
    return body


def assert_each_begins_the_next(*requests: Recorded) -> None:
    """A provider's cache finds only what is byte for byte the same from the beginning."""
    for one, following in pairwise(requests):
        (shorter, rest), (longer, same) = _turns(one), _turns(following)
        assert len(shorter) < len(longer)
        assert longer[: len(shorter)] == shorter
        assert rest == same


def _turns(request: Recorded) -> tuple[list[str], str]:
    """The messages, without the marks that move along as the conversation grows; and all the rest."""
    rest = dict(request.body)
    [name] = rest.keys() & {"messages", "input", "contents"}
    turns: list[Any] = rest.pop(name)
    written = [json.dumps(turn).replace(', "cache_control": {"type": "ephemeral"}', "") for turn in turns]
    return written, json.dumps(rest)
