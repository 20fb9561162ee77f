"""The backends that one suite runs over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ark_temporal.memory import (
    EmbeddingsConfig,
    MemoryConfig,
    MemoryEntry,
    RedisMemoryConfig,
    VectorMemoryConfig,
)

HASH = EmbeddingsConfig(provider="hash")


@dataclass(frozen=True)
class Backend:
    """Makes configs of memories in one store.

    Attributes:
        make: From namespace, name, seconds of life.
        persists: Whether another pool finds what one has stored.
        by_meaning: Whether recall looks at the query.
    """

    make: Callable[[str, str, int], MemoryConfig]
    persists: bool = True
    by_meaning: bool = True

    def config(self, name: str = "notes", *, namespace: str = "shop", ttl: int = 0) -> MemoryConfig:
        return self.make(namespace, name, ttl)


def redis_backend(url: str, prefix: str) -> Backend:
    def make(namespace: str, name: str, ttl: int) -> MemoryConfig:
        return RedisMemoryConfig(url=url, namespace=f"{prefix}-{namespace}", name=name, ttl_seconds=ttl)

    return Backend(make, by_meaning=False)


def qdrant_backend(endpoint: str, api_key: str = "", *, persists: bool = True) -> Backend:
    def make(namespace: str, name: str, ttl: int) -> MemoryConfig:
        return VectorMemoryConfig(
            endpoint=endpoint,
            namespace=namespace,
            name=name,
            api_key=api_key,
            ttl_seconds=ttl,
            embeddings=HASH,
        )

    return Backend(make, persists=persists)


def entry(text: str, id: str | None = None, *, age: float = 0.0, **metadata: str) -> MemoryEntry:
    """An entry that is so many seconds old."""
    created = datetime.now(UTC) - timedelta(seconds=age)
    return MemoryEntry(id=id or text, created=created, text=text, metadata=metadata)
