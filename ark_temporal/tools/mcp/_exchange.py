"""What is known about one request to a server while layers of others' code carry it."""

import asyncio
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from ark_temporal.tools.types import ToolError


class Exchange:
    """One call or handshake: how long it may take, and how far it got.

    The SDK runs a request in tasks of its own, but in the context of who asked: so it is found again where
    bytes are sent, and what went wrong there is told to who waits, not to everybody on the connection.

    Attributes:
        sent: Whether the server may have received the request.
        status: HTTP status of the last answer to it.
        failed: Is done once the request cannot succeed any more.
        failure: Why not.
    """

    def __init__(self, seconds: float) -> None:
        """Begin one.

        Args:
            seconds: The longest it may take in all.
        """
        loop = asyncio.get_running_loop()
        self.seconds = seconds
        self.sent = False
        self.status: int | None = None
        self.failure: ToolError | None = None
        self.failed: asyncio.Future[None] = loop.create_future()
        self._clock = loop.time
        self._end = loop.time() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; never less than none."""
        return max(0.0, self._end - self._clock())

    def fail(self, error: ToolError) -> None:
        """Tell who waits that nothing will come; the first reason stands."""
        if self.failure is None:
            self.failure = error
            self.failed.set_result(None)


current: ContextVar[Exchange | None] = ContextVar("ark_mcp_exchange", default=None)
"""The exchange that the running code serves."""


class Outgoing:
    """What the SDK wants of where it sends, beside `send`."""

    async def aclose(self) -> None:
        """Nothing more will be sent."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()
