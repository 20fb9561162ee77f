"""A tool loop in small, as tests drive it: call, run tools, call again."""

from collections.abc import Callable
from typing import Any

from ark_temporal.llm import Message, ModelReply, ToolCall, ToolMessage, ToolResult, ToolSpec, UserMessage
from tests.integration.llm.providers import Asker
from tests.integration.llm.stub_server import StubServer

SEARCH = ToolSpec(
    name="incidents__search",
    description="Find incidents.",
    input_schema={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)


def found(call: ToolCall) -> ToolResult:
    """What the tool answers: something for each query, a failure for `broken`, the problem of a bad call."""
    if call.problem:
        return ToolResult(call_id=call.id, name=call.name, content=call.problem, is_error=True)
    query = call.arguments["query"]
    if query == "broken":
        return ToolResult(call_id=call.id, name=call.name, content="", is_error=True)
    return ToolResult(call_id=call.id, name=call.name, content=f"found {query}")


async def converse(
    asker_of: Callable[[int], Asker], server: StubServer, history: list[Message], **fields: Any
) -> list[ModelReply]:
    """Go on with a conversation until the model asks for no more tools.

    Args:
        asker_of: Who asks in which turn, from 0.
        server: Who answers.
        history: The conversation so far; grows by what is said.
        fields: Of each request.

    Returns:
        The replies, the last one without tool calls.
    """
    replies: list[ModelReply] = []
    while not replies or replies[-1].message.tool_calls:
        reply = await asker_of(len(replies)).ask(server, *history, **{"tools": (SEARCH,)} | fields)
        replies.append(reply)
        # As Temporal carries it between the turns.
        history.append(type(reply.message).model_validate_json(reply.message.model_dump_json()))
        if reply.message.tool_calls:
            history.append(ToolMessage(results=tuple(found(call) for call in reply.message.tool_calls)))
    return replies


def question(text: str = "Any incidents?") -> list[Message]:
    """A conversation that has just begun."""
    return [UserMessage(text=text)]
