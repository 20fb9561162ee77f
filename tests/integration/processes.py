"""Processes that a durability test starts, and kills."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.command import COMMAND, ROOT, environment
from worker.embedded import HOST, server_binary


@dataclass
class Process:
    """A process of ours, whose standard error goes to a file."""

    running: "subprocess.Popen[bytes]"
    errors: Path

    @property
    def log(self) -> str:
        """What it wrote to standard error."""
        return self.errors.read_text()

    def wait_for(self, text: str, seconds: float = 30) -> None:
        """Wait until it has written a text."""
        deadline = time.monotonic() + seconds
        while text not in self.log:
            assert self.running.poll() is None, f"It ended before it wrote {text!r}:\n{self.log}"
            assert time.monotonic() < deadline, f"It never wrote {text!r}:\n{self.log}"
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it without a warning (`kill -9`)."""
        self.running.kill()
        self.running.wait(10)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.running.send_signal(signal.SIGTERM)
        return self.running.wait(30)


@contextlib.contextmanager
def process(command: list[str], errors: Path, environ: Mapping[str, str]) -> Generator[Process]:
    """A process that does not outlive the block."""
    with errors.open("ab") as out:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=ROOT, env=environ
        )
    try:
        yield Process(running, errors)
    finally:
        if running.poll() is None:
            running.kill()
        running.wait(10)


@contextlib.contextmanager
def worker_process(home: Path, address: str, *words: str, **environ: str) -> Generator[Process]:
    """`ark-temporal worker`, once it is ready."""
    home.mkdir(parents=True, exist_ok=True)
    errors = home / f"worker-{len(list(home.glob('worker-*.log')))}.log"
    command = [*COMMAND, "worker", "--address", address, *words]
    with process(command, errors, environment(home, **environ)) as started:
        started.wait_for("ready: ")
        yield started


@contextlib.contextmanager
def plain_server(port: int, log: Path, *words: str) -> Generator[Process]:
    """Temporal's own dev server as anybody would start it, once it is healthy."""
    command = [str(server_binary()), "server", "start-dev", "--ip", HOST, "--port", str(port), "--headless"]
    with process([*command, "--log-level", "error", *words], log, dict(os.environ)) as started:
        _wait_until_healthy(port, started)
        yield started


@contextlib.contextmanager
def owned_server(database: Path, log: Path) -> Generator[tuple[Process, int]]:
    """A process that runs an embedded server, and the server's port."""
    command = [sys.executable, "-m", "tests.integration.server_owner", str(database)]
    with process(command, log, dict(os.environ)) as owner:
        owner.wait_for("port ")
        yield owner, int(owner.log.split("port ")[1].split()[0])


def _wait_until_healthy(port: int, server: Process, seconds: float = 30) -> None:
    """Wait until a server does its work: it listens before it does."""
    ask = [str(server_binary()), "operator", "cluster", "health", "--address", f"{HOST}:{port}"]
    deadline = time.monotonic() + seconds
    while (
        not is_listening(port) or subprocess.run(ask, capture_output=True, timeout=20, check=False).returncode
    ):
        assert server.running.poll() is None, f"It ended before it was healthy:\n{server.log}"
        assert time.monotonic() < deadline, f"It is not healthy on {port}:\n{server.log}"
        time.sleep(0.05)


def is_listening(port: int) -> bool:
    """Whether anybody listens on a port."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
