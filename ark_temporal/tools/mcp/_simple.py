"""The simple dialect that published recipes use: two POSTs of plain JSON, and no protocol around them."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import httpx2
from pydantic import BaseModel, Field, JsonValue, ValidationError

from ark_temporal.tools.mcp._door import Door
from ark_temporal.tools.mcp._exchange import Exchange
from ark_temporal.tools.mcp._failures import NotSpokenError
from ark_temporal.tools.mcp._listing import RemoteTool
from ark_temporal.tools.mcp._results import simple_answer
from ark_temporal.tools.types import ToolAnswer, ToolError

_MAX_QUOTE = 100_000


class _Hints(BaseModel):
    read_only: bool | None = Field(None, alias="readOnlyHint")
    idempotent: bool | None = Field(None, alias="idempotentHint")


class _Tool(BaseModel):
    name: str = Field(min_length=1)
    description: str | None = None
    input_schema: dict[str, Any] | None = Field(None, alias="inputSchema")
    annotations: _Hints | None = None


class _List(BaseModel):
    tools: list[_Tool]


async def list_tools(door: Door, exchange: Exchange) -> list[RemoteTool]:
    """All tools.

    Raises:
        NotSpokenError: The server answers, but not in this dialect.
        ToolError: There was no answer.
    """
    try:
        status, body = await _post(door, "/tools/list", exchange)
    except ToolError as error:
        raise door.failures.unsent(error) from None
    if status != 200:
        raise NotSpokenError(f"HTTP {status}")
    try:
        return list(map(_remote, _List.model_validate_json(body).tools))
    except ValidationError:
        raise NotSpokenError("its answer holds no list of tools") from None


async def call_tool(
    door: Door, name: str, arguments: Mapping[str, JsonValue], key: str, exchange: Exchange
) -> ToolAnswer:
    """Call a tool. What a server answers with another status than 200 is its tool's error.

    Raises:
        ToolError: There was no answer.
    """
    body = {"name": name, "arguments": arguments}
    status, reply = await _post(door, "/tools/call", exchange, body, **{"Idempotency-Key": key})
    answer = simple_answer(_parse(reply), reply.decode(errors="replace"))
    if 200 <= status < 300:
        return answer
    return ToolAnswer(content=f"HTTP {status}: {answer.content[:_MAX_QUOTE]}", is_error=True)


async def _post(
    door: Door, path: str, exchange: Exchange, content: object = None, **headers: str
) -> tuple[int, bytes]:
    try:
        url = httpx2.URL(door.server.url)
        target = url.copy_with(path=url.path.rstrip("/") + path)
    except httpx2.InvalidURL:
        target = door.server.url  # The request says what is wrong with it.
    request = door.request("POST", str(target), json=content, **headers)
    try:
        async with asyncio.timeout(exchange.remaining):
            response = await door.send(request, exchange)
            try:
                return response.status_code, await response.aread()
            finally:
                await response.aclose()
    except TimeoutError:
        raise door.failures.timeout(exchange.seconds, sent=exchange.sent) from None


def _parse(body: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(body)
    except ValueError:
        return {}
    return cast(dict[str, Any], reply) if isinstance(reply, dict) else {}


def _remote(tool: _Tool) -> RemoteTool:
    hints = tool.annotations
    return RemoteTool(
        tool.name,
        tool.description or "",
        tool.input_schema or {},
        read_only=hints is not None and hints.read_only is True,
        idempotent=hints is not None and hints.idempotent is True,
    )
