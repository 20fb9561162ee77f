"""Runs that could not be done, and wait for somebody to do something about it: the dead letters."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import JsonValue

from ark_temporal.plan.record import Awaiting, RunError, RunRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import NOT_PARTS, OUR_RUNS, RunNotFoundError, RunSummary, list_runs, quoted
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.retry import retried
from ark_temporal.runs.seeds import failed_step
from ark_temporal.runs.watch import read_record
from ark_temporal.wire import Wire

if TYPE_CHECKING:
    from temporalio.exceptions import FailureError

REJECTED = "Rejected"
"""A run that fails because a person said no is no dead letter: somebody has dealt with it."""

_FAILED = "ExecutionStatus IN ('Failed', 'TimedOut')"
_OPEN = "ExecutionStatus = 'Running'"
_WAITS = f"{_OPEN} AND (ArkAwaiting IS NOT NULL OR ArkPhase IS NULL)"
"""A run without `ArkPhase` does not say what it waits for: it was started by another client, or by a run."""

_AT_ONCE = 32
"""How many runs are read at the same time, and of how many one query asks for the retries."""


class Letter(Wire):
    """A run that could not be done.

    Attributes:
        state: Whether it has ended, or waits for a decision about the step that failed.
        step: The step that failed; empty where the run failed for another reason.
        error: What went wrong.
        attempts: How often the call that failed was tried; 0 where it does not apply.
        when: Since when.
        awaiting: What decisions about it name; empty where it has ended.
    """

    run: str
    team: str = ""
    namespace: str = ""
    state: Literal["failed", "parked"]
    step: str = ""
    error: RunError
    attempts: int = 0
    when: datetime
    awaiting: str = ""


async def list_letters(connection: Connection, *, team: str = "", query: str = "") -> AsyncIterator[Letter]:
    """All dead letters, the latest first: parked runs, then failed ones that nobody has retried.

    Runs that other runs have started are theirs to deal with, and are listed only where they are parked.

    Args:
        connection: Where to look.
        team: Only of this team; needs our search attributes.
        query: A Temporal list filter, on top.

    Raises:
        ValueError: Temporal does not understand the query.
        ConnectionFailedError: Temporal does not answer.
    """
    parked = _WAITS if await connection.searchable() else _OPEN
    async for page in _pages(connection, f"({parked}){_and(query)}", team, parts=True):
        for letters in await asyncio.gather(*(_parked_letters(connection, run) for run in page)):
            for letter in letters:
                yield letter
    async for page in _pages(connection, f"({_FAILED}){_and(query)}", team, parts=False):
        dealt_with = await _retried(connection, [run.id for run in page])
        left = [run for run in page if not _is_retried(run.id, dealt_with)]
        for letter in await asyncio.gather(*(_failed_letter(connection, run) for run in left)):
            if letter is not None:
                yield letter


def letters_of(record: RunRecord) -> list[Letter]:
    """The dead letters that a run's record tells of: one for each step that is parked, or one for the run."""
    facts = {"run": record.id, "team": record.team, "namespace": record.namespace}
    if not record.ended:
        parked = [one for one in record.awaiting if one.kind == "failed-step"]
        return [Letter.model_validate({**facts, **_of_awaiting(record, one)}) for one in parked]
    if record.phase != "Failed" or record.error is None or record.error.type == REJECTED:
        return []
    step, error = failed_step(record) or "", record.error
    when = record.completion_time or record.start_time
    return [Letter(**facts, state="failed", step=step, error=error, attempts=error.attempt, when=when)]


async def retries_of(connection: Connection, run_id: str) -> list[str]:
    """The retries of a run after it that nobody has ended, the latest last.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    run, number = retried(run_id)
    found = (await _retried(connection, [run_id])).get(run, [])
    return [f"{run}-retry-{each}" for each in sorted(found) if each > number]


def _of_awaiting(record: RunRecord, awaiting: Awaiting) -> dict[str, Any]:
    step = record.step(awaiting.step)
    error = step.error or RunError(type="StepFailed", message=awaiting.message, step=awaiting.step)
    return {
        "state": "parked",
        "step": awaiting.step,
        "error": error,
        "attempts": error.attempt,
        "when": awaiting.since,
        "awaiting": awaiting.id,
    }


def _and(query: str) -> str:
    return f" AND ({query})" if query else ""


async def _pages(
    connection: Connection, query: str, team: str, *, parts: bool
) -> AsyncIterator[Sequence[RunSummary]]:
    page: list[RunSummary] = []
    async for run in list_runs(connection, query=query, team=team, limit=None, parts=parts):
        page.append(run)
        if len(page) == _AT_ONCE:
            yield page
            page = []
    if page:
        yield page


async def _parked_letters(connection: Connection, run: RunSummary) -> list[Letter]:
    try:
        return [each for each in letters_of(await read_record(connection, run.id)) if each.state == "parked"]
    except (RunNotFoundError, HistoryError):  # gone since, or a workflow of somebody else's
        return []


async def _failed_letter(connection: Connection, run: RunSummary) -> Letter | None:
    """The letter of a failed run, from the last event of its history alone; None where it is none."""
    error = await _error(connection, run.id)
    if error is None or error.type == REJECTED:
        return None
    return Letter(
        run=run.id,
        team=run.team,
        namespace=run.namespace,
        state="failed",
        step=(error.step or "").partition("[")[0],
        error=error,
        attempts=error.attempt,
        when=run.completion_time or run.start_time,
    )


async def _error(connection: Connection, run_id: str) -> RunError | None:
    """Why a run failed; None where it is gone since."""
    from temporalio.client import WorkflowHistoryEventFilterType
    from temporalio.service import RPCError, RPCStatusCode

    events = connection.client.get_workflow_handle(run_id).fetch_history_events(
        event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT
    )
    try:
        closing = [event async for event in events][-1]
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise ConnectionFailedError(f"Temporal does not answer: {error.message}.") from None
    if not closing.HasField("workflow_execution_failed_event_attributes"):
        return RunError(type="TimedOut", message="Temporal stopped the run at its execution timeout.")
    failure = closing.workflow_execution_failed_event_attributes.failure
    cause: FailureError = await connection.client.data_converter.decode_failure(failure)  # pyright: ignore[reportAssignmentType]
    return _read_failure(cause)


def _read_failure(cause: "FailureError") -> RunError:
    from temporalio.exceptions import ApplicationError

    message = cause.message or "The run failed."
    if not isinstance(cause, ApplicationError):
        return RunError(type="WorkflowFailed", message=message)
    told: object = cause.details[0] if cause.details else None
    details = cast("dict[str, JsonValue]", told) if isinstance(told, dict) else {}
    facts = {name: details[name] for name in ("step", "call", "attempt") if name in details}
    kind = details.get("type") or cause.type or "WorkflowFailed"
    return RunError.model_validate({**facts, "type": kind, "message": message})


async def _retried(connection: Connection, runs: Iterable[str]) -> dict[str, list[int]]:
    """The numbers of the retries that runs have, without those that somebody has ended."""
    from temporalio.service import RPCError

    names = sorted({retried(run)[0] for run in runs})
    ids = " OR ".join(f"WorkflowId STARTS_WITH '{quoted(name)}-retry-'" for name in names)
    query = f"({ids}) AND ExecutionStatus NOT IN ('Canceled', 'Terminated') AND {OUR_RUNS} AND {NOT_PARTS}"
    found: dict[str, list[int]] = {}
    try:
        async for execution in connection.client.list_workflows(query):
            run, number = retried(execution.id)
            found.setdefault(run, []).append(number)
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not list runs: {error.message}.") from None
    return found


def _is_retried(run_id: str, numbers: dict[str, list[int]]) -> bool:
    run, number = retried(run_id)
    return any(each > number for each in numbers.get(run, ()))
