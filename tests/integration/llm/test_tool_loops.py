"""Whole conversations with tools, against servers that refuse what the real ones refuse."""

import json
from itertools import pairwise
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.llm import (
    AssistantMessage,
    ModelPool,
    NativeBlocks,
    ToolCall,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from tests.integration.llm.conversations import SEARCH, converse, question
from tests.integration.llm.providers import ANTHROPIC, CASES, COMPATIBLE, GEMINI, OPENAI, Asker, Case
from tests.integration.llm.stub_server import Match, Recorded, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import ScriptedCall

ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {"count": {"type": "integer"}},
    "required": ["count"],
}
TOKENS = {"input": 1000, "cached": 900, "output": 20, "reasoning": 10}


def _search(*queries: str, ids: bool = True) -> list[ScriptedCall]:
    return [
        ScriptedCall(name=SEARCH.name, arguments={"query": query}, id=f"call_{query}" if ids else None)
        for query in queries
    ]


def _turns(*replies: Reply) -> list[Rule]:
    return [Rule(match=Match(nth=number), reply=reply) for number, reply in enumerate(replies, 1)]


def _calls(*queries: str, ids: bool = True, text: str = "", reasoning: str = "I should look.") -> Reply:
    calls = _search(*queries, ids=ids)
    return Reply(text=text, tool_calls=calls, reasoning=reasoning, usage=TOKENS)


async def test_a_loop_with_a_structured_answer_and_a_repair(asker: Asker) -> None:
    script = _turns(
        _calls("a", "b", "broken", text="Let me look."),
        _calls("c"),
        Reply(text='{"count": "three"}', reasoning="Three.", usage=TOKENS),
        _calls("d"),
        Reply(text='{"count": 3}', usage=TOKENS),
    )
    history = question()
    with StubServer(script, strict=True) as server:
        first = await converse(lambda _: asker, server, history, output_schema=ANSWER, system="Be brief.")
        history.append(UserMessage(text="count is no integer"))
        second = await converse(lambda _: asker, server, history, output_schema=ANSWER, system="Be brief.")
    replies = [*first, *second]
    assert [len(reply.message.tool_calls) for reply in replies] == [3, 1, 0, 1, 0]
    assert [reply.stop_reason for reply in replies] == ["tool_use", "tool_use", "end", "tool_use", "end"]
    assert [reply.text for reply in replies] == ["Let me look.", "", '{"count": "three"}', "", '{"count": 3}']
    total = sum((reply.usage for reply in replies), Usage())
    assert (total.input_tokens, total.cached_input_tokens, total.output_tokens) == (5000, 4500, 100)
    assert all(reply.warnings == () for reply in replies)
    _assert_each_begins_the_next(server.requests)
    for request in server.requests:
        assert ('"count"' in json.dumps(_schema(request.body))) is (asker.case is not COMPATIBLE)


async def test_a_loop_with_a_provider_that_gives_no_ids(pool: ModelPool) -> None:
    script = _turns(_calls("a", "b", ids=False), _calls("c", ids=False, reasoning=""), Reply(text="Three."))
    with StubServer(script, strict=True) as server:
        replies = await converse(lambda _: Asker(pool, GEMINI), server, question())
    assert replies[-1].text == "Three."
    assert "ark-call-" not in json.dumps([request.body for request in server.requests])


@pytest.mark.parametrize("other", CASES, ids=[f"then-{case.provider}" for case in CASES])
async def test_the_provider_changes_in_the_middle(asker: Asker, other: Case) -> None:
    script = _turns(
        _calls("a", "b", ids=asker.case is not GEMINI, text="Hm."),
        _calls("c", ids=other is not GEMINI),
        _calls("d", ids=asker.case is not GEMINI),
        Reply(text="Done."),
    )
    second = Asker(asker.pool, other)
    history = question()
    with StubServer(script, strict=True) as server:
        replies = await converse(lambda turn: second if turn % 2 else asker, server, history)
    assert [reply.provider for reply in replies] == [asker.case.provider, other.provider] * 2
    last = json.dumps(server.requests[-1].body)
    assert all(f"found {query}" in last for query in "abcd")
    if asker.case is not other:
        assert "signature-1" not in last
        assert "encrypted-1" not in last
        assert "c2lnbmF0dXJl+1" not in last


async def test_the_model_changes_in_the_middle(asker: Asker) -> None:
    models = {
        "anthropic": "claude-opus-5",
        "openai": "gpt-4.1",
        "openai-compatible": "qwen3",
        "gemini": "gemini-4-flash",
    }
    script = _turns(_calls("a", "b"), Reply(text="Done."))
    history = question()
    with StubServer(script, strict=True) as server:
        first = await asker.ask(server, *history, tools=(SEARCH,))
        results = tuple(ToolResult(call_id=c.id, name=c.name, content="x") for c in first.message.tool_calls)
        history += [first.message, ToolMessage(results=results)]
        server.given.clear()
        await asker.ask(server, *history, tools=(SEARCH,), model=models[asker.case.provider])
    assert first.message.native
    # Another model cannot read what this one thought, and some refuse to be shown it.
    assert "I should look." not in json.dumps(server.requests[1].body)
    assert "encrypted-1" not in json.dumps(server.requests[1].body)


async def test_the_user_speaks_right_after_the_tools(asker: Asker) -> None:
    history = question()
    with StubServer(_turns(_calls("a", "b"), Reply(text="Done.")), strict=True) as server:
        await converse(lambda _: asker, server, history)
        told = [*history[:3], UserMessage(text="Answer now.")]
        assert (await asker.ask(server, *told, tools=(SEARCH,))).text.endswith("Answer now.")


async def test_an_answer_without_words_may_be_followed_by_anything(asker: Asker) -> None:
    empty = AssistantMessage(text=" ")
    with StubServer(strict=True) as server:
        reply = await asker.ask(
            server, UserMessage(text="one"), empty, UserMessage(text="two"), empty, UserMessage(text="three")
        )
    assert reply.text == "echo: one\n\ntwo\n\nthree"


async def test_reasoning_that_led_to_nothing_does_not_come_back(asker: Asker) -> None:
    history = question()
    with StubServer(_turns(Reply(text="", reasoning="Hm."), Reply(text="Done.")), strict=True) as server:
        reply = await asker.ask(server, *history, tools=(SEARCH,))
        assert reply.message.native is None
        again = await asker.ask(server, *history, reply.message, UserMessage(text="Well?"), tools=(SEARCH,))
    assert again.text == "Done."


TRAILING: list[tuple[Case, dict[str, Any]]] = [
    (
        ANTHROPIC,
        {
            "content": [
                {"type": "thinking", "thinking": "a", "signature": "s"},
                {"type": "text", "text": ""},
                {"type": "text", "text": "So far"},
                {"type": "redacted_thinking", "data": "x"},
            ],
            "stop_reason": "max_tokens",
        },
    ),
    (
        OPENAI,
        {
            "output": [
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "So far"}],
                },
                {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "y"},
            ],
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
        },
    ),
]


@pytest.mark.parametrize(("case", "body"), TRAILING, ids=["anthropic", "openai"])
async def test_reasoning_that_was_cut_off_does_not_come_back(
    pool: ModelPool, case: Case, body: dict[str, Any]
) -> None:
    asker = Asker(pool, case)
    with StubServer(_turns(Reply(body=body), Reply(text="Done.")), strict=True) as server:
        reply = await asker.ask(server)
        await asker.ask(server, *question(), reply.message, UserMessage(text="Go on."))
    assert (reply.text, reply.stop_reason) == ("So far", "max_tokens")
    assert reply.message.native
    assert len(reply.message.native.blocks) == 2


async def test_a_call_with_unusable_arguments_is_answered_by_its_problem(asker: Asker) -> None:
    body = _bad_call(asker.case)
    history = question()
    with StubServer(_turns(Reply(body=body), Reply(text="Sorry.")), strict=True) as server:
        replies = await converse(lambda _: asker, server, history)
    good, bad = replies[0].message.tool_calls
    assert (good.arguments, good.problem) == ({"query": "a"}, "")
    assert (bad.id, bad.name, bad.arguments) == ("call_2", SEARCH.name, {})
    assert "not called" in bad.problem
    assert "disk" in bad.problem
    assert replies[0].stop_reason == "tool_use"
    assert "disk" in json.dumps(server.requests[1].body)


UNUSABLE = ['{"a": ', "{'a': 1}", "[1]", '"text"', "7", '{"a": NaN}', '{"a": [1e999]}', "[" * 500, "x" * 9000]


@pytest.mark.parametrize("arguments", UNUSABLE, ids=lambda text: text[:12])
async def test_arguments_that_are_no_json_object(pool: ModelPool, arguments: str) -> None:
    item: JsonValue = {"type": "function_call", "call_id": "a", "name": "now", "arguments": arguments}
    with StubServer([Rule(reply=Reply(body={"output": [item], "status": "completed"}))]) as server:
        reply = await Asker(pool, OPENAI).ask(server, tools=(SEARCH,))
    [call] = reply.message.tool_calls
    assert call.arguments == {}
    assert arguments[:10] in call.problem
    assert len(call.problem) < 500


@pytest.mark.parametrize(
    ("arguments", "read"), [("", {}), ("null", {}), (" {} ", {}), ('{"a": 1}', {"a": 1})]
)
async def test_arguments_that_are_loosely_written(pool: ModelPool, arguments: str, read: Any) -> None:
    item: JsonValue = {"type": "function_call", "call_id": "a", "name": "now", "arguments": arguments}
    with StubServer([Rule(reply=Reply(body={"output": [item], "status": "completed"}))]) as server:
        reply = await Asker(pool, OPENAI).ask(server, tools=(SEARCH,))
    assert reply.message.tool_calls == (ToolCall(id="a", name="now", arguments=read),)


async def test_calls_that_share_an_id_are_told_apart(pool: ModelPool) -> None:
    function = {"name": SEARCH.name, "arguments": '{"query": "a"}'}
    calls = [{"id": "0", "function": function}, {"id": "0", "function": function}]
    message: dict[str, Any] = {"tool_calls": calls, "reasoning_content": "Hm."}
    body: dict[str, Any] = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    with StubServer(_turns(Reply(body=body), Reply(text="Done.")), strict=True) as server:
        replies = await converse(lambda _: Asker(pool, COMPATIBLE), server, question())
    first, second = replies[0].message.tool_calls
    assert first.id == "0" != second.id


async def test_a_long_foreign_id_is_shortened_for_openai(pool: ModelPool) -> None:
    long = f"call_{'signature' * 100}"
    history = (
        *question(),
        AssistantMessage(tool_calls=(ToolCall(id=long, name=SEARCH.name),)),
        ToolMessage(results=(ToolResult(call_id=long, name=SEARCH.name, content="none"),)),
    )
    with StubServer(strict=True) as server:
        await Asker(pool, OPENAI).ask(server, *history, tools=(SEARCH,))
    assert len(server.requests) == 1


async def test_a_call_that_filled_the_context_is_not_made(pool: ModelPool) -> None:
    block: dict[str, Any] = {"type": "tool_use", "id": "a", "name": SEARCH.name, "input": {"query": "di"}}
    body: dict[str, Any] = {"content": [block], "stop_reason": "model_context_window_exceeded"}
    with StubServer([Rule(reply=Reply(body=body))]) as server:
        reply = await Asker(pool, ANTHROPIC).ask(server, tools=(SEARCH,))
    assert (reply.stop_reason, reply.message.tool_calls) == ("context_length", ())
    assert "context" in reply.warnings[0]


async def test_a_refusal_in_the_middle_of_a_loop(asker: Asker) -> None:
    script = _turns(_calls("a"), Reply(behaviour="refusal", text="I will not."))
    with StubServer(script, strict=True) as server:
        replies = await converse(lambda _: asker, server, question())
    assert [reply.stop_reason for reply in replies] == ["tool_use", "refusal"]


async def test_native_blocks_of_an_unknown_model_are_left_out(asker: Asker) -> None:
    native = NativeBlocks(provider=asker.case.provider, model="another", blocks=[{"type": "strange"}])
    with StubServer(strict=True) as server:
        history = (*question(), AssistantMessage(text="Yes.", native=native), UserMessage(text="So?"))
        await asker.ask(server, *history)
    assert "strange" not in json.dumps(server.requests[0].body)


def _assert_each_begins_the_next(requests: list[Recorded]) -> None:
    """A provider's cache finds only what is byte for byte the same from the beginning."""
    for one, next in pairwise(requests):
        shorter, longer = _conversation(one), _conversation(next)
        assert len(shorter) < len(longer)
        assert longer[: len(shorter)] == shorter
        for name in ("system", "instructions", "systemInstruction", "tools"):
            assert json.dumps(one.body.get(name)) == json.dumps(next.body.get(name))


def _conversation(request: Recorded) -> list[str]:
    """The messages as text, without the marks that move along as the conversation grows."""
    turns: list[dict[str, Any]] = (
        request.body.get("messages") or request.body.get("input") or request.body["contents"]
    )
    written = [json.dumps(turn) for turn in turns]
    return [text.replace(', "cache_control": {"type": "ephemeral"}', "") for text in written]


def _schema(body: dict[str, Any]) -> Any:
    return [body.get(name) for name in ("output_config", "text", "response_format", "generationConfig")]


def _bad_call(case: Case) -> dict[str, Any]:
    """Two calls, the second with arguments that are no object; with reasoning, so that it goes back as is."""
    good, bad = '{"query": "a"}', '{"query": "disk'
    match case.provider:
        case "anthropic":
            blocks: list[Any] = [{"type": "thinking", "thinking": "x", "signature": "s"}]
            for id, input in (("call_1", json.loads(good)), ("call_2", bad)):
                blocks.append({"type": "tool_use", "id": id, "name": SEARCH.name, "input": input})
            return {"content": blocks, "stop_reason": "tool_use"}
        case "openai":
            items: list[Any] = [{"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "x"}]
            for id, arguments in (("call_1", good), ("call_2", bad)):
                item = {"type": "function_call", "call_id": id, "name": SEARCH.name, "arguments": arguments}
                items.append(item)
            return {"output": items, "status": "completed"}
        case "gemini":
            parts: list[Any] = [
                {"functionCall": {"id": id, "name": SEARCH.name, "args": args}}
                for id, args in (("call_1", json.loads(good)), ("call_2", bad))
            ]
            parts[0]["thoughtSignature"] = "c2ln"
            return {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
        case _:
            calls = [
                {"id": id, "type": "function", "function": {"name": SEARCH.name, "arguments": arguments}}
                for id, arguments in (("call_1", good), ("call_2", bad))
            ]
            message = {"tool_calls": calls, "reasoning_content": "x"}
            return {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
