"""Finding runs: by id, the latest one, or by what they are."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

from ark_temporal.plan.causes import Cause
from ark_temporal.plan.record import RunPhase
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.names import MEMO, WORKFLOW_OF
from ark_temporal.wire import Wire

if TYPE_CHECKING:
    from temporalio.client import WorkflowExecution

LATEST = "latest"
"""Stands for the run that started last, wherever a run's id is asked for."""

_OUR_TYPES = ", ".join(f"'{name}'" for name in WORKFLOW_OF.values())

OUR_RUNS = f"WorkflowType IN ({_OUR_TYPES}) AND ExecutionStatus != 'ContinuedAsNew'"
"""A run that continued as new is one run: that of its latest execution."""

NOT_PARTS = "ParentWorkflowId IS NULL"
"""Leaves out the runs that other workflows have started."""

NOT_PARTS_OF_RUNS = f"({NOT_PARTS} OR ArkTrigger IS NOT NULL)"
"""Leaves out the runs that other runs have started, and not those of events. Needs our search attributes."""

_PHASES: dict[str, RunPhase] = {
    "RUNNING": "Running",
    "COMPLETED": "Succeeded",
    "FAILED": "Failed",
    "TIMED_OUT": "Failed",
    "CANCELED": "Cancelled",
    "TERMINATED": "Terminated",
}


class RunNotFoundError(LookupError):
    """There is no run of that name."""


class RunSummary(Wire):
    """A run in a list.

    Attributes:
        plan: Digest of its plan.
        history_length: Events in its history.
        parent: The run that started it.
        trigger: The event that started it.
        upstream: The run whose end that event was.
    """

    id: str
    team: str = ""
    namespace: str = ""
    plan: str = ""
    phase: RunPhase
    start_time: datetime
    completion_time: datetime | None = None
    history_length: int = 0
    parent: str = ""
    trigger: str = ""
    upstream: str = ""


class RunMemo(Wire):
    """What a run's memo says about it, so that lists need no search attributes. One value: each costs.

    Attributes:
        plan: Digest of its plan.
        start_time: When the run began, where it has continued as new since.
        parent: The run that started it.
        cause: The event that started it.
    """

    team: str = ""
    namespace: str = ""
    plan: str = ""
    start_time: datetime | None = None
    parent: str = ""
    cause: Cause | None = None

    @classmethod
    def of(
        cls, start: PipelineInput, digest: str, *, parent: str = "", start_time: datetime | None = None
    ) -> "RunMemo":
        """The memo of a run.

        Args:
            start: What it is started with.
            digest: Of its plan.
            parent: The run that starts it.
            start_time: When it began, where it continues as new.
        """
        return cls(
            team=start.plan.team,
            namespace=start.plan.namespace,
            plan=digest,
            start_time=start_time,
            parent=parent,
            cause=start.cause,
        )


async def read_memo(execution: "WorkflowExecution") -> RunMemo:
    """The memo of a run; an empty one for a workflow that was not submitted by us."""
    return await execution.memo_value(MEMO, RunMemo(), type_hint=RunMemo)


async def list_runs(
    connection: Connection,
    *,
    query: str = "",
    team: str = "",
    phase: str = "",
    limit: int | None = 20,
    parts: bool = False,
) -> AsyncIterator[RunSummary]:
    """Runs, the latest first.

    Args:
        connection: Where to look.
        query: A Temporal list filter, added to ours.
        team: Only of this team; needs our search attributes.
        phase: Only in this phase.
        limit: At most so many; None is all.
        parts: Whether to list the runs, too, that other runs have started.

    Raises:
        ValueError: Temporal does not understand the query.
        ConnectionFailedError: Temporal does not answer.
    """
    from temporalio.service import RPCError, RPCStatusCode

    filters = [OUR_RUNS, *([f"ArkTeam = '{quoted(team)}'"] if team else [])]
    filters += [in_phase(phase)] if phase else []
    filters += [f"({query})"] if query else []
    try:
        if not parts:
            filters.append(NOT_PARTS_OF_RUNS if await connection.searchable() else NOT_PARTS)
        async for execution in connection.client.list_workflows(" AND ".join(filters), limit=limit):
            yield await summary_of(execution)
    except RPCError as error:
        if error.status == RPCStatusCode.INVALID_ARGUMENT:
            raise ValueError(f"Temporal does not understand the query: {error.message}.") from None
        raise ConnectionFailedError(f"Temporal does not list runs: {error.message}.") from None


async def find_run(connection: Connection, name: str) -> str:
    """The workflow id behind a run's name, which is an id or `latest`.

    Raises:
        RunNotFoundError: `latest`, and there is no run yet.
    """
    if name != LATEST:
        return name
    async for run in list_runs(connection, limit=1):
        return run.id
    raise RunNotFoundError("There is no run yet on this Temporal; start one with `ark-temporal submit`.")


async def summary_of(execution: "WorkflowExecution") -> RunSummary:
    """What lists say about a run."""
    memo = await read_memo(execution)
    return RunSummary(
        id=execution.id,
        team=memo.team,
        namespace=memo.namespace,
        plan=memo.plan,
        phase=_PHASES.get(execution.status.name if execution.status else "", "Running"),
        start_time=memo.start_time or execution.start_time,
        completion_time=execution.close_time,
        history_length=execution.history_length,
        parent=memo.parent or ("" if memo.cause else execution.parent_id or ""),
        trigger=memo.cause.event if memo.cause else "",
        upstream=memo.cause.upstream if memo.cause else "",
    )


def in_phase(phase: str) -> str:
    """A list filter for the runs in a phase, in capitals or not, whichever statuses it stands for.

    Raises:
        ValueError: There is no such phase.
    """
    statuses = [theirs for theirs, ours in _PHASES.items() if ours.lower() == phase.lower()]
    if not statuses:
        known = ", ".join(sorted(set(_PHASES.values())))
        raise ValueError(f"There is no phase {phase!r}; phases are {known}.")
    names = ("".join(part.capitalize() for part in each.split("_")) for each in statuses)
    return "ExecutionStatus IN (" + ", ".join(f"'{name}'" for name in names) + ")"


def quoted(text: str) -> str:
    """Text for the inside of a quoted value in a list filter."""
    return text.replace("'", "''")
