"""How often a webhook may be called, and an address be refused."""

import ipaddress
import logging
import time
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool

from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookRate
from worker.gateway.triggers.refusals import RefusedError

REFUSALS = RateLimitItemPerSecond(600, 60, namespace="ark-refusals")
"""So many calls of one address may be refused in so many seconds before none of it is looked at."""

_REDIS_SECONDS = 1.0

_log = logging.getLogger("ark-temporal.gateway")


class Rates:
    """Counts calls.

    Args:
        url: The Redis that all gateways count in, `redis://` or `rediss://`; None counts in this process.

    Raises:
        ValueError: The URL is none of a Redis.
    """

    def __init__(self, url: str | None = None) -> None:
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._pool = _pool(url) if url else None
        self._shared = FixedWindowRateLimiter(_storage(url, self._pool)) if url and self._pool else None

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def count(self, event: ArkEvent, rate: WebhookRate) -> None:
        """Count a call of an event.

        Raises:
            RefusedError: 429; there were too many.
        """
        item = RateLimitItemPerSecond(rate.requests, rate.window_seconds, namespace="ark-webhooks")
        name = (event.metadata.namespace, event.metadata.name)
        if self._shared is not None:
            try:
                await _count(self._shared, item, name)
            except StorageError as error:
                _log.warning("rates are counted in this process, Redis fails: %s", type(error).__name__)
            else:
                return
        await _count(self._own, item, name)

    async def check_address(self, address: str) -> None:
        """Refuse an address that was refused too often.

        Raises:
            RefusedError: 429.
        """
        if not await self._own.test(REFUSALS, network(address)):
            raise await _refused(self._own, REFUSALS, (network(address),))

    async def refuse_address(self, address: str) -> None:
        """Count a call that was refused for its credentials, or for asking for what there is not."""
        await self._own.hit(REFUSALS, network(address))


def network(address: str) -> str:
    """The address, or what one customer of a provider has of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))


async def _count(
    limiter: FixedWindowRateLimiter, item: RateLimitItemPerSecond, name: tuple[str, ...]
) -> None:
    if not await limiter.hit(item, *name):
        raise await _refused(limiter, item, name)


async def _refused(
    limiter: FixedWindowRateLimiter, item: RateLimitItemPerSecond, name: tuple[str, ...]
) -> RefusedError:
    stats = await limiter.get_window_stats(item, *name)
    seconds = max(1, round(stats.reset_time - time.time() + 0.5))
    return RefusedError(429, "There were too many calls. Try again later.", {"Retry-After": str(seconds)})


def _pool(url: str) -> ConnectionPool:
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError("Rates are counted in a Redis, whose URL begins with redis:// or rediss://.")
    return ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS
    )


def _storage(url: str, pool: ConnectionPool) -> RedisStorage:
    options: dict[str, Any] = {"connection_pool": pool}  # more than the library's types say it takes
    return RedisStorage(f"async+{url}", wrap_exceptions=True, implementation="redispy", **options)
