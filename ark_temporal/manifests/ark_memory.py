"""The kind ArkMemory: what agents remember with."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.base import ArkResource, Int, ManifestModel, NameRef, NonBlank

Backend = Literal["in-context", "redis", "vector-store"]
LOCAL_STORE = "local"
"""As an endpoint: a Qdrant that the worker keeps in a directory."""
EmbeddingsProvider = Literal["openai", "openai-compatible", "gemini", "local", "hash"]


class RedisMemory(ManifestModel):
    """Recent entries, kept in Redis."""

    secret_ref: NameRef = Field(description="The Secret whose key `REDIS_URL` holds the address.")
    ttl_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=3600, description="How long an entry lives, in seconds; 0 is for ever."
    )
    max_entries: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="Most entries, the oldest leaving first; 0 is no limit."
    )


class Embeddings(ManifestModel):
    """Who turns text into the vectors by which entries are found (ours)."""

    provider: EmbeddingsProvider = Field(
        default="openai",
        description="`openai`, `openai-compatible` and `gemini` are asked with the agent's own keys; `local` "
        "is a model on the worker, where one is installed; `hash` finds words that are alike, without any "
        "model.",
    )
    model: str = Field(default="", description="The embedding model; by default the provider's usual one.")


class VectorStoreMemory(ManifestModel):
    """Entries found again by meaning."""

    provider: Literal["qdrant", "pinecone", "weaviate"] = Field(description="The kind of vector store.")
    endpoint: NonBlank = Field(
        description="Address of the store; `local` is a Qdrant in a directory of the worker (ours)."
    )
    collection: NonBlank = Field(default="agent-memories", description="Collection that holds the entries.")
    secret_ref: NameRef | None = Field(
        default=None, description="The Secret whose key `VECTOR_STORE_API_KEY` holds the API key."
    )
    ttl_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="How long an entry lives, in seconds; 0 is for ever."
    )
    embeddings: Embeddings = Field(
        default_factory=Embeddings, description="Who turns text into vectors (ours)."
    )


class ArkMemorySpec(ManifestModel):
    """Which backend, and its settings."""

    backend: Backend = Field(
        description="`in-context` forgets after the task; the other two need their block here."
    )
    redis: RedisMemory | None = Field(default=None, description="Settings of `redis`.")
    vector_store: VectorStoreMemory | None = Field(default=None, description="Settings of `vector-store`.")


class ArkMemory(ArkResource):
    """What agents remember with, from task to task."""

    KIND: ClassVar[str] = "ArkMemory"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkmemory",)

    kind: Literal["ArkMemory"] = Field(default="ArkMemory", description="Always `ArkMemory`.")
    spec: ArkMemorySpec = Field(description="Which backend, and its settings.")
