"""A run's record, read from its Temporal history.

The events are fed to the same `Progress` that the workflow follows, at the same points, so that what is read
is what the run knew. It needs no worker and works for every ending, a terminated run's included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent
from temporalio.converter import DataConverter

from ark_temporal.plan.beginning import refused_record
from ark_temporal.plan.calls import (
    Event,
    MemoryOutcome,
    ModelOutcome,
    Notified,
    Outcome,
    SubtaskStart,
    SubtaskStarted,
    ToolList,
    ToolOutcome,
)
from ark_temporal.plan.inputs import InputError
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import Decision, RunError, RunRecord, at_nanoseconds
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.child_events import CHILD_EVENTS, is_about_a_run, read_child_event
from ark_temporal.runs.failures import call_failure
from ark_temporal.runs.names import (
    DECIDE_UPDATE,
    MODEL_ACTIVITY,
    NOTIFY_ACTIVITY,
    RECALL_ACTIVITY,
    REMEMBER_ACTIVITY,
    TOOL_ACTIVITY,
    TOOLS_ACTIVITY,
)
from ark_temporal.runs.signals import read_signal

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp


_NEVER = datetime.min.replace(tzinfo=UTC)

_OUTCOMES: Mapping[str, type[Outcome]] = {
    MODEL_ACTIVITY: ModelOutcome,
    TOOL_ACTIVITY: ToolOutcome,
    TOOLS_ACTIVITY: ToolList,
    RECALL_ACTIVITY: MemoryOutcome,
    REMEMBER_ACTIVITY: MemoryOutcome,
    NOTIFY_ACTIVITY: Notified,
}

WRITTEN_WITH_TASK = frozenset(
    {
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED,
        EventType.EVENT_TYPE_MARKER_RECORDED,
    }
)
"""What a workflow task leaves behind its own end, in one piece with it."""


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
        continued_as: The execution that goes on with the run; empty where this one is the latest.
    """

    run_id: str
    converter: DataConverter
    progress: Progress | None = None
    refused: RunRecord | None = None
    continued_as: str = ""
    _activities: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    _inbox: list[tuple[str, Event]] = field(default_factory=list[tuple[str, Event]])
    _decisions: list[tuple[str, Event]] = field(default_factory=list[tuple[str, Event]])
    _task_done: bool = False
    _hold: bool = False
    _under_way: bool = False
    _woken: bool = False
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
        if event.event_type not in WRITTEN_WITH_TASK:
            self.settle()
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                await self._started(event)
            case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                self._task_time = _time(event.event_time)
                self._hold = event.workflow_task_started_event_attributes.suggest_continue_as_new
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self._task_done = True
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                await self._decided(event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled = event.activity_task_scheduled_event_attributes
                self._activities[event.event_id] = (scheduled.activity_id, scheduled.activity_type.name)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                await self._completed(event)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
                failed = event.activity_task_failed_event_attributes
                await self._failed(failed.scheduled_event_id, failed.failure)
            case EventType.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
                timed_out = event.activity_task_timed_out_event_attributes
                await self._failed(timed_out.scheduled_event_id, timed_out.failure)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                await self._signalled(event)
            case kind if kind in CHILD_EVENTS:
                await self._child(event)
            case EventType.EVENT_TYPE_TIMER_FIRED:
                self._woken = True
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
                self._cancelled = True
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
                attributes = event.workflow_execution_continued_as_new_event_attributes
                self.continued_as = attributes.new_execution_run_id
            case _:
                await self._closed(event)

    def settle(self) -> None:
        """Take in what the last workflow task did, once all that it left behind was fed.

        Asked for where more may be long in coming: what a task leaves behind comes in one piece with it.
        """
        if self._task_done:
            self._task_done = False
            self._run_workflow_code()

    async def _started(self, event: HistoryEvent) -> None:
        attributes = event.workflow_execution_started_event_attributes
        try:
            [start] = await self.converter.decode(attributes.input.payloads, [PipelineInput])
        except ValueError as error:
            raise HistoryError(f'The workflow "{self.run_id}" is no run of ours: {error}.') from None
        now = _time(event.event_time)
        try:
            self.progress = Progress.begin(start, run_id=self.run_id, now=now)
        except InputError as error:
            self.refused = refused_record(start, run_id=self.run_id, message=str(error), now=now)

    async def _completed(self, event: HistoryEvent) -> None:
        attributes = event.activity_task_completed_event_attributes
        id, name = self._activities[attributes.scheduled_event_id]
        if name not in _OUTCOMES:
            raise HistoryError(f'The workflow "{self.run_id}" has an activity {name!r}, which is not ours.')
        [outcome] = await self.converter.decode(attributes.result.payloads, [_OUTCOMES[name]])
        self._inbox.append((id, outcome))

    async def _failed(self, scheduled_event_id: int, failure: Failure) -> None:
        id, _ = self._activities[scheduled_event_id]
        cause = await self.converter.decode_failure(failure)
        request = self.progress.request(id) if self.progress is not None else None
        self._inbox.append((id, call_failure(cause, request)))

    async def _decided(self, event: HistoryEvent) -> None:
        request = event.workflow_execution_update_accepted_event_attributes.accepted_request
        if request.input.name == DECIDE_UPDATE:
            [decision] = await self.converter.decode(request.input.args.payloads, [Decision])
            self._decisions.append((decision.id, decision))

    async def _signalled(self, event: HistoryEvent) -> None:
        attributes = event.workflow_execution_signaled_event_attributes
        wanted = read_signal(attributes.signal_name, await self.converter.decode(attributes.input.payloads))
        if wanted is not None:
            self._decisions.append(("", wanted))

    async def _child(self, event: HistoryEvent) -> None:
        """Of a subtask only the start is waited for, of any other run below its end, of others nothing."""
        if not is_about_a_run(event):
            return
        id, outcome = await read_child_event(event, self.converter)
        request = self.progress.request(id) if self.progress is not None else None
        if not isinstance(outcome, SubtaskStarted) or isinstance(request, SubtaskStart):
            self._inbox.append((id, outcome))

    def _run_workflow_code(self) -> None:
        """What the workflow did in this task, from what had reached it by then.

        Its first task begins before it looks at anything. Decisions reach it before all else, and it acts on
        them at once.
        """
        if self.progress is None or self.progress.record.ended:
            return
        decisions, inbox = self._decisions, self._inbox
        self._decisions, self._inbox = [], []
        if not self._under_way:
            self._under_way = True
            self.progress.advance(self._task_time, hold=self._hold)
        if decisions:
            self._take_in(decisions)
        if self._cancelled:
            self.progress.cancel(self._task_time)
        elif inbox or self._woken:
            self._take_in(inbox, woken=self._woken)
        self._woken = False

    def _take_in(self, events: list[tuple[str, Event]], *, woken: bool = False) -> None:
        assert self.progress is not None, "only a run that has begun takes anything in"
        self.progress.take_in(events, self._task_time)
        if woken:
            self.progress.wake(self._task_time)
        self.progress.advance(self._task_time, hold=self._hold)

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


def _time(stamp: "Timestamp") -> datetime:
    return at_nanoseconds(stamp.ToNanoseconds())
