"""One Qdrant, on the network or in this process, and what its errors mean."""

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

import httpx
from pydantic import JsonValue
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from ark_temporal.memory._addresses import quoted
from ark_temporal.memory.types import MemoryUnavailable

_CALL_SECONDS: Final = 5.0
_NAME: Final = re.compile(r'[^<>:"/\\|?*#%\x00-\x20\x7f]{1,255}')
_PASSING: Final = frozenset({404, 408, 409, 425, 429})  # 404: the collection was deleted since
_FAILURES: Final = (
    ApiException,
    ResourceExhaustedResponse,
    httpx.HTTPError,
    sqlite3.Error,
    OSError,
    ValueError,
    RuntimeError,
)
T = TypeVar("T")
Ask = Callable[[AsyncQdrantClient], Awaitable[T]]


class QdrantConnection(Protocol):
    """Where a Qdrant is asked.

    Attributes:
        where: What it is, in words.
        secrets: What no error may hold.
        is_server: Whether it is on the network.
    """

    where: str
    secrets: tuple[str, ...]
    is_server: bool

    async def ask(self, ask: Ask[T]) -> T:
        """Ask it, without a deadline and with whatever the client raises."""
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class QdrantStore:
    """The few things that a memory asks of a Qdrant. Each of them raises `MemoryUnavailable`."""

    def __init__(self, connection: QdrantConnection) -> None:
        self._connection = connection
        self._sizes: dict[str, int] = {}
        self._making = asyncio.Lock()

    async def has_collection(self, collection: str) -> bool:
        """Whether a collection is there."""
        return await self._size(collection) is not None

    async def has_point(self, collection: str, point_id: str) -> bool:
        """Whether a point is there."""
        if not await self.has_collection(collection):
            return False
        async with self._asking(collection):
            return bool(
                await self._connection.ask(
                    lambda client: client.retrieve(collection, [point_id], with_payload=False)
                )
            )

    async def put(
        self,
        collection: str,
        embedding: str,
        point_id: str,
        vector: list[float],
        payload: dict[str, JsonValue],
    ) -> None:
        """Write a point, into a new collection if need be."""
        async with self._making:
            if await self._size(collection) is None:
                await self._make(collection, len(vector))
        await self._check_size(collection, embedding, len(vector))
        point = models.PointStruct(id=point_id, vector=vector, payload=payload)
        async with self._asking(collection):
            await self._connection.ask(lambda client: client.upsert(collection, [point]))

    async def nearest(
        self, collection: str, scope: str, embedding: str, vector: list[float], limit: int
    ) -> list[tuple[dict[str, JsonValue], float]]:
        """Payloads and similarities of the points of a memory that are the most similar, best first."""
        await self._check_size(collection, embedding, len(vector))
        among = models.Filter(must=[_is("scope", scope), _is("embedding", embedding)], must_not=[_expired()])
        async with self._asking(collection):
            found = await self._connection.ask(
                lambda client: client.query_points(
                    collection, query=vector, query_filter=among, limit=limit, with_payload=True
                )
            )
        return [(point.payload or {}, point.score) for point in found.points]

    async def delete_expired(self, collection: str, scope: str) -> None:
        """Delete the points of a memory whose life is over."""
        selector = models.FilterSelector(filter=models.Filter(must=[_is("scope", scope), _expired()]))
        async with self._asking(collection):
            await self._connection.ask(lambda client: client.delete(collection, selector))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.aclose()

    async def _size(self, collection: str) -> int | None:
        """How many numbers the vectors of a collection have; None without such a collection."""
        if not _NAME.fullmatch(collection) or collection in (".", ".."):
            raise MemoryUnavailable(
                f"{collection[:80]!r} cannot be the name of a collection. Name it with letters, digits, "
                "dots, dashes and underscores.",
                retryable=False,
            )
        if collection not in self._sizes:
            async with self._asking(collection):
                if not await self._connection.ask(lambda client: client.collection_exists(collection)):
                    return None
                info = await self._connection.ask(lambda client: client.get_collection(collection))
            vectors = info.config.params.vectors
            if not isinstance(vectors, models.VectorParams):
                raise MemoryUnavailable(
                    f"Collection {collection!r} of {self._connection.where} was made for vectors with names, "
                    "which a memory does not write. Name another collection in the ArkMemory.",
                    retryable=False,
                )
            self._sizes[collection] = vectors.size
        return self._sizes[collection]

    async def _check_size(self, collection: str, embedding: str, size: int) -> None:
        there = await self._size(collection)
        if there not in (None, size):
            raise MemoryUnavailable(
                f"Collection {collection!r} of {self._connection.where} holds vectors of {there} numbers, "
                f"but {embedding} makes vectors of {size}. Name another collection in the ArkMemory, or use "
                "the embeddings that the collection was made with.",
                retryable=False,
            )

    async def _make(self, collection: str, size: int) -> None:
        vectors = models.VectorParams(size=size, distance=models.Distance.COSINE)
        try:
            async with self._asking(collection):
                await self._connection.ask(
                    lambda client: client.create_collection(collection, vectors_config=vectors)
                )
                if self._connection.is_server:
                    await self._index(collection)
        except MemoryUnavailable:
            # Another worker may have been faster.
            if await self._size(collection) is None:
                raise

    async def _index(self, collection: str) -> None:
        """Index what is filtered by; a server in strict mode asks for it."""
        keyword = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
        of_memory = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
        number = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER)
        for field, schema in (("scope", of_memory), ("embedding", keyword), ("expires", number)):
            await self._connection.ask(
                lambda client, field=field, schema=schema: client.create_payload_index(
                    collection, field, schema
                )
            )

    @asynccontextmanager
    async def _asking(self, collection: str) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                yield
        except MemoryUnavailable:
            raise
        except _FAILURES as raised:
            self._sizes.pop(collection, None)  # it may have been deleted or made anew
            # Not kept as the cause: causes are written into histories, and may hold what the text must not.
            raise self._explain(raised) from None

    def _explain(self, raised: Exception) -> MemoryUnavailable:
        for cause in _causes(raised):
            match cause:
                case UnexpectedResponse():
                    return self._status(cause)
                case ResourceExhaustedResponse():
                    return self._error("answered 429: it has too much to do", True)
                case TimeoutError() | httpx.TimeoutException():
                    return self._error(f"gave no answer within {_CALL_SECONDS:g} seconds", True)
                case httpx.TransportError() | OSError():
                    said = quoted(str(cause), *self._connection.secrets) or type(cause).__name__
                    return self._error(f"cannot be reached, or broke the connection off: {said}", True)
                case _:
                    pass
        return self._error(f"failed: {quoted(str(raised), *self._connection.secrets)}", False)

    def _status(self, raised: UnexpectedResponse) -> MemoryUnavailable:
        status = raised.status_code or 0
        said = quoted(raised.content.decode("utf-8", "replace"), *self._connection.secrets)
        retryable = status >= 500 or status in _PASSING
        if status in (401, 403):
            return self._error(
                "refuses the API key: check VECTOR_STORE_API_KEY in the ArkMemory's Secret", False
            )
        return self._error(f"answered {status}: {said}", retryable)

    def _error(self, what: str, retryable: bool) -> MemoryUnavailable:
        return MemoryUnavailable(f"{self._connection.where} {what}.", retryable=retryable)


def _is(field: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def _expired() -> models.FieldCondition:
    return models.FieldCondition(key="expires", range=models.Range(lte=time.time() * 1000))


def _causes(raised: BaseException) -> Iterator[BaseException]:
    """An exception and what it was made of, the outermost first."""
    waiting: list[BaseException | None] = [raised]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, ResponseHandlingException):
            waiting.append(cause.source)
        waiting.append(cause.__cause__)
