"""The tools of the lab server. Apart from it: the simple dialect needs no SDK, which is slow to load."""

import asyncio
import json
import os
import sys
from typing import Any, cast

from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ListToolsResult, PaginatedRequestParams, ToolAnnotations
from starlette.requests import Request

from tests.integration.mcp import lab_counts
from tests.integration.mcp.lab_counts import note

kept: dict[str, str] = {}


class Paged(MCPServer):
    """Lists a hundred tools on a page, and if told so, always one page more."""

    endless = False

    async def _handle_list_tools(
        self, ctx: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        first = int(params.cursor) if params and params.cursor else 0
        tools = await self.list_tools()
        more = self.endless or first + 100 < len(tools)
        page = tools[first : first + 100]
        return ListToolsResult(tools=page, next_cursor=str(first + 100) if more else None)


lab = Paged("lab", instructions="A server to test against.")


@lab.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)
def echo(text: str) -> str:
    """Say it again."""
    return text


@lab.tool(annotations=ToolAnnotations(idempotent_hint=True), structured_output=False)
async def slow(seconds: float) -> str:
    """Take a while."""
    note(f"slow {seconds}")
    await asyncio.sleep(seconds)
    return "done"


@lab.tool(structured_output=False)
def big(size: int) -> str:
    """Say much."""
    return "x" * size


@lab.tool(structured_output=False)
def pid() -> str:
    """The number of this process."""
    return str(os.getpid())


@lab.tool(structured_output=False)
def environment() -> str:
    """All that this process was given."""
    return json.dumps(dict(os.environ))


@lab.tool(structured_output=False)
def seen(ctx: Context) -> str:
    """What came with this call."""
    meta = cast(dict[str, Any], ctx.request_context.meta or {})
    return json.dumps({"headers": dict(ctx.headers or {}), "key": meta.get("idempotencyKey")})


@lab.tool(structured_output=False)
def connections() -> str:
    """The most connections that were open at once since this was asked before."""
    return str(lab_counts.peak())


@lab.tool(structured_output=False)
def fail(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@lab.tool(structured_output=False)
def remember(text: str, ctx: Context) -> str:
    """Keep a word for this session."""
    kept[_session(ctx)] = text
    return "kept"


@lab.tool(structured_output=False)
def recall(ctx: Context) -> str:
    """The word that this session kept."""
    return kept.get(_session(ctx), "nothing")


@lab.tool(structured_output=False)
def die() -> str:
    """End this process at once."""
    sys.stderr.write(f"about to die with {os.environ.get('LAB_SECRET', 'nothing')}\n")
    sys.stderr.flush()
    os._exit(3)


def add_tools(number: int) -> None:
    """Many more of them."""
    for count in range(number):
        lab.add_tool(echo, name=f"extra-{count}", structured_output=False)


def _session(ctx: Context) -> str:
    request = ctx.request_context.request
    if not isinstance(request, Request):
        return ""
    return request.headers.get("mcp-session-id") or request.query_params.get("session_id") or ""
