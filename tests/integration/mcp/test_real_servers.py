"""Servers that others wrote, in every transport they have."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ark_temporal.tools.mcp import McpPool, McpServer
from tests.integration.mcp.servers import Run, closed_port, wait_until_listening

PATHS = {"streamableHttp": "/mcp", "sse": "/sse"}


@contextmanager
def _started(program: Path, mode: str, port: int) -> Generator[McpServer]:
    """The reference server; over stdio the pool starts it."""
    if mode == "stdio":
        yield McpServer("everything", command=(str(program), "stdio"))
        return
    running = subprocess.Popen(
        [program, mode],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PORT": str(port)},
    )
    try:
        wait_until_listening(port)
        yield McpServer("everything", url=f"http://127.0.0.1:{port}{PATHS[mode]}")
    finally:
        running.kill()
        running.wait(10)


@pytest.mark.parametrize("mode", ["stdio", "streamableHttp", "sse"])
async def test_the_reference_server_from_npm(pool: McpPool, everything: Path, mode: str) -> None:
    with _started(everything, mode, closed_port()) as server:
        listing = await pool.list_tools(server, session="run-1")
        run = Run(pool, server)
        effects = {tool.name: tool.effect for tool in listing.tools}
        assert effects["everything__echo"] == "read"
        assert effects["everything__gzip-file-as-resource"] == "idempotent"
        assert effects["everything__toggle-simulated-logging"] == "unsafe"
        assert not listing.warnings
        echo = next(tool for tool in listing.tools if tool.remote_name == "echo")
        assert echo.server == "everything"
        assert echo.input_schema["required"] == ["message"]
        assert await run.call("echo", message="hello") == "Echo: hello"
        refused = await run.answer("get-sum", a="one")
        assert refused.is_error
        assert "expected number" in refused.content
        unknown = await run.answer("no-such-tool")
        assert unknown.is_error
        assert "no-such-tool" in unknown.content
        assert "[image, image/png, 4033 bytes, not shown]" in await run.call("get-tiny-image")
        assert '"humidity"' in await run.call("get-structured-content", location="New York")
        resource = await run.call("get-resource-reference", resourceType="Text", resourceId=1)
        assert "This is a plaintext resource" in resource
        assert "[link to resource" in await run.call("get-resource-links", count=2)
        long = await run.call("trigger-long-running-operation", duration=0.2, steps=2)
        assert long.startswith("Long running operation completed")


async def test_a_stateful_server_that_was_restarted(pool: McpPool, everything: Path) -> None:
    port = closed_port()
    with _started(everything, "streamableHttp", port) as server:
        run = Run(pool, server)
        assert await run.call("echo", message="hello") == "Echo: hello"
    with _started(everything, "streamableHttp", port):
        lost = await run.answer("echo", message="hello")
        assert lost.is_error
        assert "session with the MCP server" in lost.content
        assert await run.call("echo", message="hello") == "Echo: hello"


async def test_a_server_from_pypi(pool: McpPool, time_server: Path) -> None:
    command = (sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC")
    server = McpServer("time", command=command, env={"PYTHONPATH": str(time_server)})
    listing = await pool.list_tools(server, session="run-1")
    assert {tool.name for tool in listing.tools} == {"time__get_current_time", "time__convert_time"}
    assert '"timezone": "Europe/Berlin"' in await Run(pool, server).call(
        "get_current_time", timezone="Europe/Berlin"
    )
