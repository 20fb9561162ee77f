"""How many processes and connections many MCP calls take, counted by the server itself.

Also that server, as a program of its own: `python -m benchmarks.mcp_calls stdio|http LOG`. It writes a line
to the log for each process that it is and for each connection that it accepts.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.mcp import McpPool, McpServer

_SERVER = (sys.executable, "-m", "benchmarks.mcp_calls")


async def processes_over_stdio(calls: int) -> int:
    """How many processes so many calls at once take."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        await _call(McpServer(name="bench", command=(*_SERVER, "stdio", str(log))), calls)
        return len(log.read_text().splitlines())


async def connections_over_http(calls: int) -> int:
    """How many connections so many calls at once take."""
    with tempfile.TemporaryDirectory() as folder, _http_server(Path(folder) / "log") as (url, log):
        before = len(log.read_text().splitlines())
        await _call(McpServer(name="bench", url=url), calls)
        return len(log.read_text().splitlines()) - before


async def _call(server: McpServer, calls: int) -> None:
    pool = McpPool(partial(guarded_client, EgressPolicy()), allow_commands=True)
    try:
        answers = await asyncio.gather(
            *(
                pool.call_tool(
                    server, "double", {"n": n}, key=f"bench-{n}", session="bench", timeout_seconds=60
                )
                for n in range(calls)
            )
        )
        assert [answer.content for answer in answers] == [str(2 * n) for n in range(calls)]
    finally:
        await pool.aclose()


@contextlib.contextmanager
def _http_server(log: Path) -> Generator[tuple[str, Path]]:
    process = subprocess.Popen([*_SERVER, "http", str(log)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert time.monotonic() < deadline, "the MCP server does not listen"
            time.sleep(0.05)
        time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/mcp", log
    finally:
        process.terminate()
        process.wait(10)


class _CountingSocket(socket.socket):
    """A listening socket that writes a line for each connection."""

    log: Path

    def accept(self) -> tuple[socket.socket, object]:
        """Accept, and say so."""
        accepted = super().accept()
        with self.log.open("a") as file:
            file.write("connection\n")
        return accepted


def _serve(how: str, log: Path) -> None:
    from mcp.server.mcpserver import MCPServer

    server = MCPServer("bench")

    @server.tool()
    def double(n: int) -> int:
        """Twice the number."""
        return 2 * n

    if how == "stdio":
        with log.open("a") as file:
            file.write("process\n")
        server.run("stdio")
        return
    import uvicorn

    listening = _CountingSocket(socket.AF_INET, socket.SOCK_STREAM)
    listening.log = log
    log.touch()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
