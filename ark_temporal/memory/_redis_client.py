"""The connections to one Redis, and what its errors mean."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ark_temporal.memory._addresses import host_of, quoted, split_address
from ark_temporal.memory.types import MemoryUnavailable

_CALL_SECONDS: Final = 5.0
_CONNECT_SECONDS: Final = 3.0
_MAX_CONNECTIONS: Final = 16
_PASSING: Final = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
)
_ADVICE: Final = (
    "Check REDIS_URL in the ArkMemory's Secret, and that the server runs and can be reached from the worker."
)


class RedisClient:
    """A bounded pool of connections to one Redis. Its own retries are off."""

    def __init__(self, url: str) -> None:
        """Make it; nothing is connected yet.

        Raises:
            MemoryUnavailable: The address cannot be used.
        """
        parts = split_address("REDIS_URL", url, ("redis", "rediss"), "redis://:password@host:6379/0")
        self._where = f"Redis at {host_of(parts)}"
        self._secrets = (parts.password, parts.username, url)
        self._redis = Redis.from_pool(_open(url.strip()))

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[Redis]:
        """Ask within the deadline.

        Raises:
            MemoryUnavailable: There was no answer, or an error.
        """
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                yield self._redis
        except (exceptions.RedisError, OSError) as raised:
            # Not kept as the cause: causes are written into histories, and may hold what the text must not.
            raise self._explain(raised) from None

    async def aclose(self) -> None:
        """Close every connection."""
        with suppress(exceptions.RedisError, OSError):
            await self._redis.aclose()

    def _explain(self, raised: Exception) -> MemoryUnavailable:
        said = quoted(str(raised), *self._secrets)
        match raised:
            case (
                exceptions.AuthenticationError()
                | exceptions.AuthorizationError()
                | exceptions.NoPermissionError()
            ):
                what, retryable = f"refuses the user or its password: {said}", False
            case exceptions.MovedError() | exceptions.AskError():
                what = "is one node of a cluster, and the memory is on another one"
                return MemoryUnavailable(
                    f"{self._where} {what}. Put the address of the cluster's proxy or of a Redis without "
                    "cluster mode into REDIS_URL.",
                    retryable=False,
                )
            case exceptions.TimeoutError() | TimeoutError():
                what, retryable = f"gave no answer within {_CALL_SECONDS:g} seconds", True
            case exceptions.ConnectionError() | OSError():
                what, retryable = f"cannot be reached, or broke the connection off: {said}", True
            case exceptions.ResponseError() if said.startswith("WRONGTYPE"):
                return MemoryUnavailable(
                    f"{self._where} holds something else than a list under the memory's key. Give the memory "
                    "a database of its own, or delete the key.",
                    retryable=False,
                )
            case _:
                passing = isinstance(raised, (exceptions.OutOfMemoryError, exceptions.ReadOnlyError))
                what, retryable = f"answered with an error: {said}", passing or said.startswith(_PASSING)
        return MemoryUnavailable(f"{self._where} {what}. {_ADVICE}", retryable=retryable)


def _open(url: str) -> BlockingConnectionPool:
    try:
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=_CALL_SECONDS,
            socket_timeout=_CALL_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        pool.make_connection()  # which connects nothing, but reads the options of the address
    except (TypeError, ValueError, exceptions.RedisError):
        raise MemoryUnavailable(
            "REDIS_URL has an option that the Redis client does not know, or a value that it cannot read. "
            "Leave only what is needed, for example redis://:password@host:6379/0.",
            retryable=False,
        ) from None
    return pool
