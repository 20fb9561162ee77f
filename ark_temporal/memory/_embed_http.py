"""What the embeddings of all providers share: the HTTP client, the deadline and the errors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import httpx2

from ark_temporal.memory._addresses import quoted
from ark_temporal.memory.types import MemoryUnavailable

CALL_SECONDS: Final = 10.0
"""The longest that one embedding takes."""

_CONNECT_SECONDS: Final = 5.0
_MAX_REPLY_BYTES: Final = 4 * 1024 * 1024
_PASSING: Final = frozenset({408, 409, 425, 429})


class ReplyTooLargeError(Exception):
    """The server sends more than a vector can be."""


class BadReplyError(Exception):
    """The server answered, but with no vector."""


@dataclass(frozen=True)
class Asked:
    """Who is asked for a vector, for errors.

    Attributes:
        who: The provider, in words.
        model: Its model.
        variable: Where its key comes from.
        key: Its key, which no error may hold.
    """

    who: str
    model: str
    variable: str
    key: str

    @asynccontextmanager
    async def asking(self, *answered: type[Exception]) -> AsyncGenerator[None]:
        """Ask within the deadline.

        Args:
            answered: The SDK's errors.

        Raises:
            MemoryUnavailable: There was no vector. The SDK's error is not kept as its cause: its text may
                hold the key, and causes are written into histories.
        """
        try:
            async with asyncio.timeout(CALL_SECONDS):
                yield
        except (
            *answered,
            BadReplyError,
            ReplyTooLargeError,
            httpx2.HTTPError,
            OSError,
            ValueError,
        ) as raised:
            raise self._explain(raised) from None

    def _explain(self, raised: Exception) -> MemoryUnavailable:
        for cause in _causes(raised):
            status = _status(cause)
            match cause:
                case ReplyTooLargeError():
                    return self._error(f"sends a reply of more than {_MAX_REPLY_BYTES // 1024} KiB", False)
                case TimeoutError() | httpx2.TimeoutException():
                    return self._error(f"gave no answer within {CALL_SECONDS:g} seconds", True)
                case httpx2.TransportError() | OSError():
                    said = quoted(str(cause), self.key) or type(cause).__name__
                    return self._error(f"cannot be reached, or broke the connection off: {said}", True)
                case _ if status:
                    return self._answered(status, cause)
                case _:
                    pass
        return self._error("answered with something else than a vector", True)

    def _answered(self, status: int, cause: BaseException) -> MemoryUnavailable:
        said = quoted(str(cause), self.key)
        # OpenAI says "too many requests" to an account without credit, too.
        unpaid = "insufficient_quota" in f"{getattr(cause, 'code', '')} {cause}"
        retryable = (status >= 500 or status in _PASSING) and not unpaid
        advice = f". Check the key in {self.variable}" if status in (401, 403) else ""
        return self._error(f"answered {status}: {said}{advice}", retryable)

    def _error(self, what: str, retryable: bool) -> MemoryUnavailable:
        return MemoryUnavailable(
            f"{self.who}, asked for an embedding by {self.model!r}, {what}.", retryable=retryable
        )


def http_client() -> httpx2.AsyncClient:
    """A client that follows no redirect, which would carry the key away, and reads no endless reply."""
    return httpx2.AsyncClient(
        transport=_LimitedTransport(),
        follow_redirects=False,
        timeout=httpx2.Timeout(CALL_SECONDS, connect=_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},
    )


def checked_vector(values: list[float] | None) -> list[float]:
    """A vector that a server has sent.

    Raises:
        BadReplyError: It is empty or missing.
    """
    if not values:
        raise BadReplyError
    return values


class _LimitedTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _Limited(response.stream)
        return response


class _Limited(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > _MAX_REPLY_BYTES:
                raise ReplyTooLargeError
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _status(cause: BaseException) -> int | None:
    """The HTTP status of an SDK's error: each calls it differently."""
    for name in ("status_code", "code"):
        status = getattr(cause, name, None)
        if isinstance(status, int):
            return status
    return None


def _causes(raised: BaseException) -> Iterator[BaseException]:
    """The innermost first: an SDK's own error says less than what it was made of."""
    chain: list[BaseException] = []
    cause: BaseException | None = raised
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__
    return reversed(chain)
