"""What is remembered, and what every memory can do."""

from datetime import UTC, datetime
from typing import Annotated, Final, Protocol

from pydantic import AfterValidator, AwareDatetime, Field, PlainSerializer

from ark_temporal.wire import FrozenWire

MAX_TEXT: Final = 16_000
"""The longest text that is kept of an entry, in characters; a longer one is cut, with a mark."""

MAX_RECALLED: Final = 64_000
"""The most text that one recall or search brings back, in characters."""

MAX_LIMIT: Final = 100
"""The most entries that one recall or search brings back."""


class MemoryUnavailable(Exception):  # noqa: N818 - a memory that is down is a warning to its user, not an error
    """A memory did not do what it was asked. Its text holds no secret.

    Attributes:
        retryable: Whether the same call may succeed later. Temporal does the retrying.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


def iso_milliseconds(moment: datetime) -> str:
    """A moment as text of one length, whose order is that of time: `2026-01-31T09:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc_milliseconds(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


Moment = Annotated[
    AwareDatetime, AfterValidator(_utc_milliseconds), PlainSerializer(iso_milliseconds, when_used="json")
]
"""A moment in UTC, in whole milliseconds."""


class MemoryEntry(FrozenWire):
    """Something to remember.

    Attributes:
        id: Names the entry within its memory. Whoever makes it gives it the same id at each attempt, and the
            same `created`: that is what keeps a retried write from being remembered twice.
        created: When it happened. It lives from then on.
        text: What to remember.
        metadata: Where it came from, for example `agent`, `run`, `step`.
        score: How well it fits the query, from 0 to 1, in what a search brings back.
    """

    id: Annotated[str, Field(min_length=1, max_length=2_000)]
    created: Moment
    text: str
    metadata: Annotated[
        dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=300)]],
        Field(max_length=20),
    ] = Field(default_factory=dict[str, str])
    score: float | None = None


class Memory(Protocol):
    """What agents remember with.

    One memory may serve many agents at once. Every method raises `MemoryUnavailable` when the backend cannot
    be used, within seconds and without a try of its own at doing better.
    """

    async def recall(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """What to know before a task.

        Args:
            query: The task. Redis does not look at it.
            limit: The most entries, up to `MAX_LIMIT`.

        Returns:
            From Redis the latest entries, oldest first; from a vector store the most similar ones, best
            first. No more than `MAX_RECALLED` characters of them.
        """
        ...

    async def search(self, query: str, *, limit: int) -> list[MemoryEntry]:
        """What fits a question, best first, with scores.

        Args:
            query: Words. Redis looks for them, whatever their case, in its 1,000 latest entries (fewer of
                long ones); a vector store looks for what means the same.
            limit: The most entries, up to `MAX_LIMIT`.
        """
        ...

    async def remember(self, entry: MemoryEntry) -> None:
        """Keep an entry. One whose id is there already changes nothing."""
        ...

    async def aclose(self) -> None:
        """Close the connections once no call uses them. A later call opens them anew."""
        ...
