"""The kind ArkMemory: what agents remember with."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.base import ArkResource, Int, ManifestModel, NameRef, NonBlank

Backend = Literal["in-context", "redis", "vector-store"]


class RedisMemory(ManifestModel):
    """Recent entries, kept in Redis."""

    secret_ref: NameRef = Field(description="The Secret whose key `REDIS_URL` holds the address.")
    ttl_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=3600, description="How long an entry lives, in seconds; 0 is for ever."
    )
    max_entries: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="Most entries, the oldest leaving first; 0 is no limit."
    )


class VectorStoreMemory(ManifestModel):
    """Entries found again by meaning."""

    provider: Literal["qdrant", "pinecone", "weaviate"] = Field(description="The kind of vector store.")
    endpoint: NonBlank = Field(description="Address of the store.")
    collection: NonBlank = Field(default="agent-memories", description="Collection that holds the entries.")
    secret_ref: NameRef | None = Field(
        default=None, description="The Secret whose key `VECTOR_STORE_API_KEY` holds the API key."
    )
    ttl_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="How long an entry lives, in seconds; 0 is for ever."
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
