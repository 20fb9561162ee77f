"""A server that is a process: messages are lines on its standard input and output.

The SDK has such a transport as well; this one bounds the length of a line, keeps the server's complaints for
the error message instead of printing them, and says when and how the process ended.
"""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import ErrorData, JSONRPCError, JSONRPCRequest, jsonrpc_message_adapter

from ark_temporal.tools.mcp._exchange import Outgoing, current
from ark_temporal.tools.mcp._failures import Failures
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.mcp.server import McpServer, plain
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_Stream = TypeVar("_Stream", asyncio.StreamReader, asyncio.StreamWriter)

TOO_LARGE: Final = -31990
"""Code of the error that stands in for an answer too large to read. No server's: they have -32xxx."""

_INHERITED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "SYSTEMROOT", "TEMP",
)  # fmt: skip
"""What a server needs to start at all, and whose certificates it trusts. Nothing else of the worker's
environment reaches it."""

_CHUNK: Final = 64 * 1024
_COMPLAINT_LINES: Final = 3
_EXIT_SECONDS: Final = 2.0
_LAST_WORDS_SECONDS: Final = 0.5
_ID_AHEAD: Final = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d+)\s*,')
_ID_BEHIND: Final = re.compile(rb'"id"\s*:\s*(\d+)\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


@asynccontextmanager
async def stdio_transport(
    server: McpServer, failures: Failures, on_end: Callable[[ToolError], None]
) -> "AsyncGenerator[TransportStreams]":
    """Start the server's process, and stop it after the block with all that it started.

    Raises:
        ToolError: The program cannot be started (`ToolNotConfigured`).
    """
    process = await _start(server, failures)
    complaints = _Complaints(process)
    arrivals, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    reader = asyncio.create_task(_read(process, complaints, arrivals, failures, on_end))
    try:
        yield messages, _Writer(process, failures)
    finally:
        await _stop(process, (reader, complaints.task))
        arrivals.close()
        messages.close()


async def _start(server: McpServer, failures: Failures) -> asyncio.subprocess.Process:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    program = Path(server.command[0]).name
    try:
        return await asyncio.create_subprocess_exec(
            *server.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment | plain(server.env),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise failures.not_configured(
            f'has a command that cannot be started: "{program}": {why}',
            "Install it on the worker, or give its whole path.",
        ) from None


class _Complaints:
    """The last lines of a process's standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._lines: deque[str] = deque(maxlen=_COMPLAINT_LINES)
        self._stream = _there(process.stderr)
        self.task = asyncio.create_task(self._read())

    @property
    def text(self) -> str:
        return " / ".join(self._lines)

    async def _read(self) -> None:
        rest = b""
        while chunk := await self._stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[-_CHUNK:]
            self._lines.extend(text for line in lines if (text := _line(line)))
        if text := _line(rest):
            self._lines.append(text)


def _line(line: bytes) -> str:
    return line[:500].decode(errors="replace").strip()


class _Writer(Outgoing):
    """The SDK's side of the standard input. It writes in the task of who asks, who so learns of a failure."""

    def __init__(self, process: asyncio.subprocess.Process, failures: Failures) -> None:
        self._input = _there(process.stdin)
        self._failures = failures

    async def send(self, item: SessionMessage, /) -> None:
        line = item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        is_request = isinstance(item.message, JSONRPCRequest)
        try:
            if is_request and (exchange := current.get()):
                exchange.sent = True
            self._input.write(line)
            await self._input.drain()
        except OSError:
            if is_request:
                raise self._failures.lost("its process does not read any more") from None

    async def aclose(self) -> None:
        self._input.close()


async def _read(
    process: asyncio.subprocess.Process,
    complaints: _Complaints,
    arrivals: MemoryObjectSendStream[SessionMessage | Exception],
    failures: Failures,
    on_end: Callable[[ToolError], None],
) -> None:
    """Pass messages on until the process ends, and say then why."""
    why = failures.lost("the worker could not read its output")
    try:
        async with arrivals:
            try:
                async for line in _lines(_there(process.stdout)):
                    message = _message(line)
                    if message is not None:
                        await arrivals.send(message)
                why = failures.lost(await _farewell(process, complaints))
            except ValueError:
                why = failures.too_large(sent=True)
            finally:
                on_end(why)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # Nobody listens any more.


async def _lines(stream: asyncio.StreamReader) -> AsyncGenerator[bytes | int]:
    """Lines; of one that is too long, only the number of the request that it answers.

    Raises:
        ValueError: A line is too long, and does not say at either end what it answers.
    """
    pieces: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            if size + len(piece) > MAX_ANSWER_BYTES:
                yield _answered(pieces, piece)
            else:
                yield b"".join((*pieces, piece))
            pieces, size = [], 0
        size += len(rest)
        if size > MAX_ANSWER_BYTES:
            del pieces[1:-1]
        pieces.append(rest)


def _answered(pieces: list[bytes], last: bytes) -> int:
    head = _ID_AHEAD.match(pieces[0]) if pieces else None
    found = head or _ID_BEHIND.search((b"".join(pieces[-2:]) + last)[-200:])
    if found is None:
        raise ValueError
    return int(found[1])


def _message(line: bytes | int) -> SessionMessage | None:
    """A message; none for what is no message, such as a greeting that a program prints."""
    if isinstance(line, int):
        error = ErrorData(code=TOO_LARGE, message="too large")
        return SessionMessage(JSONRPCError(jsonrpc="2.0", id=line, error=error))
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None


async def _farewell(process: asyncio.subprocess.Process, complaints: _Complaints) -> str:
    """How a process ended that closed its standard output."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await process.wait()
            await asyncio.wait({complaints.task}, timeout=0.2)
    code = process.returncode
    if code is None:
        return "its process closed its output"
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    said = f" ({complaints.text})" if complaints.text else ""
    return f"its process {how}{said}"


async def _stop(process: asyncio.subprocess.Process, tasks: tuple[asyncio.Task[None], ...]) -> None:
    """End the process in the order of the protocol: no more input, then a signal, then a stronger one."""
    try:
        with suppress(OSError):
            _there(process.stdin).close()
        for number in (None, signal.SIGTERM):
            if number is not None:
                _signal(process, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(_EXIT_SECONDS):
                    await process.wait()
                    break
        # What it said at its end may still be on its way: callers are told that.
        _signal(process, signal.SIGKILL)
        await asyncio.wait(tasks, timeout=_LAST_WORDS_SECONDS)
    finally:
        # Also what it left behind, and also where this is cancelled: from here on nothing waits.
        _signal(process, signal.SIGKILL)
        for task in tasks:
            task.cancel()
        cast(Any, process)._transport.close()
    await asyncio.wait(tasks)
    with suppress(TimeoutError):
        async with asyncio.timeout(_EXIT_SECONDS):
            await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """To the whole group: `npx` and shells start the server as a child."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _there(stream: _Stream | None) -> _Stream:
    assert stream is not None, "the process was started with pipes"
    return stream
