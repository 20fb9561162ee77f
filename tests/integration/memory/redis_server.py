"""A Redis server of a test's own, which it may kill."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

HOST = "127.0.0.1"


@dataclass
class RedisServer:
    """A process of `redis-server`."""

    directory: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=lambda: free_port())
    _running: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        if binary is None:
            pytest.skip("redis-server is not installed")
        command = [binary, "--bind", HOST, "--port", str(self.port), "--save", "", *self.options]
        self._running = subprocess.Popen(
            command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not _listens(self.port):
            assert self._running.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not listen"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it without a warning."""
        if self._running:
            self._running.kill()
            self._running.wait(10)


@contextlib.contextmanager
def redis_server(directory: Path, *options: str, port: int | None = None) -> Generator[RedisServer]:
    """A server that does not outlive the block."""
    server = RedisServer(directory, options, port or free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()


def answers(url: str) -> bool:
    """Whether a Redis answers there."""
    try:
        with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:  # pyright: ignore[reportUnknownMemberType]
            return bool(client.ping())  # pyright: ignore[reportUnknownMemberType]
    except redis.RedisError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((HOST, port)) == 0
