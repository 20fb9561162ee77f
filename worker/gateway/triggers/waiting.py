"""Waiting for a run's end, or until it waits for a person, without asking again and again."""

import asyncio
import json
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import TimeoutError as WorkflowTimeoutError
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.plan.record import RunError
from ark_temporal.plan.start import PipelineResult
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.failures import child_failure

_RECONNECT_SECONDS = 1.0
_EARLY_SECONDS = 0.1
"""How soon to look again for a run that is about to be started."""

_AWAITING = "ArkAwaiting"


@dataclass(frozen=True)
class Outcome:
    """What a run has come to.

    Attributes:
        output: Its result, where it has succeeded.
        error: Why it did not.
        awaiting: What it waits for people to decide, where it goes on.
    """

    output: str = ""
    error: RunError | None = None
    awaiting: tuple[str, ...] = ()


async def outcome(connection: Connection, run_id: str) -> Outcome:
    """Wait until a run ends, or waits for a person; who waits bounds the time.

    Args:
        connection: Where it is.
        run_id: Its workflow id. The run may begin later, where another workflow starts it.

    Raises:
        RPCError: Temporal does not let us see it.
    """
    while True:
        try:
            return await _follow(connection, run_id)
        except RPCError as error:
            if error.status == RPCStatusCode.PERMISSION_DENIED:
                raise
            early = error.status == RPCStatusCode.NOT_FOUND
        await asyncio.sleep(_EARLY_SECONDS if early else _RECONNECT_SECONDS)


async def _follow(connection: Connection, run_id: str) -> Outcome:
    """Read the run's history as it grows: Temporal answers when there is more."""
    execution: str | None = None
    while True:
        handle = connection.client.get_workflow_handle(run_id, run_id=execution)
        pages = handle.fetch_history_events(wait_new_event=True)
        execution = None
        while execution is None:
            await pages.fetch_next_page()
            awaiting: tuple[str, ...] = ()
            for event in pages.current_page or ():
                awaiting = await _awaited(connection.client.data_converter, event, awaiting)
                if (ended := await _ended(connection.client.data_converter, event)) is not None:
                    return ended
                execution = _next_execution(event) or execution
            if awaiting:
                return Outcome(awaiting=awaiting)
            if pages.next_page_token is None and execution is None:
                return Outcome(error=RunError(type="WorkflowFailed", message="Its history ends in nothing."))


async def _awaited(converter: DataConverter, event: HistoryEvent, before: tuple[str, ...]) -> tuple[str, ...]:
    """What the run waits for after an event: in a search attribute, or in its memo where there are none."""
    found: list[str] | None
    if event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        fields = event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        if _AWAITING not in fields:
            return before
        found = json.loads(fields[_AWAITING].data or b"null")
    elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED:
        fields = event.workflow_properties_modified_event_attributes.upserted_memo.fields
        if _AWAITING not in fields:
            return before
        (found,) = await converter.decode([fields[_AWAITING]])
    else:
        return before
    return tuple(found or ())


def _next_execution(event: HistoryEvent) -> str:
    return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id


async def _ended(converter: DataConverter, event: HistoryEvent) -> Outcome | None:
    match event.event_type:
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            payloads = event.workflow_execution_completed_event_attributes.result.payloads
            (result,) = await converter.decode(payloads, [PipelineResult])
            return Outcome(output=result.output)
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
            failure = event.workflow_execution_failed_event_attributes.failure
            return Outcome(error=child_failure(await converter.decode_failure(failure)).error)
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
            return Outcome(
                error=child_failure(WorkflowTimeoutError("", type=None, last_heartbeat_details=[])).error
            )
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
            return Outcome(error=RunError(type="Cancelled", message="It was cancelled."))
        case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
            return Outcome(error=RunError(type="Terminated", message="It was terminated."))
        case _:
            return None
