"""Streamable HTTP: the SDK's transport over our door.

An exception from the HTTP client ends the SDK's whole connection, with everybody's calls on it. So there are
none: what goes wrong is told to the exchange that it belongs to, and the SDK gets an answer it can live with.
"""

from collections.abc import AsyncIterator

import httpx2

from ark_temporal.tools.mcp._door import Door
from ark_temporal.tools.mcp._exchange import Exchange, current
from ark_temporal.tools.types import ToolError

_SESSION = "mcp-session-id"


class DoorTransport(httpx2.AsyncBaseTransport):
    """What the SDK's HTTP client sends with.

    Attributes:
        stateful: Whether the server keeps a session. Known after the handshake.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self.stateful = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request of the SDK."""
        if request.method == "GET" and "last-event-id" not in request.headers:
            # The stream for a server's own wishes. None is fulfilled here, and it would hold a connection.
            return httpx2.Response(405, request=request)
        exchange = current.get()
        try:
            response = await self._door.send(request, exchange)
        except ToolError as error:
            if exchange:
                exchange.fail(error)
            return httpx2.Response(500, request=request)
        self.stateful = self.stateful or _SESSION in response.headers
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Body(response, exchange), request=request
        )


class _Body(httpx2.AsyncByteStream):
    """A body that ends where it fails."""

    def __init__(self, response: httpx2.Response, exchange: Exchange | None) -> None:
        self._response = response
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except ToolError as error:
            if self._exchange:
                self._exchange.fail(error)

    async def aclose(self) -> None:
        await self._response.aclose()
