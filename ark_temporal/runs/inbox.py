"""Everything that runs wait for people to decide, found by Temporal's own search."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from ark_temporal.plan.record import RunRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import OUR_RUNS, RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.questions import Question, questions_of
from ark_temporal.runs.watch import read_record

if TYPE_CHECKING:
    from temporalio.client import WorkflowExecution

_OPEN = f"{OUR_RUNS} AND ExecutionStatus = 'Running'"
_MAY_WAIT = f"{_OPEN} AND (ArkAwaiting IS NOT NULL OR ArkPhase IS NULL)"
"""A run without `ArkPhase` was started by another client; its memo says what it waits for."""

_AWAITING = "ArkAwaiting"
_READS_AT_ONCE = 10
_MOST_RECORDS = 100


async def list_awaiting(connection: Connection, *, team: str = "") -> AsyncIterator[Question]:
    """All that runs wait for people to decide.

    Args:
        connection: Where to look.
        team: Only runs of this team, those under others included.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    from temporalio.service import RPCError

    try:
        runs: list[str] = []
        async for execution in connection.client.list_workflows(await _query(connection)):
            if await _told(execution) == ():
                continue
            runs.append(execution.id)
            if len(runs) == _READS_AT_ONCE:
                for question in await _questions(connection, runs, team):
                    yield question
                runs.clear()
        for question in await _questions(connection, runs, team):
            yield question
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not list runs: {error.message}.") from None


class RunsBelow:
    """What the runs under one wait for people to decide; looking again and again costs one search each time.

    Args:
        connection: Where they are.
        root: The id of the run above them all.
    """

    def __init__(self, connection: Connection, root: str) -> None:
        self._connection = connection
        self._root = root
        self._known: dict[str, tuple[tuple[str, ...], list[Question]]] = {}

    async def look(self) -> list[Question]:
        """What they wait for now. Of a run that waits for the same as before, what was read before.

        Raises:
            RPCError: Temporal does not answer.
        """
        told: dict[str, tuple[str, ...] | None] = {}
        async for execution in self._list(await _query(self._connection)):
            if (ids := await _told(execution)) != ():
                told[execution.id] = ids
        known = {run: seen for run, seen in self._known.items() if told.get(run) == seen[0]}
        read = [run for run in told if run not in known]
        for run, record in zip(read, await _records(self._connection, read), strict=True):
            if record is not None:
                known[run] = (told[run] or (), questions_of(record))
        self._known = known
        return [question for _, questions in known.values() for question in questions]

    async def records(self) -> list[RunRecord]:
        """What the latest of them did, those that have ended included.

        Raises:
            RPCError: Temporal does not answer.
        """
        runs: list[str] = []
        async for execution in self._list(OUR_RUNS):
            runs.append(execution.id)
            if len(runs) == _MOST_RECORDS:
                break
        read = await _records(self._connection, runs)
        return [record for record in read if record is not None]

    async def _list(self, query: str) -> "AsyncIterator[WorkflowExecution]":
        root = self._root.replace("'", "''")
        whole = f"RootWorkflowId = '{root}' AND {query}"
        async for execution in self._connection.client.list_workflows(whole):
            if execution.id != self._root:
                yield execution


async def _query(connection: Connection) -> str:
    return _MAY_WAIT if await connection.searchable() else _OPEN


async def _told(execution: "WorkflowExecution") -> tuple[str, ...] | None:
    """The ids of what a run says that it waits for; None where it says nothing about that."""
    from temporalio.common import SearchAttributeKey

    attribute = SearchAttributeKey.for_keyword_list(_AWAITING)
    if (ids := execution.typed_search_attributes.get(attribute)) is not None:
        return tuple(ids)
    told = await execution.memo_value(_AWAITING, None, type_hint=list[str])
    return None if told is None else tuple(told)


async def _questions(connection: Connection, runs: Sequence[str], team: str) -> list[Question]:
    records = [record for record in await _records(connection, runs) if record is not None]
    return [each for record in records if team in ("", record.team) for each in questions_of(record)]


async def _records(connection: Connection, runs: Sequence[str]) -> list[RunRecord | None]:
    found: list[RunRecord | None] = []
    for start in range(0, len(runs), _READS_AT_ONCE):
        some = runs[start : start + _READS_AT_ONCE]
        found += await asyncio.gather(*(_record(connection, run) for run in some))
    return found


async def _record(connection: Connection, run: str) -> RunRecord | None:
    try:
        return await read_record(connection, run)
    except (RunNotFoundError, HistoryError):  # gone since, or a workflow of somebody else's
        return None
