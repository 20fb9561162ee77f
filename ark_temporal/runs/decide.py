"""Deciding what runs wait for people to decide."""

import asyncio
import hashlib
from datetime import timedelta

from ark_temporal.plan.gates import SHORTEST_DIGEST, content_text
from ark_temporal.plan.record import Decision, DecisionRecord, DecisionTaken, RunRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.names import DECIDE_UPDATE
from ark_temporal.runs.pending import look_at_pending
from ark_temporal.runs.watch import read_record

ANSWER_SECONDS = 15.0
"""How long a decision waits for a worker that takes it to its run."""

_DONE = {
    "approve": "approved",
    "edit": "edited and approved",
    "reject": "rejected",
    "answer": "answered",
    "retry": "retried",
    "fail": "failed",
}


class DecisionRefusedError(RuntimeError):
    """A run does not take a decision."""


async def decide(connection: Connection, run_id: str, decision: Decision) -> DecisionTaken:
    """Decide what a run waits for. What is decided so already is left as it is, and said to be.

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
            taken = await handle.execute_update(  # pyright: ignore[reportUnknownMemberType]
                DECIDE_UPDATE,
                decision,
                id=_update_id(decision),
                result_type=DecisionTaken,
                rpc_timeout=timedelta(seconds=ANSWER_SECONDS),
            )
    except WorkflowUpdateFailedError as error:
        refused = getattr(error.cause, "message", str(error.cause))
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise ConnectionFailedError(await _why_nobody_took_it(connection, run_id)) from None
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise ConnectionFailedError(f"Temporal does not take the decision: {error.message}.") from None
        refused = ""
    else:
        return taken or DecisionTaken()  # a worker of an earlier release answers nothing
    record = await read_record(connection, run_id)
    if (past := decided_before(record, decision)) is not None:
        return DecisionTaken(message=describe_past(past))
    raise DecisionRefusedError(refused or f"The run {run_id} has ended already: {record.phase}.")


def decided_before(record: RunRecord, decision: Decision) -> DecisionRecord | None:
    """What was decided in this run, where it is the same as this decision."""
    for past in reversed(record.decisions):
        if not is_about(past, decision) or past.decision != decision.decision:
            continue
        if decision.decision not in ("edit", "answer") or past.subject == content_text(decision):
            return past
    return None


def is_about(past: DecisionRecord, decision: Decision) -> bool:
    """Whether a decision is about what was decided then: by its id, its digest, or both."""
    named = not decision.id or past.id == decision.id
    seen = not decision.digest or (
        len(decision.digest) >= SHORTEST_DIGEST and past.digest.startswith(decision.digest)
    )
    edited = decision.decision == "edit"  # which gives its subject another digest
    return bool(decision.id or decision.digest) and named and (seen or (edited and bool(decision.id)))


def describe_past(past: DecisionRecord) -> str:
    """What was decided before, by whom and when, in a sentence."""
    who = f" by {past.by}" if past.by else ""
    return f'"{past.id}" was already {_DONE[past.decision]}{who} at {past.at:%Y-%m-%d %H:%M:%S} UTC.'


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
