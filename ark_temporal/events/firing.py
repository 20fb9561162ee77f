"""Having an event fired, and hearing what came of it."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import JsonValue
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.events.model import FiringResult, FiringStart, firing_id
from ark_temporal.events.slots import key_of
from ark_temporal.plan.causes import Trigger
from ark_temporal.plan.record import to_milliseconds
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.names import EVENT_FIRING, TASK_QUEUE

ANSWER_SECONDS = 30.0
"""How long a worker may take to fire an event."""

_CALL_TIMEOUT = timedelta(seconds=10)


class FiringFailedError(RuntimeError):
    """An event was fired, and its runs cannot be started."""


async def fire_by_hand(
    connection: Connection,
    namespace: str,
    event: str,
    *,
    body: JsonValue = None,
    key: str = "",
    by: str = "",
    principal: str = "",
    traceparent: str = "",
) -> FiringResult:
    """Have an event fired now, whatever its source is.

    Args:
        connection: Where it is applied.
        namespace: Of the event.
        event: Its name.
        body: What templates see as `.trigger.body`.
        key: Fired twice under one key, it starts its runs once.
        by: Who has it fired.
        principal: The same, where they have proved it.
        traceparent: The trace that it is a part of; one of its own without.

    Raises:
        FiringFailedError: Its runs cannot be started.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    now = to_milliseconds(datetime.now(UTC))
    start = FiringStart(
        namespace=namespace,
        event=event,
        trigger=Trigger(name=event, source="manual", fired_at=now, body=body, principal=principal),
        key=key or f"by-hand-{secrets.token_hex(8)}",
        traceparent=traceparent,
        submitted_by=by,
    )
    return await fire(connection, start)


async def fire_slot(
    connection: Connection, namespace: str, event: str, slot: datetime, *, by: str = ""
) -> FiringResult:
    """Have an event fired for a time of its schedule; one that has fired for it starts nothing again.

    Raises:
        FiringFailedError: Its runs cannot be started.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    trigger = Trigger(name=event, source="cron", fired_at=slot)
    return await fire(
        connection,
        FiringStart(namespace=namespace, event=event, trigger=trigger, key=key_of(slot), submitted_by=by),
    )


async def fire(
    connection: Connection, start: FiringStart, *, patience: float = ANSWER_SECONDS
) -> FiringResult:
    """Run the workflow `EventFiring`; what was fired before under the same key is answered as it was then.

    Args:
        connection: Where to.
        start: With a key. What was skipped or failed under it is tried again.
        patience: How many seconds to wait for a worker.

    Raises:
        FiringFailedError: The runs cannot be started.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    id = firing_id(start.namespace, start.event, start.key)
    try:
        async with asyncio.timeout(patience):
            try:
                handle = await _start(connection, id, start, WorkflowIDReusePolicy.REJECT_DUPLICATE)
            except WorkflowAlreadyStartedError:
                if (before := await _result_before(connection, id)) is not None:
                    return before
                handle = await _start(connection, id, start, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
            return await handle.result()
    except TimeoutError:
        raise ConnectionFailedError(
            f"No worker fired {start.event} within {patience:.0f} seconds. Start one with "
            f"`ark-temporal worker`; it is fired then ({id})."
        ) from None
    except WorkflowFailureError as error:
        raise FiringFailedError(_why(error)) from None
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not fire {start.event}: {error.message}.") from None


async def until_free(connection: Connection, namespace: str, event: str) -> None:
    """Wait until the runs of an event that starts no others beside them have ended.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    handle = connection.client.get_workflow_handle(firing_id(namespace, event))
    try:
        await handle.result()
    except WorkflowFailureError:
        return
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise ConnectionFailedError(
                f"Temporal does not say what {event} does: {error.message}."
            ) from None


async def _start(
    connection: Connection, id: str, start: FiringStart, reuse: WorkflowIDReusePolicy
) -> WorkflowHandle[Any, FiringResult]:
    return await connection.client.start_workflow(
        EVENT_FIRING,
        start,
        id=id,
        task_queue=TASK_QUEUE,
        result_type=FiringResult,
        id_reuse_policy=reuse,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"{start.event}: {_how(start)}",
        rpc_timeout=_CALL_TIMEOUT,
    )


async def _result_before(connection: Connection, id: str) -> FiringResult | None:
    """What was answered under the same key; None where nothing was started."""
    handle = connection.client.get_workflow_handle(id, result_type=FiringResult)
    try:
        result = await handle.result()
    except WorkflowFailureError:
        return None
    return result if result.fired else None


def _how(start: FiringStart) -> str:
    if start.trigger is not None and start.trigger.source == "cron":
        return f"for {start.key}"
    return f"by {start.submitted_by or 'nobody named'}"


def _why(error: WorkflowFailureError) -> str:
    cause: BaseException = error
    while isinstance(cause, WorkflowFailureError | FailureError) and cause.cause is not None:
        cause = cause.cause
    return str(getattr(cause, "message", cause))
