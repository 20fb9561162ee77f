"""Conversations of a thousand turns: building their requests must not hold up the worker."""

import gc
import time

from pydantic import JsonValue

from ark_temporal.llm import (
    AssistantMessage,
    Message,
    ModelRequest,
    NativeBlocks,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from tests.integration.llm.conversations import SEARCH, question
from tests.integration.llm.providers import OPENAI, Asker
from tests.integration.llm.stub_server import StubServer

TURNS = 1000
ALLOWED_SECONDS = 0.4
"""Ten times what is usual; while it is computed, no other call of the worker goes on."""


async def test_a_thousand_turns_of_a_kilobyte(asker: Asker) -> None:
    history = _history(asker)
    with StubServer(strict=True) as server:
        await asker.ask(server)
        model = asker.model(server)
        request = ModelRequest(model=asker.case.model, messages=history, tools=(SEARCH,), timeout_seconds=60)
        gc.freeze()  # or what other tests have left behind may be gone through once more
        try:
            started = time.thread_time()
            reply = await model.generate(request)
            used = time.thread_time() - started
        finally:
            gc.unfreeze()
    assert reply.warnings == ()
    assert used < ALLOWED_SECONDS


def _history(asker: Asker) -> tuple[Message, ...]:
    history = question()
    for turn in range(TURNS):
        call = ToolCall(id=f"call_{turn}", name=SEARCH.name, arguments={"query": "x"})
        history.append(AssistantMessage(text="So.", tool_calls=(call,), native=_native(asker, call)))
        result = ToolResult(call_id=call.id, name=call.name, content="y" * 1000)
        history.append(ToolMessage(results=(result,)))
    return (*history, UserMessage(text="Answer now."))


def _native(asker: Asker, call: ToolCall) -> NativeBlocks | None:
    """With OpenAI, whose SDK is the slowest at them."""
    if asker.case is not OPENAI:
        return None
    reasoning: JsonValue = {"type": "reasoning", "id": call.id, "summary": [], "encrypted_content": "x" * 300}
    function: JsonValue = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": "{}"}
    return NativeBlocks(provider="openai", model=OPENAI.model, blocks=[reasoning, function])
