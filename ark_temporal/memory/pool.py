"""The memories of one worker process, and the connections that they share."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from ark_temporal.memory._redis import RedisMemory
from ark_temporal.memory._vector import VectorMemory
from ark_temporal.memory.config import EmbeddingsConfig, MemoryConfig, RedisMemoryConfig, VectorMemoryConfig
from ark_temporal.memory.types import Memory, MemoryUnavailable
from ark_temporal.shared import Closeable, Shared, SharedPool

if TYPE_CHECKING:
    from ark_temporal.memory._embedder import Embedder
    from ark_temporal.memory._qdrant import QdrantStore
    from ark_temporal.memory._redis_client import RedisClient

MAX_CONNECTIONS: Final = 64
"""How many servers a pool stays connected with; others are connected anew for each call."""

_MAX_MEMORIES: Final = 1_000
C = TypeVar("C", bound=Closeable)


class MemoryPool:
    """The memories of one worker process.

    A pool belongs to one event loop, and all its methods are called from it. Memories on one server share its
    connections. What `get` returns may be kept and used for as long as the pool is.
    """

    def __init__(self) -> None:
        self._memories: OrderedDict[MemoryConfig, Memory] = OrderedDict()
        self._connections = SharedPool[Shared[Any]](MAX_CONNECTIONS)

    def get(self, config: MemoryConfig) -> Memory:
        """The memory of a config; the same one each time. Its first call connects.

        Raises:
            MemoryUnavailable: There is no such backend.
        """
        memory = self._memories.get(config)
        if memory is None:
            memory = self._memories[config] = self._make(config)
            if len(self._memories) > _MAX_MEMORIES:
                self._memories.popitem(last=False)
        self._memories.move_to_end(config)
        return memory

    async def aclose(self) -> None:
        """Close every connection; one in use closes when its last call ends."""
        self._memories.clear()
        await self._connections.aclose()

    def _make(self, config: MemoryConfig) -> Memory:
        match config:
            case RedisMemoryConfig():
                return RedisMemory(config, self._shared(("redis", config.url), partial(_open_redis, config)))
            case VectorMemoryConfig(provider="qdrant"):
                key = ("qdrant", config.endpoint, config.api_key)
                store = self._shared(key, partial(_open_qdrant, config))
                return VectorMemory(config, store, self._embedder(config.embeddings))
            case _:
                raise MemoryUnavailable(
                    f"The ArkMemory {config.namespace}/{config.name} is kept by {config.provider}, but only "
                    "qdrant is supported as a vector store. Give it `provider: qdrant` and an endpoint.",
                    retryable=False,
                )

    def _embedder(self, config: EmbeddingsConfig) -> "Shared[Embedder]":
        key = ("embeddings", config.provider, config.model, config.base_url, config.api_key)
        return self._shared(key, partial(_open_embedder, config))

    def _shared(self, key: tuple[str, ...], open: Callable[[], Awaitable[C]]) -> Shared[C]:
        # A digest, so that no secret stands in a mapping that a debugger or a crash report prints.
        digest = (key[0], hashlib.sha256("\0".join(key).encode()).hexdigest())
        return cast(Shared[C], self._connections.get(digest, lambda: Shared(open)))


# An SDK is loaded at the first use and in a thread, since loading one blocks for up to two seconds.


async def _open_redis(config: RedisMemoryConfig) -> "RedisClient":
    def make() -> "RedisClient":
        from ark_temporal.memory._redis_client import RedisClient

        return RedisClient(config.url)

    return await asyncio.to_thread(make)


async def _open_qdrant(config: VectorMemoryConfig) -> "QdrantStore":
    def load() -> "Callable[[], Awaitable[QdrantStore]]":
        from ark_temporal.memory._qdrant import QdrantStore
        from ark_temporal.memory._qdrant_local import LocalQdrant, is_local
        from ark_temporal.memory._qdrant_server import QdrantServer

        async def open() -> QdrantStore:
            if is_local(config.endpoint):
                return QdrantStore(await LocalQdrant.open(config.endpoint))
            return QdrantStore(QdrantServer(config.endpoint, config.api_key))

        return open

    return await (await asyncio.to_thread(load))()


async def _open_embedder(config: EmbeddingsConfig) -> "Embedder":
    def make() -> "Embedder":
        match config.provider:
            case "hash":
                from ark_temporal.memory._embed_hash import HashEmbedder

                return HashEmbedder()
            case "local":
                from ark_temporal.memory._embed_local import LocalEmbedder

                return LocalEmbedder()
            case "gemini":
                from ark_temporal.memory._embed_gemini import GeminiEmbedder

                return GeminiEmbedder(config)
            case "openai" | "openai-compatible":
                from ark_temporal.memory._embed_openai import OpenAIEmbedder

                return OpenAIEmbedder(config)

    return await asyncio.to_thread(make)
