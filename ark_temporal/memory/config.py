"""What a memory needs, with its secrets: made on the worker, kept in no history, shown in no repr."""

from dataclasses import dataclass, field
from typing import Literal

EmbeddingsProvider = Literal["openai", "openai-compatible", "gemini", "local", "hash"]
"""Who turns text into vectors; `hash` is built in and needs neither a key nor a package."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsConfig:
    """Who turns text into vectors.

    Attributes:
        model: Empty for the provider's default; an OpenAI-compatible server has none.
        api_key: An OpenAI-compatible server may need none.
        base_url: Empty for the provider's own; an OpenAI-compatible server has none.
    """

    provider: EmbeddingsProvider = "openai"
    model: str = ""
    api_key: str = field(default="", repr=False)
    base_url: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class RedisMemoryConfig:
    """A memory in Redis: the list `ark:memory:<namespace>/<name>`.

    Attributes:
        url: `redis://` or `rediss://`, with user, password and database number where needed.
        namespace: Of the ArkMemory.
        name: Of the ArkMemory.
        ttl_seconds: How long an entry lives; 0 is for ever.
        max_entries: Most entries, the oldest leaving first; 0 is no limit.
    """

    url: str = field(repr=False)
    namespace: str
    name: str
    ttl_seconds: int = 3600
    max_entries: int = 0


@dataclass(frozen=True, kw_only=True)
class VectorMemoryConfig:
    """A memory in a vector store.

    Attributes:
        endpoint: `http(s)://host:port` of a Qdrant server; `local:DIRECTORY` for Qdrant inside of this
            process, which keeps its data there; `:memory:` for one that keeps none.
        namespace: Of the ArkMemory. Memories share a collection without seeing each other's entries.
        name: Of the ArkMemory.
        collection: Made when missing.
        ttl_seconds: How long an entry lives; 0 is for ever.
    """

    endpoint: str = field(repr=False)
    namespace: str
    name: str
    api_key: str = field(default="", repr=False)
    collection: str = "agent-memories"
    ttl_seconds: int = 0
    provider: Literal["qdrant", "pinecone", "weaviate"] = "qdrant"
    embeddings: EmbeddingsConfig = EmbeddingsConfig()


MemoryConfig = RedisMemoryConfig | VectorMemoryConfig
"""Any memory that outlives a task; `in-context` needs none."""
