"""Listing and calling tools over a connection of the protocol."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    Tool,
)
from pydantic import JsonValue, TypeAdapter

from ark_temporal.tools.mcp._connection import Connection
from ark_temporal.tools.mcp._exchange import Exchange
from ark_temporal.tools.mcp._failures import Failures, SessionGoneError
from ark_temporal.tools.mcp._listing import RemoteTool
from ark_temporal.tools.mcp._results import answer_of
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES, MAX_PAGES, MAX_TOOLS
from ark_temporal.tools.types import ToolAnswer, ToolError

KEY: Final = "idempotencyKey"
"""Where in `_meta` of a call its idempotency key is."""

_Answer = CallToolResult | InputRequiredResult
_ANSWER: Final = TypeAdapter[_Answer](_Answer)
_UNREADABLE: Final = "Server returned an error response"
"""The SDK's words for an HTTP error whose body is no JSON-RPC."""

_NEEDS_PERSON: Final = (
    "The tool did not run: it asks for input from a person, which is not possible here. "
    "Give it everything in its arguments, or use another tool."
)


async def list_tools(
    connection: Connection, failures: Failures, exchange: Exchange, only: Collection[str], *, stateful: bool
) -> tuple[list[RemoteTool], bool]:
    """All tools, page after page, and whether there would be more than are read.

    Args:
        connection: To whom.
        failures: Makes the server's errors.
        exchange: How long it may take.
        only: The tools that are looked for; empty for all.
        stateful: Whether it is a run's session.

    Raises:
        SessionGoneError: The server does not know the session any more.
        ToolError: There was no list.
    """
    found: list[RemoteTool] = []
    looked_for = set(only)
    size = 0
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        try:
            page = await connection.ask(_page(cursor), exchange)
        except MCPError as error:
            if _session_gone(error, exchange, stateful):
                raise SessionGoneError from None
            if error.code == METHOD_NOT_FOUND and exchange.status in (None, 200):
                return found, False
            why = f"it refuses to list its tools: {error.message}"
            raise failures.bad_reply(why, sent=False, retryable=True) from None
        except ToolError as error:
            raise failures.unsent(error) from None
        found += map(_remote, page.tools)
        looked_for.difference_update(tool.name for tool in page.tools)
        size += len(page.model_dump_json())
        cursor = page.next_cursor
        enough = not looked_for if only else len(found) > MAX_TOOLS
        if cursor is None or enough or size > MAX_ANSWER_BYTES:
            break
    return found, cursor is not None


async def call_tool(
    connection: Connection,
    failures: Failures,
    name: str,
    arguments: Mapping[str, JsonValue],
    key: str,
    exchange: Exchange,
    *,
    stateful: bool,
) -> ToolAnswer:
    """Call a tool.

    Raises:
        SessionGoneError: The server does not know the session any more, and did nothing.
        ToolError: There was no answer.
    """
    try:
        result = await connection.ask(_call(name, dict(arguments), key), exchange)
    except MCPError as error:
        return _refused(error, connection, failures, exchange, stateful=stateful)
    if isinstance(result, InputRequiredResult):
        return ToolAnswer(content=_NEEDS_PERSON, is_error=True)
    return answer_of(result)


def _page(cursor: str | None) -> Callable[[Client], Awaitable[ListToolsResult]]:
    return lambda client: client.list_tools(cursor=cursor)


def _call(name: str, arguments: dict[str, Any], key: str) -> Callable[[Client], Awaitable[_Answer]]:
    """The SDK's own `call_tool` would list all tools before it believes an answer, at each first call."""
    request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments, _meta={KEY: key}))

    async def call(client: Client) -> _Answer:
        try:
            return await client.session.send_request(request, _ANSWER)
        except MCPError as error:
            if error.code != HEADER_MISMATCH:
                raise
        # The server wants arguments repeated in headers, which the SDK does once it has seen the tool.
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            cursor = page.next_cursor
            if cursor is None or any(tool.name == name for tool in page.tools):
                break
        return await client.session.send_request(request, _ANSWER)

    return call


def _refused(
    error: MCPError, connection: Connection, failures: Failures, exchange: Exchange, *, stateful: bool
) -> ToolAnswer:
    """A refusal is the server's word to the model, unless it is about the connection."""
    status = exchange.status or 200
    if _session_gone(error, exchange, stateful):
        raise SessionGoneError from None
    if connection.modern and (
        error.code == UNSUPPORTED_PROTOCOL_VERSION
        or (400 <= status < 500 and ("session" in error.message.lower() or error.code == METHOD_NOT_FOUND))
    ):
        connection.end(failures.unreachable("it does not speak its former version of the protocol any more"))
        raise failures.unreachable("it does not speak its former version of the protocol any more") from None
    if status >= 500:
        why = f"HTTP {status}: {error.message}"
        raise failures.bad_reply(why, sent=True, retryable=True) from None
    return ToolAnswer(content=error.message, is_error=True)


def _session_gone(error: MCPError, exchange: Exchange, stateful: bool) -> bool:
    """Servers say it with 404, as they should, or with 400 and some words about it."""
    about_it = "session" in error.message.lower() or error.message == _UNREADABLE
    return stateful and (exchange.status == 404 or (exchange.status in (400, 410) and about_it))


def _remote(tool: Tool) -> RemoteTool:
    hints = tool.annotations
    return RemoteTool(
        tool.name,
        tool.description or "",
        tool.input_schema,
        read_only=hints is not None and hints.read_only_hint is True,
        idempotent=hints is not None and hints.idempotent_hint is True,
    )
