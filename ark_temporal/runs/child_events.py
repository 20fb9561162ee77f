"""What a history says about the runs below its own."""

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter
from temporalio.exceptions import CancelledError, TerminatedError, TimeoutError

from ark_temporal.plan.calls import ChildOutcome, Outcome, SubtaskStarted
from ark_temporal.plan.start import PipelineResult
from ark_temporal.runs.failures import child_failure, subtask_not_started
from ark_temporal.runs.names import WORKFLOW_OF

_RUNS = frozenset(WORKFLOW_OF.values())

CHILD_EVENTS = frozenset(
    {
        EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TIMED_OUT,
    }
)


def is_about_a_run(event: HistoryEvent) -> bool:
    """Whether it is about a run below, and not about what a run has others do: tell people, fire events.

    Args:
        event: One of `CHILD_EVENTS`.
    """
    attributes = getattr(event, event.WhichOneof("attributes") or "")
    return attributes.workflow_type.name in _RUNS


async def read_child_event(event: HistoryEvent, converter: DataConverter) -> tuple[str, Outcome]:
    """The run that an event is about, and what it says about it.

    Args:
        event: One of `CHILD_EVENTS`.
        converter: Decodes payloads.
    """
    match event.event_type:
        case EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED:
            id = event.start_child_workflow_execution_failed_event_attributes.workflow_id
            return id, subtask_not_started(id)
        case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED:
            started = event.child_workflow_execution_started_event_attributes
            return started.workflow_execution.workflow_id, SubtaskStarted()
        case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED:
            completed = event.child_workflow_execution_completed_event_attributes
            [result] = await converter.decode(completed.result.payloads, [PipelineResult])
            return completed.workflow_execution.workflow_id, outcome_of(result)
        case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_FAILED:
            failed = event.child_workflow_execution_failed_event_attributes
            cause = await converter.decode_failure(failed.failure)
            return failed.workflow_execution.workflow_id, child_failure(cause)
        case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_CANCELED:
            cancelled = event.child_workflow_execution_canceled_event_attributes
            return cancelled.workflow_execution.workflow_id, child_failure(CancelledError())
        case EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_TERMINATED:
            ended = event.child_workflow_execution_terminated_event_attributes
            return ended.workflow_execution.workflow_id, child_failure(TerminatedError(""))
        case _:
            late = event.child_workflow_execution_timed_out_event_attributes
            timeout = TimeoutError("", type=None, last_heartbeat_details=[])
            return late.workflow_execution.workflow_id, child_failure(timeout)


def outcome_of(result: PipelineResult) -> ChildOutcome:
    """What a run tells the one above it when it has succeeded."""
    return ChildOutcome(
        output=result.output, items=result.items, token_usage=result.token_usage, cost_usd=result.cost_usd
    )
