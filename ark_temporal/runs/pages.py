"""Runs page by page: each that was there at the first page once, while others start and end.

Temporal lists open runs before closed ones, so that a run which ends between two of its pages is on both.
Here runs come by the time of their start alone, the latest first, which never changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ark_temporal.runs.connection import Connection, ConnectionFailedError

if TYPE_CHECKING:
    from temporalio.client import WorkflowExecution

WINDOW = 500
"""So many runs are listed at a time; a page has fewer."""

_FIRST_SPAN = 60.0
_SHORTEST_SPAN = 0.002
_LONG_SPAN = 30 * 86400.0
_WIDER = 8
_AHEAD = timedelta(seconds=30)
"""How far Temporal's clock may be ahead of ours."""

_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
"""No run is older."""

_MARGIN = timedelta(milliseconds=2)
"""Visibility stores round times, each in its way; what is too much is left out here."""


@dataclass(frozen=True)
class Place:
    """Where a page ended.

    Attributes:
        start: When the last run on it started, in UTC.
        id: That run's id.
        span: Seconds of starts that were looked through for it; 0 where all were.
    """

    start: datetime
    id: str
    span: float = 0.0


@dataclass(frozen=True)
class Page:
    """Some runs, the one that started last first.

    Attributes:
        end: Where it ended; None where there is no other page.
    """

    runs: Sequence["WorkflowExecution"]
    end: Place | None = None


async def list_page(
    connection: Connection, query: str, limit: int, after: Place | None = None, *, window: int = WINDOW
) -> Page:
    """A page of what a list filter finds.

    Args:
        connection: Where to look.
        query: A Temporal list filter.
        limit: The most runs on the page; less than the window.
        after: Where the page before ended; None for the first.
        window: So many runs are listed at a time.

    Raises:
        ValueError: Temporal does not understand the query.
        ConnectionFailedError: Temporal does not answer.
    """
    before = after.start if after else datetime.now(UTC) + _AHEAD
    span = after.span if after else 0.0
    narrow, wide = 0.0, 0.0  # spans that are known to hold too few and too many; 0 is not known
    whole = True  # whether all that is left may be less than a window
    allowed = window
    while True:
        crowded = 0 < wide - narrow < _SHORTEST_SPAN
        span = wide if crowded else span
        since = before - timedelta(seconds=span) if span else None
        listed = await _listed(connection, query, since, before, None if crowded else allowed)
        if not crowded and len(listed) > allowed:
            whole = whole and since is not None
            wide = span
            span = _between(narrow, wide) if wide else max(narrow * _WIDER, _FIRST_SPAN)
            continue
        found = [each for each in listed if after is None or _key(each) < (after.start, after.id)]
        if len(found) > limit:
            last = found[limit - 1]
            return Page(found[:limit], Place(last.start_time, last.id, span))
        if since is None or since < _EARLIEST:
            return Page(found)
        if crowded:  # these are known now: a window of others may come behind them
            wide, allowed = 0.0, window + len(listed)
        narrow = span
        span = _between(narrow, wide) if wide else span * _WIDER
        if whole and span > _LONG_SPAN:
            span = 0.0


def _between(narrow: float, wide: float) -> float:
    """A span to try next: half of the way, in orders of magnitude while they are far apart."""
    least = max(narrow, _SHORTEST_SPAN / 4)
    return math.sqrt(least * wide) if wide > 4 * least else (narrow + wide) / 2


async def _listed(
    connection: Connection, query: str, since: datetime | None, before: datetime, most: int | None
) -> "list[WorkflowExecution]":
    """What started in that time, the latest first; one more than the most where there are more."""
    from temporalio.service import RPCError, RPCStatusCode

    bounds = f"StartTime <= '{_text(before + _MARGIN)}'"
    if since is not None:
        bounds += f" AND StartTime >= '{_text(since - _MARGIN)}'"
    limit = None if most is None else most + 1
    try:
        executions = connection.client.list_workflows(
            f"({query}) AND {bounds}", page_size=limit or WINDOW, limit=limit
        )
        known = {each.run_id: each async for each in executions}
    except RPCError as error:
        if error.status == RPCStatusCode.INVALID_ARGUMENT:
            raise ValueError(f"Temporal does not understand the query: {error.message}.") from None
        raise ConnectionFailedError(f"Temporal does not list runs: {error.message}.") from None
    if limit is not None and len(known) == limit:
        return list(known.values())
    inside = [each for each in known.values() if since is None or each.start_time >= since]
    return sorted(inside, key=_key, reverse=True)


def _key(run: "WorkflowExecution") -> tuple[datetime, str]:
    return run.start_time, run.id


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
