"""The way to one server over HTTP: headers, tokens, deadlines and limits are put on every request here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Final

import httpx2

from ark_temporal.tools.mcp._exchange import Exchange
from ark_temporal.tools.mcp._failures import Failures
from ark_temporal.tools.mcp._oauth import Tokens
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.mcp.server import McpServer, plain
from ark_temporal.tools.types import ToolError

_MAX_CONNECTIONS: Final = 9
"""For requests. With the one event stream of a run on an SSE server, that is ten."""

_MAX_STREAMS: Final = 1000

_CONNECT_SECONDS: Final = 10.0
_DRAIN_SECONDS: Final = 0.2
_DRAIN_BYTES: Final = 64 * 1024
_FAREWELL_SECONDS: Final = 2.0
"""For what is sent when nobody waits any more: that a call was given up, that a session ends."""

HttpClientFactory = Callable[..., httpx2.AsyncClient]


class Door:
    """Sends requests to one server. All that goes wrong is a `ToolError`."""

    def __init__(
        self, server: McpServer, http_client: HttpClientFactory, tokens: Tokens, failures: Failures
    ) -> None:
        self.failures = failures
        self.server = server
        self._tokens = tokens
        self._headers = plain(server.headers)
        if server.token:
            self._headers["Authorization"] = f"Bearer {server.token.get_secret_value()}"
        self._requests = http_client(max_connections=_MAX_CONNECTIONS)
        self._streams: httpx2.AsyncClient | None = None
        self._http_client = http_client

    def request(self, method: str, url: str, *, json: object = None, **headers: str) -> httpx2.Request:
        """A request, for `send`.

        Raises:
            ToolError: The address is none.
        """
        try:
            return self._requests.build_request(method, url, headers=headers, json=json)
        except (httpx2.InvalidURL, ValueError):
            raise self.failures.not_configured(
                "cannot be asked: its url is invalid", "It begins with http:// or https://."
            ) from None

    async def send(self, request: httpx2.Request, exchange: Exchange | None) -> httpx2.Response:
        """Send a request; its answer's body is still to be read, and fails as a `ToolError` as well."""
        remaining = (exchange.remaining if exchange else 0.0) or _FAREWELL_SECONDS
        # Waiting for a connection ends before the deadline, while it is certain that nothing was sent.
        queueing = max(remaining - 0.25, remaining * 0.8)
        request.extensions["timeout"] = {
            "connect": min(_CONNECT_SECONDS, queueing),
            "pool": queueing,
            "read": remaining + 1,
            "write": remaining + 1,
        }
        response = await self._answer(self._requests, request, exchange)
        return _bounded(response, self.failures)

    async def stream(self, request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
        """Open an event stream, which lasts; each has a connection of its own, beside those of requests."""
        if self._streams is None:
            self._streams = self._http_client(max_connections=_MAX_STREAMS)
        seconds = min(_CONNECT_SECONDS, exchange.remaining)
        request.extensions["timeout"] = {"connect": seconds, "pool": seconds, "write": seconds, "read": None}
        return await self._answer(self._streams, request, exchange)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._requests.aclose()
        if self._streams:
            await self._streams.aclose()

    async def _answer(
        self, client: httpx2.AsyncClient, request: httpx2.Request, exchange: Exchange | None
    ) -> httpx2.Response:
        request.headers.update(self._headers)
        request.headers["Accept-Encoding"] = "identity"
        oauth = self.server.oauth
        token = None
        if oauth:
            token = await self._tokens.get(oauth, self.failures)
            request.headers["Authorization"] = f"Bearer {token}"
        response = await self._raw(client, request, exchange)
        if oauth and token and response.status_code == 401:
            await response.aclose()
            self._tokens.forget(oauth, token)
            request.headers["Authorization"] = f"Bearer {await self._tokens.get(oauth, self.failures)}"
            response = await self._raw(client, request, exchange)
        error = self.failures.status(response.status_code)
        if error:
            await response.aclose()
            raise error
        return response

    async def _raw(
        self, client: httpx2.AsyncClient, request: httpx2.Request, exchange: Exchange | None
    ) -> httpx2.Response:
        if exchange:
            exchange.sent = True
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
        except Exception as raised:
            error = self.failures.explain(raised)
            if error is None:
                raise
            if exchange and not error.sent:
                exchange.sent = False
            raise error from None
        if exchange:
            exchange.status = response.status_code
        return response


class _Body(httpx2.AsyncByteStream):
    """The body of an answer, decoded, up to the limit."""

    def __init__(self, response: httpx2.Response, failures: Failures) -> None:
        self._response = response
        self._failures = failures
        self._chunks = response.aiter_bytes()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for chunk in self._chunks:
                size += len(chunk)
                if size > MAX_ANSWER_BYTES:
                    raise self._failures.too_large(sent=True)
                yield chunk
        except ToolError:
            raise
        except Exception as raised:
            error = self._failures.explain(raised)
            if error is None:
                raise
            raise error from None

    async def aclose(self) -> None:
        """Close, after what little may be left: only a connection whose answer was read can be used again."""
        try:
            with suppress(Exception):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._drain()
        finally:
            await self._response.aclose()

    async def _drain(self) -> None:
        size = 0
        async for chunk in self._chunks:
            size += len(chunk)
            if size > _DRAIN_BYTES:
                break


def _bounded(response: httpx2.Response, failures: Failures) -> httpx2.Response:
    """The same answer with a body that is limited while it is read, not after."""
    gone = {"content-encoding", "content-length", "transfer-encoding"}
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in gone]
    return httpx2.Response(
        response.status_code, headers=headers, stream=_Body(response, failures), request=response.request
    )
