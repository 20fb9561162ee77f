"""One session with a server, in a task of its own.

The SDK's client cancels the task that entered it when its transport breaks, and leaves who waits in other
tasks without an answer. So a task does nothing but own the client, and each call waits for its answer, for
the end of that task and for its own deadline, whichever comes first.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import Implementation
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from ark_temporal.foreign_errors import causes
from ark_temporal.tools.mcp._door import Door
from ark_temporal.tools.mcp._exchange import Exchange, current
from ark_temporal.tools.mcp._failures import Failures, NotSpokenError, SessionGoneError
from ark_temporal.tools.mcp._sse import sse_transport
from ark_temporal.tools.mcp._stdio import TOO_LARGE, stdio_transport
from ark_temporal.tools.mcp._streamable import DoorTransport
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.mcp.server import McpServer
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_T = TypeVar("_T")

_CLOSING_SECONDS: Final = 8.0
_CANCELLING_SECONDS: Final = 5.0

# The SDK logs whole messages and addresses, with the secrets in them, and what is reported anyway.
logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)
logging.getLogger("client").addFilter(lambda record: "mcp" not in Path(record.pathname).parts)
logging.getLogger("httpx2").setLevel(logging.WARNING)


class Connection:
    """A session with a server that any task may ask.

    Attributes:
        in_flight: Calls that wait for an answer.
        used_at: When a call last ended, by the loop's clock.
        used: Whether a call was answered on it: from then on the server may keep something for the run.
        told: Whether a caller was told that the session is lost.
    """

    def __init__(
        self,
        transport: "Callable[[Connection], AbstractAsyncContextManager[TransportStreams]]",
        failures: Failures,
        opening: Exchange,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.in_flight = 0
        self.used_at = loop.time()
        self.used = False
        self.told = False
        self._failures = failures
        self._opening = opening
        self._client: Client | None = None
        self._ready: asyncio.Future[None] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()
        self._stop = asyncio.Event()
        self._why: ToolError | None = None
        self._left: set[asyncio.Task[Any]] = set()
        self._error: BaseException | None = None
        self._owner = asyncio.create_task(self._own(transport))

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._ready.done() and not self._over.done()

    @property
    def modern(self) -> bool:
        """Whether the protocol has no sessions."""
        return self._client is not None and self._client.protocol_version in MODERN_PROTOCOL_VERSIONS

    def end(self, why: ToolError) -> None:
        """Answer all that wait with an error, and close."""
        self._why = self._why or why
        self._finish()
        self._stop.set()

    async def ready(self) -> None:
        """Wait until it can be asked.

        Raises:
            NotSpokenError: The server answers, but not in this protocol.
            ToolError: It could not be reached, or not in time.
        """
        opening = self._opening
        await asyncio.wait(
            {self._ready, self._over, opening.failed},
            timeout=opening.remaining,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if opening.failure:
            raise self._failures.unsent(opening.failure)
        if self._over.done():
            raise self._cannot_open()
        if not self._ready.done():
            seconds = opening.seconds
            raise self._failures.unreachable(f"it did not finish the handshake within {seconds:.3g} seconds")

    async def ask(self, question: Callable[[Client], Awaitable[_T]], exchange: Exchange) -> _T:
        """Ask the server, and wait no longer than the exchange may take.

        Raises:
            MCPError: The server refused, in its own words.
            SessionGoneError: It does not know the session any more, and did nothing.
            ToolError: There was no answer.
        """
        assert self._client is not None, "a connection is asked after it is ready"
        outer = current.set(exchange)
        task = asyncio.ensure_future(question(self._client))
        current.reset(outer)
        self.in_flight += 1
        try:
            await asyncio.wait(
                {task, self._over, exchange.failed},
                timeout=exchange.remaining,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return self._outcome(task, exchange)
        finally:
            self.in_flight -= 1
            self.used_at = asyncio.get_running_loop().time()
            self._leave(task)

    async def aclose(self) -> None:
        """Close, and stop the server's process if it is ours. Takes a bounded time."""
        self._stop.set()
        if self._ready.done():
            await asyncio.wait({self._owner}, timeout=_CLOSING_SECONDS)
        for task in (self._owner, *self._left):
            task.cancel()
        await asyncio.wait({self._owner, *self._left}, timeout=_CANCELLING_SECONDS)

    async def _own(
        self, transport: "Callable[[Connection], AbstractAsyncContextManager[TransportStreams]]"
    ) -> None:
        current.set(self._opening)
        info = Implementation(name="ark-temporal", version=version("ark-temporal"))
        try:
            async with Client(transport(self), cache=None, client_info=info) as client:
                self._client = client
                self._ready.set_result(None)
                await self._stop.wait()
                self._finish()
        except Exception as raised:  # noqa: BLE001 - it is told to all who wait
            self._error = raised
        finally:
            self._finish()

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _outcome(self, task: asyncio.Future[_T], exchange: Exchange) -> _T:
        if exchange.failure:
            raise exchange.failure
        over = self._over.done()
        if task.done() and not task.cancelled():
            error = task.exception()
            if error is None:
                return task.result()
            if not (over and isinstance(error, MCPError)):
                raise self._understood(error)
        if over or task.done():
            raise self._ended(exchange)
        raise self._failures.timeout(exchange.seconds, sent=exchange.sent)

    def _ended(self, exchange: Exchange) -> ToolError:
        """What a caller is told whose connection is gone."""
        why = self._why or (self._error and self._failures.explain(self._error))
        if why is None:
            why = self._failures.lost("the connection ended")
        if not exchange.sent:
            return self._failures.unreachable("the connection ended before the call was sent")
        if why.type == "ToolReplyTooLarge" and self.in_flight > 1:
            # Whose answer that was is not known, so nobody is told not to try again.
            return self._failures.lost("an answer to one of several calls is too large")
        return why

    def _understood(self, error: BaseException) -> BaseException:
        """A caller's exception: the server's own word, or a `ToolError`."""
        if isinstance(error, MCPError):
            if error.code == TOO_LARGE:
                return self._failures.too_large(sent=True)
            if error.message.startswith("SSE stream"):  # The SDK's words for an answer that broke off.
                return self._failures.lost("the answer broke off")
            return error
        if isinstance(error, SessionGoneError):
            return error
        if isinstance(error, ValidationError):
            return self._failures.bad_reply("it does not conform to the protocol", sent=True)
        kind = type(error).__name__
        return self._failures.explain(error) or self._failures.bad_reply(
            f"the client fails ({kind})", sent=True
        )

    def _cannot_open(self) -> Exception:
        raised = self._error
        if raised is None:
            return self._failures.unsent(self._why or self._failures.lost("it closed the connection"))
        if self._why:
            return self._failures.unsent(self._why)
        understood = self._failures.explain(raised)
        if understood:
            return self._failures.unsent(understood)
        status = self._opening.status
        if status is not None and not 200 <= status < 300:
            return NotSpokenError(f"HTTP {status}")
        return NotSpokenError(self._failures.quote(_innermost(raised)))

    def _leave(self, task: asyncio.Future[Any]) -> None:
        """Stop what nobody waits for any more; the server is told, but not waited for."""
        if task.done():
            if not task.cancelled():
                task.exception()
            return
        task.cancel()
        if isinstance(task, asyncio.Task):
            self._left.add(task)
            task.add_done_callback(self._left.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


def open_stdio(server: McpServer, failures: Failures, opening: Exchange) -> Connection:
    """Start a server's process."""
    return Connection(lambda connection: stdio_transport(server, failures, connection.end), failures, opening)


def open_sse(door: Door, opening: Exchange) -> Connection:
    """Open an event stream."""
    return Connection(lambda it: sse_transport(door, opening, it.end), door.failures, opening)


def open_streamable(door: Door, opening: Exchange) -> tuple[Connection, DoorTransport]:
    """Connect over streamable HTTP; whether the server keeps a session is known once it is ready."""
    carrier = DoorTransport(door)
    return Connection(
        lambda _: _streamable_transport(door.server.url, carrier), door.failures, opening
    ), carrier


@asynccontextmanager
async def _streamable_transport(url: str, carrier: DoorTransport) -> "AsyncGenerator[TransportStreams]":
    async with (
        httpx2.AsyncClient(transport=carrier, trust_env=False) as client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MAX_ANSWER_BYTES) as streams,
    ):
        yield streams


def _innermost(raised: BaseException) -> str:
    single = next(cause for cause in causes(raised) if not isinstance(cause, BaseExceptionGroup))
    return str(single) or type(single).__name__
