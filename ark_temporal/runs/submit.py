"""Starting a run."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from ark_temporal.plan.causes import Cause, Listener, new_traceparent
from ark_temporal.plan.inputs import resolve_input
from ark_temporal.plan.model import Plan
from ark_temporal.plan.start import PipelineInput, Seed
from ark_temporal.plan.summary import detail_plan, summarize_plan
from ark_temporal.runs.attributes import attributes_of
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import RunMemo, read_memo
from ark_temporal.runs.names import MEMO, TASK_QUEUE, WORKFLOW_OF


@dataclass(frozen=True)
class Submitted:
    """A run that exists.

    Attributes:
        id: Its workflow id.
        existed: Whether it was there before, so that nothing was started.
        other_plan: Whether the run that was there before runs another plan than the one submitted.
    """

    id: str
    existed: bool = False
    other_plan: bool = False


async def submit(
    connection: Connection,
    plan: Plan,
    given: Mapping[str, JsonValue],
    *,
    id: str | None = None,
    task_queue: str = TASK_QUEUE,
    submitted_by: str = "",
    seed: Seed | None = None,
    cause: Cause | None = None,
    listeners: Sequence[Listener] = (),
    traceparent: str = "",
) -> Submitted:
    """Start a run of a plan, or find the one that the same id has started.

    Args:
        connection: Where to.
        plan: What to run.
        given: The run's input.
        id: Makes the submission idempotent: a second one with the same id starts nothing.
        task_queue: Whose workers run it.
        submitted_by: Who starts it.
        seed: What it takes over of another run.
        cause: The event that starts it.
        listeners: Events that its end fires.
        traceparent: The trace that it is a part of; one of its own without.

    Raises:
        InputError: The input does not fit the plan; nothing was started.
        ConnectionFailedError: Temporal refuses the run.
    """
    from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
    from temporalio.exceptions import WorkflowAlreadyStartedError
    from temporalio.service import RPCError

    resolve_input(plan, given)
    run_id = id or f"{plan.team}-run-{secrets.token_hex(3)}"
    digest = plan.digest()
    try:
        searchable = await connection.searchable()
        start = PipelineInput(
            plan=plan,
            input=dict(given),
            search_attributes=searchable,
            payload_limit_bytes=connection.payload_limit_bytes,
            submitted_by=submitted_by,
            cause=cause,
            traceparent=traceparent or new_traceparent(),
            listeners=tuple(listeners),
            seed=seed,
        )
        await connection.client.start_workflow(
            WORKFLOW_OF[plan.mode],
            start,
            id=run_id,
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            memo={MEMO: RunMemo.of(start, digest)},
            search_attributes=attributes_of(start, digest) if searchable else None,
            static_summary=summarize_plan(plan, digest),
            static_details=detail_plan(plan),
            request_eager_start=True,  # where this process has a worker too, it begins without a round trip
        )
    except WorkflowAlreadyStartedError:
        return await _existing(connection, run_id, digest)
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal refused the run: {error.message}.") from None
    return Submitted(run_id)


async def _existing(connection: Connection, run_id: str, digest: str) -> Submitted:
    description = await connection.client.get_workflow_handle(run_id).describe()
    memo = await read_memo(description)
    return Submitted(run_id, existed=True, other_plan=memo.plan != digest)
