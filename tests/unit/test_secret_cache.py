"""How long values are used that a provider gave, and what bridges over its absence."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from ark_temporal.secrets import SecretError
from ark_temporal.secrets.cached import STALE_SECONDS, Cached, Fetched


@dataclass
class Provider:
    """Gives another value each time, or fails, by a clock that is set."""

    fresh: float = 30
    now: float = 1000.0
    asked: int = 0
    down: bool = False
    gone: bool = False
    gate: asyncio.Event | None = None
    failure: Exception = field(default_factory=lambda: SecretError("It is down."))

    async def __call__(self) -> Fetched:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise self.failure
        return Fetched.refreshed(None if self.gone else {"K": f"value-{self.asked}"}, self.fresh)

    def cached(self) -> Cached:
        return Cached("keys", self, lambda: self.now)


async def test_values_are_used_until_they_are_due() -> None:
    provider = Provider()
    cached = provider.cached()
    assert await cached.values() == {"K": "value-1"}
    provider.now += 29.9
    assert await cached.values() == {"K": "value-1"}
    provider.now += 0.2
    assert await cached.values() == {"K": "value-2"}


async def test_no_seconds_ask_at_each_use() -> None:
    cached = Provider(fresh=0).cached()
    assert [await cached.values() for _ in range(2)] == [{"K": "value-1"}, {"K": "value-2"}]


async def test_all_who_ask_at_once_wait_for_one_answer_even_if_the_first_gives_up() -> None:
    provider = Provider(fresh=0, gate=asyncio.Event())
    cached = provider.cached()
    asking = [asyncio.create_task(cached.values()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    assert provider.gate is not None
    provider.gate.set()
    assert await asyncio.gather(*asking[1:]) == [{"K": "value-1"}] * 49
    assert provider.asked == 1


async def test_while_the_provider_is_down_the_last_values_serve_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider = Provider()
    cached = provider.cached()
    await cached.values()
    provider.down = True
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            provider.now += 31
            assert await cached.values() == {"K": "value-1"}
    assert [record.getMessage() for record in caplog.records] == [
        "It is down. What it gave 31 seconds ago is used meanwhile."
    ]
    provider.now += STALE_SECONDS
    with pytest.raises(SecretError, match="It is down"):
        await cached.values()
    provider.down = False
    provider.now += 3
    assert await cached.values() == {"K": f"value-{provider.asked}"}


async def test_a_provider_that_failed_is_left_alone_for_a_moment() -> None:
    provider = Provider(down=True)
    cached = provider.cached()
    for _ in range(20):
        with pytest.raises(SecretError):
            await cached.values()
    assert provider.asked == 1
    provider.now += 2.1
    provider.down = False
    assert await cached.values() == {"K": "value-2"}


async def test_that_there_is_nothing_is_believed_for_a_short_time() -> None:
    provider = Provider(fresh=3600, gone=True)
    cached = provider.cached()
    assert [await cached.values() for _ in range(5)] == [None] * 5
    assert provider.asked == 1
    provider.now += 5.1
    provider.gone = False
    assert await cached.values() == {"K": "value-2"}


async def test_what_was_refused_is_asked_for_again_once() -> None:
    provider = Provider()
    cached = provider.cached()
    await cached.values()
    provider.now += 1
    refused_at = provider.now
    for _ in range(50):  # as many calls as had the old value
        cached.expire(refused_at)
        provider.now += 0.01
        await cached.values()
    assert provider.asked == 2


async def test_what_was_refused_still_serves_where_the_provider_is_down() -> None:
    provider = Provider()
    cached = provider.cached()
    await cached.values()
    provider.down = True
    cached.expire(provider.now)
    assert await cached.values() == {"K": "value-1"}


async def test_whatever_goes_wrong_inside_is_named_and_not_quoted() -> None:
    provider = Provider(down=True, failure=RuntimeError("sk-planted"))
    with pytest.raises(SecretError, match=r"^keys: RuntimeError\.$") as caught:
        await provider.cached().values()
    assert caught.value.retryable
    assert "sk-planted" not in repr(provider.cached())
