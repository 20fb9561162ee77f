"""A run's record, read from its Temporal history.

The events are fed to the same `Progress` that the workflow follows, at the same points, so that what is read
is what the run knew. It needs no worker and works for every ending, a terminated run's included.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from ark_temporal.plan.calls import CallFailure, ModelOutcome
from ark_temporal.plan.inputs import InputError
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import RunError, RunRecord, StepRecord, to_milliseconds
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.failures import call_failure

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


_NEVER = datetime.min.replace(tzinfo=UTC)


class HistoryError(RuntimeError):
    """A workflow's history is not one of a run of ours."""


@dataclass
class HistoryReader:
    """Builds a run's record event by event.

    Attributes:
        run_id: The workflow's id.
        converter: Decodes payloads, the stored ones included.
        progress: The run so far; None before its first event, and where its input was refused.
        refused: The record of a run whose input was refused.
    """

    run_id: str
    converter: DataConverter
    progress: Progress | None = None
    refused: RunRecord | None = None
    _calls: dict[int, str] = field(default_factory=dict[int, str])
    _inbox: list[tuple[str, ModelOutcome | CallFailure]] = field(
        default_factory=list[tuple[str, ModelOutcome | CallFailure]]
    )
    _under_way: bool = False
    _expired: bool = False
    _cancelled: bool = False
    _task_time: datetime = _NEVER

    @property
    def begun(self) -> bool:
        """Whether there is a record yet."""
        return self.progress is not None or self.refused is not None

    @property
    def record(self) -> RunRecord:
        """The record as far as events were fed.

        Raises:
            HistoryError: No event was fed yet.
        """
        if self.progress is not None:
            return self.progress.record
        if self.refused is not None:
            return self.refused
        raise HistoryError(f'The history of "{self.run_id}" has no beginning.')

    async def feed(self, event: HistoryEvent) -> None:
        """Take in the next event of the history.

        Raises:
            HistoryError: It is no history of ours.
        """
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                await self._started(event)
            case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                self._task_time = _time(event.event_time)
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self._run_workflow_code()
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                self._calls[event.event_id] = scheduled.activity_id
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                await self._completed(event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                await self._failed(failed.scheduled_event_id, failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                timed_out = event.activity_task_timed_out_event_attributes
                await self._failed(timed_out.scheduled_event_id, timed_out.failure)
            case EventType.EVENT_TYPE_TIMER_FIRED:
                self._expired = True
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                self._cancelled = True
            case _:
                await self._closed(event)

    async def _started(self, event: HistoryEvent) -> None:
        attributes = event.workflow_execution_started_event_attributes
        try:
            [start] = await self.converter.decode(attributes.input.payloads, [PipelineInput])
        except ValueError as error:
            raise HistoryError(f'The workflow "{self.run_id}" is no pipeline run: {error}.') from None
        now = _time(event.event_time)
        try:
            self.progress = Progress.begin(start, run_id=self.run_id, now=now)
        except InputError as error:
            self.refused = _refused_record(self.run_id, start, str(error), now)

    async def _completed(self, event: HistoryEvent) -> None:
        attributes = event.activity_task_completed_event_attributes
        [outcome] = await self.converter.decode(attributes.result.payloads, [ModelOutcome])
        self._inbox.append((self._calls[attributes.scheduled_event_id], outcome))

    async def _failed(self, scheduled_event_id: int, failure: Failure) -> None:
        cause = await self.converter.decode_failure(failure)
        self._inbox.append((self._calls[scheduled_event_id], call_failure(cause)))

    def _run_workflow_code(self) -> None:
        """What the workflow did in this task, from what had reached it by then."""
        if self.progress is None or self.progress.record.ended:
            return
        if self._cancelled and self._under_way:
            self.progress.cancel(self._task_time)
            return
        inbox, self._inbox = self._inbox, []
        self.progress.take_in(inbox, self._task_time)
        if self._expired:
            self.progress.expire(self._task_time)
        self.progress.advance(self._task_time)
        self._under_way = True
        if self._cancelled:  # before its first task, in which a run still starts what it can
            self.progress.cancel(self._task_time)

    async def _closed(self, event: HistoryEvent) -> None:
        """The run's end, where Temporal and not the run's own code brought it about."""
        if self.progress is None or self.progress.record.ended:
            return
        close, now = self.progress.close, _time(event.event_time)
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
                reason = event.workflow_execution_terminated_event_attributes.reason
                message = f"The run was terminated: {reason}" if reason else "The run was terminated."
                close("Terminated", "Terminated", RunError(type="Terminated", message=message), now)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
                message = "The run was stopped by the execution timeout that its Temporal workflow was given."
                close("Failed", "TimedOut", RunError(type="TimedOut", message=message), now)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
                failure = event.workflow_execution_failed_event_attributes.failure
                told = call_failure(await self.converter.decode_failure(failure))
                close("Failed", "WorkflowFailed", RunError(type=told.type, message=told.message), now)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED:
                self.progress.cancel(now)
            case _:
                pass


def _refused_record(run_id: str, start: PipelineInput, message: str, now: datetime) -> RunRecord:
    return RunRecord(
        id=run_id,
        team=start.plan.team,
        namespace=start.plan.namespace,
        plan=start.plan.digest(),
        phase="Failed",
        reason="InvalidInput",
        input=dict(start.input),
        start_time=now,
        completion_time=now,
        error=RunError(type="InvalidInput", message=message),
        steps=[StepRecord(name=step.name, role=step.role) for step in start.plan.steps],
    )


def _time(stamp: "Timestamp") -> datetime:
    return to_milliseconds(stamp.ToDatetime(tzinfo=UTC))
