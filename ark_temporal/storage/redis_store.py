"""Payloads and journal in Redis: for clusters whose Redis persists, or keeps its memory long enough."""

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ark_temporal.storage.content import LARGEST_VALUE_BYTES, aside, claimed, missing, seal, unseal
from ark_temporal.storage.errors import StorageUnavailableError, refuse_oversize
from ark_temporal.storage.journal import entry_name

if TYPE_CHECKING:
    from redis.asyncio import Redis

JOURNAL_TTL_SECONDS = 7 * 24 * 3600
DEFAULT_PREFIX = "ark:"

_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 30.0


@dataclass(frozen=True)
class RedisPlace:
    """A place in a Redis.

    Attributes:
        url: How to reach it, credentials included.
        shown: The same for people, without credentials.
        prefix: How all keys begin.
        ttl_seconds: How long a payload is kept after it was last stored or read; None for ever.
        ca_path: File with the certificates of who may sign the server's.
        password: What no message may have in it.
    """

    url: str = field(repr=False)
    shown: str
    prefix: str = DEFAULT_PREFIX
    ttl_seconds: int | None = None
    ca_path: str | None = None
    password: str | None = field(default=None, repr=False)


class RedisLink:
    """The connections to one Redis, made when first used. What goes wrong is told without credentials."""

    def __init__(self, place: RedisPlace) -> None:
        self.place = place
        self._client: Redis | None = None

    @contextlib.contextmanager
    def client(self) -> "Generator[Redis]":
        """The client, for as long as the block runs.

        Raises:
            StorageUnavailableError: Redis does not answer, or refuses us.
        """
        from redis.exceptions import RedisError

        try:
            yield self._connected()
        except (RedisError, OSError) as error:
            reason = str(error) or type(error).__name__
            if self.place.password:
                reason = reason.replace(self.place.password, "[redacted]")
            raise StorageUnavailableError(
                f"The storage {self.place.shown} does not do its work: {reason.rstrip('.')}."
            ) from None

    def _connected(self) -> "Redis":
        if self._client is None:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            tls: dict[str, Any] = {"ssl_ca_certs": self.place.ca_path} if self.place.ca_path else {}
            self._client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
                self.place.url,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),  # Temporal owns all retries
                **tls,
            )
        return self._client

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class RedisDriver(StorageDriver):
    """Keeps each payload under the sha256 of its bytes."""

    def __init__(self, link: RedisLink, *, limit_bytes: int = LARGEST_VALUE_BYTES) -> None:
        self._link = link
        self._limit = limit_bytes

    def name(self) -> str:
        """The name that histories refer to; it can never change."""
        return "ark-redis"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Keep payloads and say how to find them again.

        Raises:
            ApplicationError: One is larger than the storage takes.
            StorageUnavailableError: Redis does not answer, or refuses it.
        """
        return [await self._write(payload) for payload in payloads]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Read payloads back.

        Raises:
            PayloadMissingError: One is not here, or is not what it was.
            StorageUnavailableError: Redis does not answer.
        """
        digests = [claimed(claim) for claim in claims]
        return [await self._read(digest) for digest in digests]

    async def _write(self, payload: Payload) -> StorageDriverClaim:
        place = self._link.place
        refuse_oversize(payload.ByteSize(), self._limit, f"the storage {place.shown}")
        digest, data = await aside(payload.ByteSize(), lambda: seal(payload))
        with self._link.client() as redis:
            await redis.set(self._key(digest), data, ex=place.ttl_seconds)
        return StorageDriverClaim({"sha256": digest})

    async def _read(self, digest: str) -> Payload:
        place = self._link.place
        with self._link.client() as redis:
            if place.ttl_seconds is None:
                data = await redis.get(self._key(digest))
            else:
                data = await redis.getex(self._key(digest), ex=place.ttl_seconds)
        if not isinstance(data, bytes):
            keep = "keep its keys as long as the runs that use them: a longer ttl, and no eviction"
            raise missing(digest, f"the storage {place.shown}", keep)
        return await aside(len(data), lambda: unseal(digest, data, f"the storage {place.shown}"))

    def _key(self, digest: str) -> str:
        return f"{self._link.place.prefix}payload:{digest}"


class RedisJournal:
    """A journal in Redis, whose entries go by themselves.

    Args:
        link: Which Redis.
        ttl_seconds: How long an entry is kept.
        limit_bytes: The largest value.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        ttl_seconds: int = JOURNAL_TTL_SECONDS,
        limit_bytes: int = LARGEST_VALUE_BYTES,
    ) -> None:
        self._link = link
        self._ttl = ttl_seconds
        self._limit = limit_bytes

    async def find(self, key: str) -> bytes | None:
        """The value that was kept under the key, if it is still there."""
        with self._link.client() as redis:
            data = await redis.get(self._key(key))
        return data if isinstance(data, bytes) else None

    async def keep(self, key: str, value: bytes) -> None:
        """Keep a value."""
        refuse_oversize(len(value), self._limit, f"the journal in {self._link.place.shown}")
        with self._link.client() as redis:
            await redis.set(self._key(key), value, ex=self._ttl)

    def _key(self, key: str) -> str:
        return f"{self._link.place.prefix}journal:{entry_name(key)}"
