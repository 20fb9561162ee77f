"""A memory in Redis: one list, its latest entry first.

The layout is public. The list's key is `ark:memory:<namespace>/<name>`, and each of its items is the JSON of
an entry: `{"id":"...","created":"2026-01-31T09:30:00.000Z","text":"...","metadata":{"agent":"..."}}`, with
`id` and `created` first, without spaces between, and without an empty `metadata`. An entry lives for the
memory's `ttlSeconds` after `created`: writers remove what has expired from the list's end, readers pass over
the rest of it, and the key itself expires when nothing was written for that long.

Nothing newer than Redis 6 is needed. A restricted user needs `@list`, `expire`, `persist`, `eval` and
`@connection` on `ark:memory:*`.
"""

import json
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from pydantic_core import from_json

from ark_temporal.memory._bounds import allowed, clipped, has_expired, oldest_alive, read_entry, within_budget
from ark_temporal.memory._words import relevance, words
from ark_temporal.memory.config import RedisMemoryConfig
from ark_temporal.memory.types import MemoryEntry, iso_milliseconds
from ark_temporal.shared import Shared

if TYPE_CHECKING:
    from ark_temporal.memory._redis_client import RedisClient

_SEARCHED: Final = 1_000
_SEARCHED_BYTES: Final = 4 * 1024 * 1024
_CHUNK: Final = 100
_RETRIED_WITHIN: Final = timedelta(hours=1)

# ARGV: the record, how a record with its id begins, when writers of it may have begun, the last moment that
# is expired by now, seconds of life, most entries. An entry that is there already is looked for among the
# latest ones and back to when it was made, since it cannot have been written before.
_REMEMBER: Final = """
local key, record, begins, since, expired = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ttl, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local function created(item) return string.match(item, '"created":"([^"]+)"') or '' end

local popped = 0
while ttl > 0 and popped < 1000 do
  local last = redis.call('LINDEX', key, -1)
  if not last or created(last) > expired then break end
  redis.call('RPOP', key)
  popped = popped + 1
end

local seen = 0
repeat
  local items = redis.call('LRANGE', key, seen, seen + 99)
  for _, item in ipairs(items) do
    if string.sub(item, 1, #begins) == begins then return 0 end
  end
  seen = seen + #items
until #items < 100 or (seen >= 1000 and created(items[#items]) < since)

redis.call('LPUSH', key, record)
if most > 0 then redis.call('LTRIM', key, 0, most - 1) end
if ttl > 0 then redis.call('EXPIRE', key, ttl) else redis.call('PERSIST', key) end
return 1
"""


class RedisMemory:
    """See `Memory`."""

    def __init__(self, config: RedisMemoryConfig, client: "Shared[RedisClient]") -> None:
        self._config = config
        self._key = f"ark:memory:{config.namespace}/{config.name}"
        self._client = client

    async def recall(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """See `Memory.recall`."""
        latest: list[MemoryEntry] = []
        async with aclosing(self._latest()) as entries:
            async for entry in entries:
                if len(latest) >= allowed(limit):
                    break
                latest.append(entry)
        kept = within_budget(latest, limit)
        kept.reverse()
        return sorted(kept, key=lambda entry: entry.created)

    async def search(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """See `Memory.search`."""
        wanted = frozenset(words(query))
        if not wanted or not allowed(limit):
            return []
        scored = [
            entry.model_copy(update={"score": relevance(wanted, entry.text)})
            async for entry in self._latest()
        ]
        fitting = [entry for entry in scored if entry.score]
        fitting.sort(key=lambda entry: (entry.score, entry.created), reverse=True)
        return within_budget(fitting, limit)

    async def remember(self, entry: MemoryEntry) -> None:
        """See `Memory.remember`."""
        ttl = self._config.ttl_seconds
        if has_expired(entry, ttl):
            return
        expired = oldest_alive(ttl)
        arguments = (
            _record(entry),
            f'{{"id":{_json(entry.id)},',
            iso_milliseconds(entry.created - _RETRIED_WITHIN),
            iso_milliseconds(expired) if expired else "",
            str(ttl),
            str(self._config.max_entries),
        )
        async with self._client.use() as client, client.asking() as redis:
            await cast(Awaitable[int], redis.eval(_REMEMBER, 1, self._key, *arguments))

    async def aclose(self) -> None:
        """See `Memory.aclose`."""
        await self._client.aclose()

    async def _latest(self) -> AsyncGenerator[MemoryEntry]:
        """Entries that live, the latest first."""
        seen: set[str] = set()
        size = 0
        for start in range(0, _SEARCHED, _CHUNK):
            records = await self._records(start)
            for record in records:
                size += len(record)
                entry = _read(record)
                # What others push meanwhile moves items from one chunk to the next.
                if entry and entry.id not in seen and not has_expired(entry, self._config.ttl_seconds):
                    seen.add(entry.id)
                    yield entry
            if len(records) < _CHUNK or size > _SEARCHED_BYTES:
                return

    async def _records(self, start: int) -> list[bytes]:
        async with self._client.use() as client, client.asking() as redis:
            found = redis.lrange(self._key, start, start + _CHUNK - 1)
            return await cast(Awaitable[list[bytes]], found)


def _record(entry: MemoryEntry) -> str:
    kept = clipped(entry)
    written: dict[str, object] = {
        "id": kept.id,
        "created": iso_milliseconds(kept.created),
        "text": kept.text,
    }
    return _json({**written, "metadata": kept.metadata} if kept.metadata else written)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(record: bytes) -> MemoryEntry | None:
    """An entry, or None for what somebody else has put into the list."""
    try:
        return read_entry(from_json(record))
    except ValueError:
        return None
