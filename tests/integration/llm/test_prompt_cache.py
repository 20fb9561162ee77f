"""What is done so that a provider reads the beginning of a conversation from its cache."""

import json
from typing import Any

import pytest

from ark_temporal.llm import (
    AssistantMessage,
    CallContext,
    Message,
    ModelPool,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from tests.integration.llm.conversations import SEARCH, converse, question
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, OPENAI, Asker
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import ScriptedCall


@pytest.fixture
def anthropic(pool: ModelPool) -> Asker:
    return Asker(pool, ANTHROPIC)


async def test_a_single_question_pays_nothing_for_a_cache(anthropic: Asker) -> None:
    with StubServer() as server:
        await anthropic.ask(server, system="Be brief.")
        feedback = (AssistantMessage(text="3"), UserMessage(text="In words."))
        await anthropic.ask(server, *question(), *feedback, system="Be brief.")
    assert not any("cache_control" in json.dumps(request.body) for request in server.requests)


async def test_each_turn_writes_its_end_and_reads_the_end_of_the_one_before(anthropic: Asker) -> None:
    # More blocks in one turn than the provider looks back by itself.
    wide = [ScriptedCall(name=SEARCH.name, arguments={"query": str(n)}, id=f"c{n}") for n in range(40)]
    narrow = [ScriptedCall(name=SEARCH.name, arguments={"query": "x"}, id="last")]
    script = [
        Rule(match=Match(nth=1), reply=Reply(tool_calls=wide, reasoning="Hm.")),
        Rule(match=Match(nth=2), reply=Reply(tool_calls=narrow)),
    ]
    with StubServer(script, strict=True) as server:
        await converse(lambda _: anthropic, server, question(), system="Be brief.")
    marked = [_marked(request.body) for request in server.requests]
    assert marked == [[(0, 0)], [(0, 0), (2, 39)], [(2, 39), (4, 0)]]
    for request in server.requests:
        [system] = request.body["system"]
        assert system["cache_control"] == {"type": "ephemeral"}
        assert "cache_control" not in json.dumps(request.body["tools"])


async def test_without_a_system_prompt_the_tools_are_cached(anthropic: Asker) -> None:
    with StubServer() as server:
        await anthropic.ask(server, tools=(SEARCH, SEARCH.model_copy(update={"name": "now"})))
    first, last = server.requests[0].body["tools"]
    assert "cache_control" not in first
    assert last["cache_control"] == {"type": "ephemeral"}
    assert "system" not in server.requests[0].body


async def test_the_last_user_message_is_marked_at_its_end(anthropic: Asker) -> None:
    with StubServer(strict=True) as server:
        await anthropic.ask(server, *_long(3), UserMessage(text="Answer now."), tools=(SEARCH,))
    assert _marked(server.requests[0].body) == [(4, 0), (6, 1)]


async def test_openai_is_told_which_requests_begin_alike(pool: ModelPool) -> None:
    asker = Asker(pool, OPENAI)
    contexts = [
        CallContext(run="team/blog/7f", role="writer"),
        CallContext(run="team/blog/7f", role="writer", call=3, purpose="repair"),
        CallContext(run="team/blog/7f", role="editor"),
        CallContext(run="team/blog/80", role="writer"),
        CallContext(role="writer"),
    ]
    with StubServer() as server:
        for context in contexts:
            await asker.ask(server, context=context)
        await Asker(pool, COMPATIBLE).ask(server, context=contexts[0])
    keys: list[Any] = [request.body.get("prompt_cache_key") for request in server.requests]
    assert keys[0] == keys[1]
    assert len({*keys[1:4]}) == 3
    assert all(len(key) <= 64 and "blog" not in key for key in keys[:4])
    # Outside of a run nothing goes on; and other servers may refuse what they do not know.
    assert keys[4:] == [None, None]


def _marked(body: dict[str, Any]) -> list[tuple[int, int]]:
    """The message and block of each breakpoint."""
    return [
        (number, position)
        for number, message in enumerate(body["messages"])
        for position, block in enumerate(message["content"])
        if "cache_control" in block
    ]


def _long(turns: int) -> list[Message]:
    history: list[Message] = question()
    for turn in range(turns):
        call = ToolCall(id=f"c{turn}", name=SEARCH.name, arguments={"query": "x"})
        history.append(AssistantMessage(tool_calls=(call,)))
        history.append(ToolMessage(results=(ToolResult(call_id=call.id, name=call.name, content="y"),)))
    return history
