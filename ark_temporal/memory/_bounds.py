"""How much is kept, and how much is brought back."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from pydantic import ValidationError

from ark_temporal.memory.types import MAX_LIMIT, MAX_RECALLED, MAX_TEXT, MemoryEntry

_MARK: Final = "… [cut]"
_FIELDS: Final = frozenset({"id", "created", "text", "metadata"})


def clipped(entry: MemoryEntry) -> MemoryEntry:
    """An entry as it is kept: no longer than it may be, and without a score."""
    text = entry.text if len(entry.text) <= MAX_TEXT else entry.text[: MAX_TEXT - len(_MARK)] + _MARK
    return entry.model_copy(update={"text": text, "score": None})


def read_entry(written: object, score: float | None = None) -> MemoryEntry | None:
    """An entry from its JSON, or None for what is none. What a later release adds to it is passed over."""
    if not isinstance(written, dict):
        return None
    known = {name: value for name, value in cast(dict[str, object], written).items() if name in _FIELDS}
    try:
        return MemoryEntry.model_validate({**known, "score": score})
    except ValidationError:
        return None


def within_budget(entries: Iterable[MemoryEntry], limit: int) -> list[MemoryEntry]:
    """The first entries, up to the limits of their number and of their text."""
    kept: list[MemoryEntry] = []
    left = MAX_RECALLED
    for entry in entries:
        left -= len(entry.text)
        if len(kept) >= allowed(limit) or left < 0:
            break
        kept.append(entry)
    return kept


def allowed(limit: int) -> int:
    """How many entries may be brought back."""
    return max(0, min(limit, MAX_LIMIT))


def oldest_alive(ttl_seconds: int) -> datetime | None:
    """Entries created at this moment or before have expired; None where they never do."""
    return datetime.now(UTC) - timedelta(seconds=ttl_seconds) if ttl_seconds else None


def has_expired(entry: MemoryEntry, ttl_seconds: int) -> bool:
    """Whether an entry's life is over."""
    limit = oldest_alive(ttl_seconds)
    return limit is not None and entry.created <= limit
