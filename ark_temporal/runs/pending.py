"""Why a run does not move: retries under way, and workers that are not there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ark_temporal.runs.connection import Connection

if TYPE_CHECKING:
    from temporalio.api.failure.v1 import Failure


@dataclass(frozen=True)
class PendingCall:
    """A model call that is being tried again.

    Attributes:
        id: The call's id.
        attempt: Which attempt is under way or comes next, from 1.
        max_attempts: How many there are in all; 0 is no bound.
        last_error: Why the attempt before failed.
        next_attempt: When the next one starts; None while one is under way.
    """

    id: str
    attempt: int
    max_attempts: int = 0
    last_error: str = ""
    next_attempt: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """What keeps a run waiting.

    Attributes:
        retries: Calls that failed at least once.
        no_worker: The task queue that no worker listens on, if that is what it waits for.
        stuck_task: How often the workflow's own code failed to go on; above 1 something is broken.
    """

    retries: tuple[PendingCall, ...] = ()
    no_worker: str | None = None
    stuck_task: int = 0


async def look_at_pending(connection: Connection, run_id: str) -> Waiting:
    """Ask Temporal what a run waits for.

    Raises:
        RPCError: Temporal does not answer.
    """
    description = await connection.client.get_workflow_handle(run_id).describe()
    raw = description.raw_description
    retries = [
        PendingCall(
            id=pending.activity_id,
            attempt=pending.attempt,
            max_attempts=pending.maximum_attempts,
            last_error=await _message(connection, pending.last_failure),
            next_attempt=pending.scheduled_time.ToDatetime(tzinfo=UTC)
            if pending.HasField("scheduled_time") and not pending.HasField("last_started_time")
            else None,
        )
        for pending in raw.pending_activities
        if pending.attempt > 1
    ]
    started = any(pending.state == _STARTED for pending in raw.pending_activities)
    queue = description.task_queue
    idle = not started and not await _has_worker(connection, queue)
    return Waiting(tuple(retries), queue if idle else None, raw.pending_workflow_task.attempt)


_STARTED = 2  # temporal.api.enums.v1.PENDING_ACTIVITY_STATE_STARTED


async def _message(connection: Connection, failure: "Failure") -> str:
    """What a failure says, which encryption hides."""
    if not failure.HasField("encoded_attributes"):
        return failure.message
    error = await connection.client.data_converter.decode_failure(failure)
    return getattr(error, "message", str(error))


async def _has_worker(connection: Connection, task_queue: str) -> bool:
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    answer = await connection.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=connection.client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return bool(answer.pollers)
