"""A Qdrant server on the network, over HTTP."""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import httpx
from qdrant_client import AsyncQdrantClient

from ark_temporal.memory._addresses import host_of, http_address
from ark_temporal.memory._qdrant import Ask, T

_MAX_REPLY_BYTES: Final = 16 * 1024 * 1024
_CALL_SECONDS: Final = 5


class QdrantServer:
    """See `QdrantConnection`."""

    is_server = True

    def __init__(self, endpoint: str, api_key: str) -> None:
        """Make it; nothing is connected yet.

        Raises:
            MemoryUnavailable: The address cannot be used.
        """
        url = http_address("The ArkMemory's endpoint", endpoint, "http://qdrant:6333")
        self.where = f"The Qdrant at {host_of(urlsplit(url))}"
        self.secrets = (api_key,)
        self._client = AsyncQdrantClient(
            url=url,
            timeout=_CALL_SECONDS,
            check_compatibility=False,  # or a thread asks for the version and warns on standard error
            # As a header of ours, since with a key the client warns of every http:// address in a cluster.
            headers={"api-key": api_key} if api_key else None,
            follow_redirects=False,
            transport=_LimitedTransport(),
        )

    async def ask(self, ask: Ask[T]) -> T:
        """See `QdrantConnection.ask`."""
        return await ask(self._client)

    async def aclose(self) -> None:
        """See `QdrantConnection.aclose`."""
        await self._client.close()


class _LimitedTransport(httpx.AsyncHTTPTransport):
    """Reads no more of a reply than a reply can be."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Limited(response.stream)
        return response


class _Limited(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > _MAX_REPLY_BYTES:
                raise httpx.ReadError(f"it sends a reply of more than {_MAX_REPLY_BYTES // 1024 // 1024} MiB")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
