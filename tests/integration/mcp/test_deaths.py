"""Servers that go away: nobody hangs, and everybody is told the same way."""

import asyncio
import time
from collections.abc import Callable

import pytest

from ark_temporal.tools.mcp import McpPool, McpServer
from ark_temporal.tools.types import ToolError
from tests.integration.mcp.servers import HTTP_MODES, MODES, Lab, Mode, Run, closed_port

STATEFUL = ("legacy", "sse")


async def _begun(lab: Lab, calls: int) -> None:
    """Wait until so many slow calls are under way at the server."""
    while sum(line.startswith("slow") for line in lab.traces) < calls:
        await asyncio.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("any_lab", ["simple"], indirect=True)
async def test_a_server_killed_in_mid_call(
    pool: McpPool, start: Callable[..., Lab], any_lab: Lab, mode: Mode
) -> None:
    lab = start(mode)
    run, bystander = Run(pool, lab.server()), Run(pool, any_lab.server(name="other"))
    if mode in STATEFUL:
        await run.call("remember", text="a word")
    calls = [asyncio.create_task(run.answer("slow", within=15, key=f"{n}", seconds=60)) for n in range(5)]
    waiting = asyncio.create_task(bystander.call("slow", seconds=1))
    await _begun(lab, 5)
    killed = time.monotonic()
    lab.kill()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert time.monotonic() - killed < 5
    for error in ended:
        assert isinstance(error, ToolError)
        assert (error.type, error.sent, error.retryable) == ("ToolConnectionLost", True, True)
        assert 'MCP server "lab"' in str(error)
        assert ("session" in str(error)) == (mode in STATEFUL)
    assert await waiting == "done"
    lab.start()
    again = await run.answer("echo", text="here again")
    assert not again.is_error
    if mode in STATEFUL:
        assert "session with the MCP server" in again.content
        assert await run.call("recall") == "nothing"
    assert again.content.splitlines()[-1] == "here again"
    assert await run.call("echo", text="and again") == "and again"


@pytest.mark.parametrize("mode", HTTP_MODES)
async def test_a_server_that_is_not_there(pool: McpPool, mode: Mode) -> None:
    paths = {"http": "/mcp", "legacy": "/mcp", "sse": "/sse", "simple": "/api"}
    run = Run(pool, McpServer("gone", url=f"http://127.0.0.1:{closed_port()}{paths[mode]}"))
    with pytest.raises(ToolError) as raised:
        await run.call("echo", text="hello")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolUnreachable", False, True)
    with pytest.raises(ToolError, match="could not be reached"):
        await pool.list_tools(run.server, session="run-1")
