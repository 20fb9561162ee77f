"""Servers that a test starts, asks and kills."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, SecretStr

from ark_temporal.tools.mcp import McpPool, McpServer
from ark_temporal.tools.types import ToolAnswer
from tests.integration.processes import free_port, is_listening

ROOT = Path(__file__).parents[3]
Mode = Literal["stdio", "http", "legacy", "sse", "simple"]
PATHS: dict[Mode, str] = {"stdio": "", "http": "/mcp", "legacy": "/mcp", "sse": "/sse", "simple": ""}
HTTP_MODES: tuple[Mode, ...] = ("http", "legacy", "sse", "simple")
MODES: tuple[Mode, ...] = ("stdio", *HTTP_MODES)


@dataclass
class Lab:
    """A lab server; over HTTP a process of the test's, over stdio one of the pool's."""

    mode: Mode
    home: Path
    words: Sequence[str] = ()
    path: str = ""
    port: int = 0
    running: "subprocess.Popen[bytes] | None" = None
    env: dict[str, str | SecretStr] = field(default_factory=dict[str, "str | SecretStr"])

    @property
    def log(self) -> Path:
        return self.home / f"{self.mode}.log"

    @property
    def traces(self) -> list[str]:
        """What the server noted, over all its processes."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def server(self, **more: Any) -> McpServer:
        """How the pool sees it."""
        settings: dict[str, Any] = {"name": "lab", "timeout_seconds": 20.0, **more}
        if self.mode == "stdio":
            command = (sys.executable, "-m", "tests.integration.mcp.lab_server", "stdio", *self.words)
            given = {"PYTHONPATH": str(ROOT), "LAB_LOG": str(self.log), **self.env}
            return McpServer(command=command, env={**given, **settings.pop("env", {})}, **settings)
        return McpServer(url=f"{self.origin}{self.path}", **settings)

    def start(self) -> None:
        """Start it, on the port that it had before."""
        if self.mode == "stdio":
            return
        command = [sys.executable, "-m", "tests.integration.mcp.lab_server", self.mode, *self.words]
        with (self.home / "errors.log").open("ab") as errors:
            self.running = subprocess.Popen(
                [*command, "--port", str(self.port), "--path", self.path],
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env={**os.environ, "LAB_LOG": str(self.log)},
            )
        assert self.running.stdout is not None
        line = self.running.stdout.readline()
        assert line, (self.home / "errors.log").read_text()
        self.port = json.loads(line)["port"]

    async def restart(self) -> None:
        """Kill it, and start it on the same port, while the test's own loop runs on."""
        await asyncio.to_thread(self.kill)
        await asyncio.to_thread(self.start)

    def kill(self) -> None:
        """Kill it without a warning."""
        if self.running is None:
            started = [line for line in self.traces if line.startswith("start ")]
            os.kill(int(started[-1].split()[1]), signal.SIGKILL)
            return
        self.running.kill()
        self.running.wait(10)
        assert self.running.stdout is not None
        self.running.stdout.close()
        self.running = None


@contextlib.contextmanager
def lab(mode: Mode, home: Path, *words: str, path: str | None = None) -> Generator[Lab]:
    """A lab server that does not outlive the block."""
    started = Lab(mode, home, words, PATHS[mode] if path is None else path)
    started.start()
    try:
        yield started
    finally:
        if started.running:
            started.kill()


@dataclass
class Run:
    """A run that calls tools of a server."""

    pool: McpPool
    server: McpServer
    session: str = "run-1"

    async def call(self, tool: str, /, **arguments: JsonValue) -> str:
        """What the tool said."""
        answer = await self.pool.call_tool(
            self.server, tool, arguments, key="key-1", session=self.session, timeout_seconds=20
        )
        return answer.content

    async def answer(
        self, tool: str, /, within: float = 20.0, key: str = "key-1", **arguments: JsonValue
    ) -> ToolAnswer:
        """The tool's whole answer."""
        return await self.pool.call_tool(
            self.server, tool, arguments, key=key, session=self.session, timeout_seconds=within
        )


def wait_until_listening(port: int, seconds: float = 20) -> None:
    """Wait until somebody listens on a port."""
    deadline = time.monotonic() + seconds
    while not is_listening(port):
        assert time.monotonic() < deadline, f"Nobody listens on {port}"
        time.sleep(0.05)


def closed_port() -> int:
    """A port that nobody listens on."""
    return free_port()
