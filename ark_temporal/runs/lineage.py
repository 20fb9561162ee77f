"""Which runs a run comes from, and which come from it: events chain runs, and a chain has one trace."""

from collections.abc import Sequence
from dataclasses import dataclass

from ark_temporal.plan.record import RunRecord
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunSummary, list_runs

MOST_RUNS = 200
"""A trace with more runs than that is shown in part."""


@dataclass(frozen=True)
class Line:
    """A run in a chain.

    Attributes:
        depth: How many runs of the chain it comes from.
    """

    run: RunSummary
    depth: int


async def lineage_of(connection: Connection, record: RunRecord) -> list[Line]:
    """The runs of a run's trace, each behind the one whose end started it; empty where it is alone.

    Found by searching, so that a run of a moment ago may be missing, and all are on a Temporal without our
    search attributes.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    if not record.trace or not await connection.searchable():
        return []
    query = f"ArkTrace = '{record.trace}'"
    found = [run async for run in list_runs(connection, query=query, limit=MOST_RUNS)]
    return _lines(found) if len(found) > 1 else []


def _lines(runs: Sequence[RunSummary]) -> list[Line]:
    """The oldest first, and what comes of a run right behind it."""
    ids = {run.id for run in runs}
    below: dict[str, list[RunSummary]] = {}
    for run in sorted(runs, key=lambda each: each.start_time):
        below.setdefault(run.upstream if run.upstream in ids else "", []).append(run)
    lines: list[Line] = []
    waiting = [(run, 0) for run in reversed(below.get("", []))]
    while waiting:
        run, depth = waiting.pop()
        lines.append(Line(run, depth))
        waiting += [(each, depth + 1) for each in reversed(below.get(run.id, []))]
    return lines
