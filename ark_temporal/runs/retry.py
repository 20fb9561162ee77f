"""Runs that start where others ended: retries, and forks with other results."""

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from ark_temporal.plan.causes import Listener
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunRecord, StepRecord
from ark_temporal.plan.start import PipelineInput, Seed
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.seeds import (
    Edit,
    changed_steps,
    check_step,
    edited,
    kept_parts,
    kept_steps,
)
from ark_temporal.runs.submit import Submitted, submit
from ark_temporal.runs.watch import read_record

_RETRY = re.compile(r"(.+)-retry-([1-9][0-9]*)", re.DOTALL)

_ENDED = frozenset({"COMPLETED", "FAILED", "CANCELED", "TERMINATED", "TIMED_OUT"})
GIVEN_UP = frozenset({"CANCELED", "TERMINATED"})
"""How a retry ended that somebody ended, so that there is no answer yet to whether the run can be done."""


class RetryRefusedError(RuntimeError):
    """A run cannot be retried or forked as it was asked."""


@dataclass(frozen=True)
class Origin:
    """A run that another one starts from.

    Attributes:
        record: What it did.
        start: What it was started with.
        task_queue: Whose workers ran it.
    """

    record: RunRecord
    start: PipelineInput
    task_queue: str

    @property
    def id(self) -> str:
        """The run's id."""
        return self.record.id


@dataclass(frozen=True)
class Changes:
    """What is different in the new run.

    Attributes:
        plan: What it runs; None is the same.
        input: On top of the same input.
        by: Who starts it.
    """

    plan: Plan | None = None
    input: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    by: str = ""


@dataclass(frozen=True)
class Resumed:
    """A run that starts where another one ended.

    Attributes:
        run: The new run, or the one that was there before.
        kept: The steps whose results it takes over.
        partly: The steps of which it takes over those parts that were done.
        changed: Those of all of them that its plan would do differently.
    """

    run: Submitted
    kept: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


async def read_origin(connection: Connection, run_id: str) -> Origin:
    """Read what a run was started with, and what it did.

    Raises:
        RunNotFoundError: There is no such run.
        ConnectionFailedError: Temporal does not answer.
        HistoryError: It is another kind of workflow.
    """
    from temporalio.service import RPCError

    record = await read_record(connection, run_id)
    events = connection.client.get_workflow_handle(run_id).fetch_history_events(page_size=1)
    try:
        first = await anext(aiter(events))
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not answer: {error.message}.") from None
    started = first.workflow_execution_started_event_attributes
    try:
        [start] = await connection.client.data_converter.decode(started.input.payloads, [PipelineInput])
    except ValueError as error:
        raise HistoryError(f'The start of the run "{run_id}" cannot be read: {error}.') from None
    return Origin(record, start, started.task_queue.name)


async def retry_run(
    connection: Connection,
    origin: Origin,
    *,
    step: str | None = None,
    changes: Changes | None = None,
    id: str | None = None,
    passes: Collection[str] = _ENDED,
) -> Resumed:
    """Start a run again from the step that failed, keeping what was done; of a step in parts, those done.

    Its id is the run's with `-retry-` and a number, so that a retry that is asked for twice is one.

    Args:
        connection: Where the run is.
        origin: The run.
        step: Where to start; None is the first step that failed.
        changes: What is different this time.
        id: Its id, if it is to have another.
        passes: How earlier retries ended, by Temporal's status, that are no reason not to start another. A
            retry that runs always is one.

    Raises:
        RetryRefusedError: The run still runs, succeeded, or was a part of another one.
        SeedError: There is no such step.
        InputError: The input does not fit the plan.
        ConnectionFailedError: Temporal does not answer, or refuses the run.
    """
    record, changes = origin.record, changes or Changes()
    _refuse_part(origin)
    if not record.ended:
        raise RetryRefusedError(
            f"The run {origin.id} has not ended: {record.phase}. Fork it with `ark-temporal runs fork`, or "
            "end it first with `ark-temporal runs cancel`."
        )
    if record.phase == "Succeeded" and step is None:
        raise RetryRefusedError(
            f"The run {origin.id} succeeded, so there is no failed step to start from: name one with --from."
        )
    plan = changes.plan or origin.start.plan
    if step is not None:
        check_step(plan, step)
    again = [step] if step is not None else []
    kept = kept_steps(record, plan, again)
    partly = [] if changes.input else kept_parts(record, origin.start.plan, plan, kept, again)
    heard = origin.start.listeners  # its end is that of the run that it stands for
    resumed = await _start(connection, origin, changes, kept, partly, id or retry_id(origin.id), heard)
    while id is None and resumed.run.existed and await _status(connection, resumed.run.id) in passes:
        resumed = await _start(connection, origin, changes, kept, partly, retry_id(resumed.run.id), heard)
    return resumed


async def fork_run(
    connection: Connection,
    origin: Origin,
    *,
    step: str,
    edits: Sequence[Edit] = (),
    changes: Changes | None = None,
    id: str | None = None,
) -> Resumed:
    """Start another run from a step of a run that has ended or runs, with other results of steps before it.

    Args:
        connection: Where the run is.
        origin: The run.
        step: Where to start.
        edits: Other results for steps that stay.
        changes: What is different.
        id: Its id; else one is made up.

    Raises:
        RetryRefusedError: The run was a part of another one.
        SeedError: There is no such step, or a result may not be what it is to be.
        InputError: The input does not fit the plan.
        ConnectionFailedError: Temporal does not answer, or refuses the run.
    """
    changes = changes or Changes()
    _refuse_part(origin)
    plan = changes.plan or origin.start.plan
    check_step(plan, step)
    kept = edited(kept_steps(origin.record, plan, [step]), plan, edits)
    return await _start(
        connection, origin, changes, kept, [], id or f"{origin.id}-fork-{secrets.token_hex(3)}"
    )


def retry_id(run_id: str) -> str:
    """The id of a run's retry, and of that one's: `x-retry-1`, `x-retry-2`."""
    run, number = retried(run_id)
    return f"{run}-retry-{number + 1}"


def retried(run_id: str) -> tuple[str, int]:
    """The run behind a run's id, and which retry of it this is; 0 for the run itself."""
    found = _RETRY.fullmatch(run_id)
    return (found[1], int(found[2])) if found else (run_id, 0)


def _refuse_part(origin: Origin) -> None:
    if origin.start.page is not None:
        raise RetryRefusedError(
            f"The run {origin.id} did a part of a step of another run: retry or fork the run that it was for."
        )


async def _start(
    connection: Connection,
    origin: Origin,
    changes: Changes,
    kept: Sequence[StepRecord],
    partly: Sequence[StepRecord],
    id: str,
    listeners: Sequence[Listener] = (),
) -> Resumed:
    plan = changes.plan or origin.start.plan
    submitted = await submit(
        connection,
        plan,
        {**origin.start.input, **changes.input},
        id=id,
        task_queue=origin.task_queue,
        submitted_by=changes.by,
        seed=Seed(run=origin.id, steps=(*kept, *partly)),
        cause=origin.start.cause,
        listeners=listeners,
        traceparent=origin.start.traceparent,
    )
    return Resumed(
        submitted,
        kept=tuple(step.name for step in kept),
        partly=tuple(step.name for step in partly),
        changed=tuple(changed_steps([*kept, *partly], origin.start.plan, plan)),
    )


async def _status(connection: Connection, run_id: str) -> str:
    """How a run ended, in Temporal's word."""
    description = await connection.client.get_workflow_handle(run_id).describe()
    return description.status.name if description.status else ""
