"""A memory in a vector store, found again by meaning.

The layout is public. A point's payload is the JSON of an entry (`id`, `created`, `text`, `metadata`) with
`scope` (`<namespace>/<name>` of the memory), `embedding` (who made the vector, since vectors of two models
cannot be compared) and, where entries expire, `expires` in milliseconds since 1970. Its id is the UUID,
version 5 in the URL namespace, of `ark:memory:<scope>:<entry id>`.
"""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from ark_temporal.memory._bounds import allowed, clipped, has_expired, read_entry, within_budget
from ark_temporal.memory.config import VectorMemoryConfig
from ark_temporal.memory.types import MemoryEntry
from ark_temporal.shared import Shared

if TYPE_CHECKING:
    from ark_temporal.memory._embedder import Embedder
    from ark_temporal.memory._qdrant import QdrantStore

_PURGE_SECONDS: Final = 60.0


class VectorMemory:
    """See `Memory`."""

    def __init__(
        self, config: VectorMemoryConfig, store: "Shared[QdrantStore]", embedder: "Shared[Embedder]"
    ) -> None:
        self._config = config
        self._scope = f"{config.namespace}/{config.name}"
        self._store = store
        self._embedder = embedder
        self._purged = float("-inf")

    async def recall(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """See `Memory.recall`."""
        return await self.search(query, limit=limit)

    async def search(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """See `Memory.search`."""
        if not query.strip() or not allowed(limit):
            return []
        async with self._store.use() as store, self._embedder.use() as embedder:
            # Before the embedding, which costs money: there may be nothing to find yet.
            if not await store.has_collection(self._config.collection):
                return []
            vector = await embedder.embed(query)
            found = await store.nearest(
                self._config.collection, self._scope, embedder.name, vector, allowed(limit)
            )
        entries = (read_entry(payload, min(1.0, max(0.0, score))) for payload, score in found)
        return within_budget((entry for entry in entries if entry), limit)

    async def remember(self, entry: MemoryEntry) -> None:
        """See `Memory.remember`."""
        if has_expired(entry, self._config.ttl_seconds):
            return
        kept = clipped(entry)
        collection = self._config.collection
        point_id = str(uuid5(NAMESPACE_URL, f"ark:memory:{self._scope}:{entry.id}"))
        async with self._store.use() as store, self._embedder.use() as embedder:
            if await store.has_point(collection, point_id):
                return
            vector = await embedder.embed(kept.text)
            payload = self._payload(kept, embedder.name)
            await store.put(collection, embedder.name, point_id, vector, payload)
            await self._purge(store)

    async def aclose(self) -> None:
        """See `Memory.aclose`."""
        await self._store.aclose()
        await self._embedder.aclose()

    async def _purge(self, store: "QdrantStore") -> None:
        """Delete what has expired, once in a while."""
        now = time.monotonic()
        if self._config.ttl_seconds and now - self._purged >= _PURGE_SECONDS:
            self._purged = now
            await store.delete_expired(self._config.collection, self._scope)

    def _payload(self, entry: MemoryEntry, embedding: str) -> dict[str, JsonValue]:
        payload: dict[str, JsonValue] = entry.model_dump(mode="json")
        payload |= {"scope": self._scope, "embedding": embedding}
        if self._config.ttl_seconds:
            expires = entry.created + timedelta(seconds=self._config.ttl_seconds)
            payload["expires"] = round(expires.timestamp() * 1000)
        return payload
