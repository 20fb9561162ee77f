"""The older HTTP+SSE transport: answers come over one event stream that lasts, requests are POSTs.

The SDK has such a transport as well; with it a POST that fails leaves its caller waiting, and no answer may
be larger than 1 MiB.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
import httpx2
from anyio.streams.memory import MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, jsonrpc_message_adapter

from ark_temporal.tools.mcp._door import Door
from ark_temporal.tools.mcp._exchange import Exchange, Outgoing, current
from ark_temporal.tools.mcp._failures import Failures, NotSpokenError, SessionGoneError
from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams


@asynccontextmanager
async def sse_transport(
    door: Door, exchange: Exchange, on_end: Callable[[ToolError], None]
) -> "AsyncGenerator[TransportStreams]":
    """Open the event stream, and close it after the block.

    Raises:
        NotSpokenError: The server answers, but not with events.
        ToolError: It could not be asked.
    """
    url = door.server.url
    response = await door.stream(door.request("GET", url, Accept="text/event-stream"), exchange)
    try:
        if response.status_code != 200:
            raise NotSpokenError(f"HTTP {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise NotSpokenError(f"it sends {kind or 'no content type'}, not events")
        events = aiter(httpx2.EventSource(response, max_event_size=MAX_ANSWER_BYTES))
        endpoint = await _endpoint(events, url, door.failures)
        arrivals, messages = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        reader = asyncio.create_task(_read(events, arrivals, door.failures, on_end))
        try:
            yield messages, _Writer(door, endpoint)
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            arrivals.close()
            messages.close()
    finally:
        await response.aclose()


async def _endpoint(events: AsyncIterator[httpx2.ServerSentEvent], url: str, failures: Failures) -> str:
    """Where to send requests: the first event says it."""
    try:
        async for event in events:
            if event.event == "endpoint":
                base = httpx2.URL(url)
                target = base.join(event.data)
                # Elsewhere nobody may have the headers that are meant for this server.
                if (target.scheme, target.host, target.port) == (base.scheme, base.host, base.port):
                    return str(target)
                break
            break
    except httpx2.InvalidURL:
        pass
    except httpx2.TransportError as raised:
        raise failures.lost(str(raised) or type(raised).__name__) from None
    raise NotSpokenError("its first event does not say where on the same host requests go")


async def _read(
    events: AsyncIterator[httpx2.ServerSentEvent],
    arrivals: MemoryObjectSendStream[SessionMessage | Exception],
    failures: Failures,
    on_end: Callable[[ToolError], None],
) -> None:
    """Pass messages on until the stream ends, and say then why."""
    why = failures.lost("it closed the event stream, and with it the session")
    try:
        async with arrivals:
            try:
                async for event in events:
                    if event.event == "message" and event.data:
                        with suppress(ValueError):
                            message = jsonrpc_message_adapter.validate_json(event.data, by_name=False)
                            await arrivals.send(SessionMessage(message))
            except httpx2.SSEError:
                why = failures.too_large(sent=True)
            except httpx2.HTTPError:
                why = failures.lost("the event stream broke off, and with it the session")
            finally:
                on_end(why)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # Nobody listens any more.


class _Writer(Outgoing):
    """The SDK's side of the requests. It sends in the task of who asks, who so learns of a failure."""

    def __init__(self, door: Door, endpoint: str) -> None:
        self._door = door
        self._endpoint = endpoint

    async def send(self, item: SessionMessage, /) -> None:
        is_request = isinstance(item.message, JSONRPCRequest)
        exchange = current.get() if is_request else None
        body = item.message.model_dump(by_alias=True, mode="json", exclude_unset=True)
        try:
            response = await self._door.send(self._door.request("POST", self._endpoint, json=body), exchange)
            await response.aclose()  # Which reads the rest, so that the connection can be used again.
        except ToolError:
            if is_request:
                raise
            return
        if is_request and response.status_code in (400, 404, 410):
            raise SessionGoneError
        if is_request and not response.is_success:
            raise self._door.failures.bad_reply(f"HTTP {response.status_code}", sent=True, retryable=True)
