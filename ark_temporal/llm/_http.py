"""The HTTP client given to every SDK: it reads no more than it should and says plainly what went wrong."""

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import httpx2

from ark_temporal.llm._characters import whole_characters

if TYPE_CHECKING:
    from httpx2._client import UseClientDefault
    from httpx2._types import AuthTypes

MAX_REPLY_BYTES: Final = 32 * 1024 * 1024
"""The largest reply that is read, in bytes after decompression."""

MAX_REQUEST_BYTES: Final = 32 * 1024 * 1024
"""The largest request that is sent. No provider takes a larger one, and one that is cut off while it is sent
looks like a lost connection, which would be tried again for nothing."""

_MAX_ERROR_BYTES: Final = 64 * 1024
_CONNECT_SECONDS: Final = 10.0


class HttpStatusError(Exception):
    """The server answered, but not with a 2xx."""

    def __init__(self, status: int, headers: httpx2.Headers, body: bytes) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.headers = headers
        self.body = body


class ReplyTooLargeError(Exception):
    """The server sends more than a reply can be."""


class RequestTooLargeError(Exception):
    """The conversation is larger than any provider takes."""


class ModelHttpClient(httpx2.AsyncClient):
    """An HTTP client that raises for every answer but a whole 2xx of acceptable size.

    It stands below the SDKs, so that all of them fail in one way, whatever each makes of a status, and so
    that a limit holds while the body is read, not after. It follows no redirect: a redirect would carry
    the key to a host that nobody configured. Every reply that it gives consists of whole characters.
    """

    def __init__(self) -> None:
        super().__init__(
            follow_redirects=False,
            headers={"Accept-Encoding": "identity"},
            # How many calls run at once is the worker's decision, so the pool must not queue them.
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=60.0),
        )

    async def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        auth: "AuthTypes | UseClientDefault | None" = httpx2.USE_CLIENT_DEFAULT,
        follow_redirects: "bool | UseClientDefault" = httpx2.USE_CLIENT_DEFAULT,
    ) -> httpx2.Response:
        """Send a request and read its whole answer.

        Raises:
            RequestTooLargeError: The body is larger than the limit; nothing was sent.
            HttpStatusError: The status is not a 2xx.
            ReplyTooLargeError: The body is larger than the limit; the rest of it is not read.
            httpx2.TransportError: There was no whole answer.
        """
        if int(request.headers.get("content-length", "0")) > MAX_REQUEST_BYTES:
            raise RequestTooLargeError
        response = await super().send(request, stream=True, auth=auth, follow_redirects=follow_redirects)
        try:
            if not response.is_success:
                body = await _beginning(response)
                raise HttpStatusError(response.status_code, response.headers, body)
            content = await _whole(response)
        finally:
            await response.aclose()
        return httpx2.Response(
            response.status_code, headers=_plain(response.headers), content=content, request=request
        )


def timeouts(seconds: float) -> httpx2.Timeout:
    """Deadlines of the phases of one request; who asks also bounds the whole."""
    return httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))


async def _whole(response: httpx2.Response) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_REPLY_BYTES:
            raise ReplyTooLargeError
    return whole_characters(bytes(content))


async def _beginning(response: httpx2.Response) -> bytes:
    """As much of an error's body as is worth reading; the status counts even when the body breaks off."""
    content = bytearray()
    with suppress(httpx2.TransportError, httpx2.DecodingError):
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) >= _MAX_ERROR_BYTES:
                break
    return whole_characters(bytes(content[:_MAX_ERROR_BYTES]))


def _plain(headers: httpx2.Headers) -> list[tuple[str, str]]:
    """The headers without those that described the body as it was on the wire."""
    gone = {"content-encoding", "content-length", "transfer-encoding"}
    return [(name, value) for name, value in headers.multi_items() if name.lower() not in gone]
