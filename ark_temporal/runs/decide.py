"""Deciding what runs wait for people to decide."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

from ark_temporal.plan.record import Awaiting, Decision, RunRecord, ToolCallRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import OUR_RUNS, RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.names import DECIDE_UPDATE
from ark_temporal.runs.pending import look_at_pending
from ark_temporal.runs.watch import read_record
from ark_temporal.wire import Wire

ANSWER_SECONDS = 10.0
"""How long a decision waits for a worker that takes it to its run."""

_OPEN = f"{OUR_RUNS} AND ExecutionStatus = 'Running'"
_MAY_WAIT = f"{_OPEN} AND (ArkAwaiting IS NOT NULL OR ArkPhase IS NULL)"
"""A run without `ArkPhase` does not say what it waits for: it was started by another client, or by a run."""


class DecisionRefusedError(RuntimeError):
    """A run does not take a decision."""


class Question(Wire):
    """What a run waits for a person to decide, and where.

    Attributes:
        run: The run's id.
        awaiting: What is asked.
        tool_call: The tool call that it is about.
    """

    run: str
    team: str
    namespace: str
    awaiting: Awaiting
    tool_call: ToolCallRecord | None = None


async def decide(connection: Connection, run_id: str, decision: Decision) -> None:
    """Decide what a run waits for. The same decision by the same person, sent again, is no second one.

    Raises:
        RunNotFoundError: There is no such run.
        DecisionRefusedError: The run does not wait for this, has ended, or asks for another decision.
        ConnectionFailedError: Temporal does not answer, or no worker took the decision in time.
    """
    from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
    from temporalio.service import RPCError, RPCStatusCode

    handle = connection.client.get_workflow_handle(run_id)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await handle.execute_update(  # pyright: ignore[reportUnknownMemberType]
                DECIDE_UPDATE,
                decision,
                id=_update_id(decision),
                rpc_timeout=timedelta(seconds=ANSWER_SECONDS),
            )
    except WorkflowUpdateFailedError as error:
        raise DecisionRefusedError(getattr(error.cause, "message", str(error.cause))) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise ConnectionFailedError(await _why_nobody_took_it(connection, run_id)) from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            record = await read_record(connection, run_id)
            raise DecisionRefusedError(f"The run {run_id} has ended already: {record.phase}.") from None
        raise ConnectionFailedError(f"Temporal does not take the decision: {error.message}.") from None


async def list_awaiting(connection: Connection) -> AsyncIterator[Question]:
    """All that runs wait for people to decide.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    from temporalio.service import RPCError

    try:
        query = _MAY_WAIT if await connection.searchable() else _OPEN
        async for execution in connection.client.list_workflows(query):
            try:
                record = await read_record(connection, execution.id)
            except (RunNotFoundError, HistoryError):  # gone since, or a workflow of somebody else's
                continue
            for question in questions_of(record):
                yield question
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not list runs: {error.message}.") from None


def questions_of(record: RunRecord) -> list[Question]:
    """What one run waits for."""
    return [
        Question(
            run=record.id,
            team=record.team,
            namespace=record.namespace,
            awaiting=awaiting,
            tool_call=next(
                (call for call in record.step(awaiting.step).tool_calls if call.id == awaiting.id), None
            ),
        )
        for awaiting in record.awaiting
    ]


def _update_id(decision: Decision) -> str:
    return f"decide-{hashlib.sha256(decision.model_dump_json().encode()).hexdigest()[:32]}"


async def _why_nobody_took_it(connection: Connection, run_id: str) -> str:
    from temporalio.service import RPCError

    again = "Decide again then; the same decision counts once."
    try:
        queue = (await look_at_pending(connection, run_id)).no_worker
    except RPCError:
        queue = None
    if queue is None:
        return (
            f"The run {run_id} did not take the decision within {ANSWER_SECONDS:.0f} seconds: its worker is "
            f"gone or very busy. `ark-temporal doctor` looks closer. {again}"
        )
    return (
        f'No worker listens on task queue "{queue}", so the run {run_id} did not take the decision. Start '
        f"one with `ark-temporal worker`. {again}"
    )
