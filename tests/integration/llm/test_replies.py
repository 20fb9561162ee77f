"""What each adapter sends and reads, over a real socket."""

import base64
import json
from typing import Any

import pytest

from ark_temporal.llm import (
    AssistantMessage,
    ModelPool,
    ModelReply,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    Usage,
    UserMessage,
)
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, GEMINI, KEY, OPENAI, Asker, Case
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import ScriptedCall

SEARCH = ToolSpec(
    name="incidents__search",
    description="Find incidents.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


async def test_answers_in_one_request(asker: Asker) -> None:
    with StubServer([Rule(reply=Reply(text="Well, thank you."))]) as server:
        reply = await asker.ask(server, system="Be polite.")
    assert reply.text == "Well, thank you."
    assert reply.stop_reason == "end"
    assert reply.provider == asker.case.provider
    assert reply.model == asker.case.model
    assert reply.message.native is None
    [request] = server.requests
    sent = json.dumps(request.body)
    assert "Be polite." in sent
    assert "How are you?" in sent


async def test_sends_the_key_in_its_header_only(asker: Asker) -> None:
    with StubServer() as server:
        await asker.ask(server)
    [request] = server.requests
    name, before = asker.case.key_header
    assert request.headers.pop(name) == before + KEY
    assert KEY not in json.dumps([request.path, request.headers, request.body])


async def test_limits_the_output(asker: Asker) -> None:
    with StubServer() as server:
        await asker.ask(server, max_output_tokens=321)
    assert "321" in json.dumps(server.requests[0].body)


async def test_maps_usage_with_cached_tokens_inside_of_input(asker: Asker) -> None:
    tokens = {"input": 1000, "cached": 600, "output": 50, "reasoning": 30}
    with StubServer([Rule(reply=Reply(usage=tokens))]) as server:
        reply = await asker.ask(server)
    assert reply.usage == Usage(
        input_tokens=1000, cached_input_tokens=600, output_tokens=50, reasoning_tokens=30
    )


@pytest.mark.parametrize("case", [ANTHROPIC, OPENAI, COMPATIBLE], ids=lambda case: case.provider)
async def test_maps_tokens_written_to_the_cache(pool: ModelPool, case: Case) -> None:
    tokens = {"input": 1000, "cached": 600, "written": 300, "output": 50}
    with StubServer([Rule(reply=Reply(usage=tokens))]) as server:
        reply = await Asker(pool, case).ask(server)
    assert (reply.usage.input_tokens, reply.usage.cache_write_tokens) == (1000, 300)


async def test_tool_calls_go_round(asker: Asker) -> None:
    calls = [
        ScriptedCall(name=SEARCH.name, arguments={"query": "disk full", "isCamel_case": None}, id="call_a"),
        ScriptedCall(name=SEARCH.name, arguments={"query": "ünïcode"}, id="call_b"),
    ]
    script = [Rule(match=Match(nth=1), reply=Reply(text="Let me look.", tool_calls=calls))]
    with StubServer(script) as server:
        question = UserMessage(text="Any incidents?")
        first = await asker.ask(server, question, tools=(SEARCH,))
        results = ToolMessage(results=tuple(_result(call) for call in first.message.tool_calls))
        second = await asker.ask(server, question, first.message, results, tools=(SEARCH,))
    assert first.stop_reason == "tool_use"
    assert first.text == "Let me look."
    assert first.message.tool_calls == (
        ToolCall(id="call_a", name=SEARCH.name, arguments={"query": "disk full", "isCamel_case": None}),
        ToolCall(id="call_b", name=SEARCH.name, arguments={"query": "ünïcode"}),
    )
    assert second.stop_reason == "end"
    asked, told = (request.body for request in server.requests)
    assert asked["tools"] == told["tools"]
    assert "Find incidents." in json.dumps(asked["tools"])
    assert _results_seen(told) == {"call_a": "found disk full", "call_b": "found ünïcode"}


async def test_sends_reasoning_back_unchanged(asker: Asker) -> None:
    call = ScriptedCall(name=SEARCH.name, arguments={"query": "x"}, id="call_a")
    reply = Reply(text="Hm.", tool_calls=[call], reasoning="I should look.")
    with StubServer([Rule(reply=reply)]) as server:
        first = await asker.ask(server, tools=(SEARCH,))
        restored = AssistantMessage.model_validate_json(first.message.model_dump_json())
        results = ToolMessage(results=(_result(first.message.tool_calls[0]),))
        await asker.ask(server, UserMessage(text="?"), restored, results, tools=(SEARCH,))
        assert "I should look." not in first.text
        told = json.dumps(server.requests[1].body)
    marks: dict[str, list[object]] = {
        "anthropic": [{"type": "thinking", "thinking": "I should look.", "signature": "signature-1"}],
        "openai": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "encrypted-1"}],
        "openai-compatible": ["I should look."],
        "gemini": [{"text": "I should look.", "thought": True}, "c2lnbmF0dXJl+1/=="],
    }
    for mark in marks[asker.case.provider]:
        assert json.dumps(mark) in told


async def test_gives_another_provider_the_neutral_form(asker: Asker) -> None:
    reply = Reply(
        text="Hm.",
        tool_calls=[ScriptedCall(name=SEARCH.name, arguments={"query": "x"})],
        reasoning="Secretly.",
    )
    other = Asker(asker.pool, OPENAI if asker.case is not OPENAI else ANTHROPIC)
    with StubServer([Rule(reply=reply)]) as server:
        first = await asker.ask(server, tools=(SEARCH,))
        results = ToolMessage(results=(_result(first.message.tool_calls[0]),))
        await other.ask(server, UserMessage(text="?"), first.message, results, tools=(SEARCH,))
    told = json.dumps(server.requests[1].body)
    assert "Secretly." not in told
    assert "found x" in told
    assert SEARCH.name in told


async def test_failed_tools_are_told_as_failed(asker: Asker) -> None:
    call = ToolCall(id="call_a", name=SEARCH.name, arguments={"query": "x"})
    result = ToolResult(call_id="call_a", name=SEARCH.name, content="no such index", is_error=True)
    with StubServer() as server:
        await asker.ask(
            server,
            UserMessage(text="?"),
            AssistantMessage(tool_calls=(call,)),
            ToolMessage(results=(result,)),
            tools=(SEARCH,),
        )
    told = json.dumps(server.requests[0].body)
    marks = {
        "anthropic": '"is_error": true',
        "openai": '"Error: no such index"',
        "openai-compatible": '"Error: no such index"',
        "gemini": '{"error": "no such index"}',
    }
    assert marks[asker.case.provider] in told


async def test_a_tool_without_arguments_still_has_an_object_schema(asker: Asker) -> None:
    with StubServer() as server:
        await asker.ask(server, tools=(ToolSpec(name="now"),))
    assert '{"type": "object", "properties": {}}' in json.dumps(server.requests[0].body["tools"])


async def test_gemini_calls_without_an_id_get_one_that_gemini_never_sees(pool: ModelPool) -> None:
    gemini = Asker(pool, GEMINI)
    calls = [ScriptedCall(name=SEARCH.name, arguments={"query": query}) for query in ("a", "b")]
    with StubServer([Rule(reply=Reply(tool_calls=calls))]) as server:
        first = await gemini.ask(server, tools=(SEARCH,))
        ids = {call.id for call in first.message.tool_calls}
        results = ToolMessage(results=tuple(_result(call) for call in first.message.tool_calls))
        await gemini.ask(server, UserMessage(text="?"), first.message, results, tools=(SEARCH,))
    assert len(ids) == 2
    assert not any(id in json.dumps(server.requests[1].body) for id in ids)


async def test_foreign_calls_are_signed_for_gemini_models_that_check(pool: ModelPool) -> None:
    history = (
        UserMessage(text="?"),
        AssistantMessage(tool_calls=(ToolCall(id="call_a", name=SEARCH.name),)),
        ToolMessage(results=(ToolResult(call_id="call_a", name=SEARCH.name, content="none"),)),
    )
    with StubServer() as server:
        for model in ("gemini-3-pro", "gemini-2.5-flash"):
            await Asker(pool, GEMINI).ask(server, *history, model=model)
    checked, unchecked = (json.dumps(request.body) for request in server.requests)
    assert "thoughtSignature" in checked
    assert "thoughtSignature" not in unchecked


async def test_a_call_cut_off_by_the_output_limit_is_not_made(asker: Asker) -> None:
    with StubServer([Rule(reply=Reply(body=_cut_off_call(asker.case)))]) as server:
        reply = await asker.ask(server, tools=(SEARCH,))
    assert reply.stop_reason == "max_tokens"
    assert reply.message.tool_calls == ()
    assert reply.message.native is None
    assert "maxTokensPerCall" in reply.warnings[0]


async def test_a_refusal_is_a_reply(asker: Asker) -> None:
    with StubServer([Rule(reply=Reply(behaviour="refusal", text="I will not."))]) as server:
        reply = await asker.ask(server)
    assert reply.stop_reason == "refusal"
    assert reply.text == "I will not."


TEMPERATURE_MODELS = [
    (ANTHROPIC, "claude-sonnet-5", False),
    (ANTHROPIC, "claude-opus-4-7", False),
    (ANTHROPIC, "claude-opus-4-6", True),
    (ANTHROPIC, "claude-haiku-4-5-20251001", True),
    (OPENAI, "gpt-5-mini", False),
    (OPENAI, "o3", False),
    (OPENAI, "gpt-4.1", True),
    (COMPATIBLE, "llama3.3", True),
    (GEMINI, "gemini-3-pro", True),
]


@pytest.mark.parametrize(("case", "model", "taken"), TEMPERATURE_MODELS, ids=lambda value: str(value)[:40])
async def test_temperature_is_sent_or_warned_about(
    pool: ModelPool, case: Case, model: str, taken: bool
) -> None:
    with StubServer() as server:
        reply = await Asker(pool, case).ask(server, model=model, temperature=0.25)
    body = server.requests[0].body
    assert (body.get("temperature") or body.get("generationConfig", {}).get("temperature")) == (
        0.25 if taken else None
    )
    assert [warning for warning in reply.warnings if "0.25" in warning and model in warning] == (
        [] if taken else list(reply.warnings)
    )
    assert bool(reply.warnings) is not taken


async def test_no_temperature_means_no_warning(asker: Asker) -> None:
    with StubServer() as server:
        reply = await asker.ask(server)
    assert reply.warnings == ()
    assert "temperature" not in json.dumps(server.requests[0].body)


async def test_openais_least_output_limit_is_kept_to(pool: ModelPool) -> None:
    with StubServer() as server:
        reply = await Asker(pool, OPENAI).ask(server, max_output_tokens=4)
    assert server.requests[0].body["max_output_tokens"] == 16
    assert "16" in reply.warnings[0]


async def test_openai_sends_and_keeps_nothing_at_the_provider(pool: ModelPool) -> None:
    with StubServer() as server:
        await Asker(pool, OPENAI).ask(server)
        await Asker(pool, OPENAI).ask(server, model="gpt-4.1")
    reasoning, plain = (request.body for request in server.requests)
    assert reasoning["store"] is plain["store"] is False
    assert reasoning["include"] == ["reasoning.encrypted_content"]
    # Models without reasoning refuse a request for it.
    assert "include" not in plain


async def test_a_compatible_server_may_answer_loosely(pool: ModelPool) -> None:
    said: dict[str, Any] = {
        "content": [{"type": "text", "text": "Yes"}, {"type": "text", "text": "."}],
        "tool_calls": [{"function": {"name": "now", "arguments": {}}}],
    }
    body: dict[str, Any] = {"choices": [{"message": said, "finish_reason": "stop"}]}
    with StubServer([Rule(reply=Reply(body=body))]) as server:
        reply = await Asker(pool, COMPATIBLE).ask(server)
    assert reply.text == "Yes."
    assert reply.stop_reason == "tool_use"
    assert reply.message.tool_calls[0].id
    assert reply.model == COMPATIBLE.model
    assert reply.usage == Usage()


AMBIENT = {
    "ANTHROPIC_API_KEY": "sk-ambient",
    "ANTHROPIC_AUTH_TOKEN": "sk-ambient",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "OPENAI_API_KEY": "sk-ambient",
    "OPENAI_ADMIN_KEY": "sk-ambient",
    "OPENAI_BASE_URL": "http://127.0.0.1:9",
    "OPENAI_ORG_ID": "ambient",
    "OPENAI_PROJECT_ID": "ambient",
    "OPENAI_CUSTOM_HEADERS": "X-Ambient: secret\nAuthorization: Bearer sk-ambient",
    "OPENAI_WEBHOOK_SECRET": "ambient",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Ambient: secret\nX-Api-Key: sk-ambient",
    "ANTHROPIC_PROFILE": "ambient",
    "ANTHROPIC_WEBHOOK_SIGNING_KEY": "ambient",
    "GOOGLE_GENAI_API_VERSION": "v1",
    "GOOGLE_GENAI_USE_ENTERPRISE": "true",
    "GOOGLE_GENAI_HTTP_CLIENT": "httpx",
    "GOOGLE_API_KEY": "sk-ambient",
    "GEMINI_API_KEY": "sk-ambient",
    "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:9",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "GOOGLE_CLOUD_PROJECT": "ambient",
    "GOOGLE_CLOUD_LOCATION": "ambient",
}


async def test_the_workers_environment_changes_no_call(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    with StubServer() as server:
        await asker.ask(server)
        for variable, value in AMBIENT.items():
            monkeypatch.setenv(variable, value)
        fresh = ModelPool()
        await Asker(fresh, asker.case).ask(server)
        await fresh.aclose()
    before, after = server.requests
    assert (after.path, after.body) == (before.path, before.body)
    assert after.headers == before.headers


async def test_gemini_does_not_continue_by_itself(pool: ModelPool) -> None:
    content: dict[str, Any] = {"role": "model", "parts": [{"text": "Once upon"}]}
    candidate: dict[str, Any] = {
        "content": content,
        "finishReason": "CONTINUATION",
        "continuationToken": "bW9yZQ==",
    }
    with StubServer([Rule(reply=Reply(body={"candidates": [candidate]}))]) as server:
        reply = await Asker(pool, GEMINI).ask(server)
    assert len(server.requests) == 1
    assert (reply.text, reply.stop_reason) == ("Once upon", "max_tokens")


async def test_half_a_character_is_replaced(asker: Asker) -> None:
    """Python reads half a character that JSON writes as an escape; Temporal's payloads cannot carry it."""
    half, whole = (
        "half \ud83d, whole \U0001f600, no escape \\ud83d",
        "half \ufffd, whole \U0001f600, no escape \\ud83d",
    )
    call = ScriptedCall(name=SEARCH.name, arguments={"query": half}, id="call_a")
    with StubServer([Rule(reply=Reply(text=half, tool_calls=[call], reasoning=half))]) as server:
        reply = await asker.ask(server, tools=(SEARCH,))
        await asker.ask(
            server,
            UserMessage(text="?"),
            reply.message,
            ToolMessage(results=(_result(reply.message.tool_calls[0]),)),
        )
    assert reply.text == whole
    assert reply.message.tool_calls[0].arguments == {"query": whole}
    assert reply.message.native
    assert ModelReply.model_validate_json(reply.model_dump_json()) == reply


async def test_bytes_that_are_no_utf8_are_replaced(asker: Asker) -> None:
    with StubServer([Rule(reply=Reply(behaviour="latin", text="caf\xe9"))]) as server:
        assert (await asker.ask(server)).text == "caf\ufffd"


async def test_a_compressed_reply_is_read(asker: Asker) -> None:
    with StubServer([Rule(reply=Reply(text="Squeezed.", headers={"content-encoding": "gzip"}))]) as server:
        assert (await asker.ask(server)).text == "Squeezed."


def _result(call: ToolCall) -> ToolResult:
    return ToolResult(call_id=call.id, name=call.name, content=f"found {call.arguments['query']}")


def _results_seen(body: dict[str, Any]) -> dict[str, str]:
    """Tool results by call id, in whichever of the four forms a body has them."""
    found: dict[str, str] = {}
    for turn in body.get("messages") or body.get("input") or body["contents"]:
        if turn.get("role") == "tool":
            found[turn["tool_call_id"]] = turn["content"]
        elif turn.get("type") == "function_call_output":
            found[turn["call_id"]] = turn["output"]
        for block in _blocks(turn):
            if "functionResponse" in block:
                found[block["functionResponse"]["id"]] = block["functionResponse"]["response"]["output"]
            elif block.get("type") == "tool_result":
                found[block["tool_use_id"]] = block["content"]
    return found


def _blocks(turn: dict[str, Any]) -> list[dict[str, Any]]:
    content: Any = turn.get("content")
    blocks: list[dict[str, Any]] = turn.get("parts") or ([] if isinstance(content, str) else content) or []
    return blocks


def _cut_off_call(case: Case) -> dict[str, Any]:
    match case.provider:
        case "anthropic":
            block: dict[str, Any] = {"type": "tool_use", "id": "call_a", "name": SEARCH.name, "input": {}}
            usage = {"input_tokens": 1, "output_tokens": 1}
            return {"content": [block], "stop_reason": "max_tokens", "usage": usage}
        case "openai":
            item = {
                "type": "function_call",
                "call_id": "a",
                "name": SEARCH.name,
                "arguments": '{"query": "di',
            }
            reason = {"reason": "max_output_tokens"}
            return {"output": [item], "status": "incomplete", "incomplete_details": reason}
        case "gemini":
            part: dict[str, Any] = {
                "functionCall": {"name": SEARCH.name, "args": {}},
                "thoughtSignature": base64.b64encode(b"signed").decode(),
            }
            return {"candidates": [{"content": {"parts": [part]}, "finishReason": "MAX_TOKENS"}]}
        case _:
            call = {"id": "a", "function": {"name": SEARCH.name, "arguments": '{"query": "di'}}
            return {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "length"}]}
