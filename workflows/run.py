"""What both of our workflows do: run a plan to its end.

Loaded once for all workflows, unlike the definitions, which the sandbox loads for each: that is most of what
a run costs a worker. It reads no clock but the workflow's, and replays prove it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn, TypeVar

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.beginning import refused_record
    from ark_temporal.plan.calls import Event, Request
    from ark_temporal.plan.inputs import InputError
    from ark_temporal.plan.progress import Progress
    from ark_temporal.plan.record import (
        Control,
        Decision,
        DecisionTaken,
        RunPhase,
        RunRecord,
        Said,
        at_nanoseconds,
        to_milliseconds,
    )
    from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineInput, PipelineResult
    from ark_temporal.plan.summary import describe_run
    from ark_temporal.runs.failures import call_failure, child_failure, subtask_not_started
    from ark_temporal.runs.find import RunMemo
    from ark_temporal.runs.names import APPROVE_SIGNAL, MEMO, PAUSE_SIGNAL, REJECT_SIGNAL, RESUME_SIGNAL
    from ark_temporal.runs.signals import read_signal
    from ark_temporal.storage.converter import STORED_FROM_BYTES
    from workflows.ending import announce_end
    from workflows.in_flight import InFlight, Load
    from workflows.requests import carry_out
    from workflows.start import Start, invalid_start
    from workflows.telling import Teller

_REFERENCE_BYTES = 1000
"""What is left in a history of a payload that is stored outside, and more."""

_PHASE = SearchAttributeKey.for_keyword("ArkPhase")
_AWAITING = SearchAttributeKey.for_keyword_list("ArkAwaiting")

_Said = TypeVar("_Said", Said, Control)


class PlanWorkflow:
    """Runs a plan: every request is one activity or one child, independent ones go out at the same time.

    A definition adds its name, and the two methods that Temporal wants in the class itself.
    """

    def __init__(self, start: Start | None) -> None:
        self._searchable = start is not None and start.search_attributes
        self._stores = start is not None and start.payload_limit_bytes > DEFAULT_PAYLOAD_LIMIT
        self._progress: Progress | None = None
        self._refused = ""
        self._inbox: list[tuple[str, Event]] = []
        self._changed = False
        self._woken = False
        self._alarm: tuple[datetime, asyncio.Task[None]] | None = None
        self._in_flight = InFlight()
        self._teller = Teller()
        self._awaiting: list[str] = []
        self._is_parked = False
        if start is not None:
            self._begin(start)

    def _begin(self, start: Start) -> None:
        """Know how far the run is before anything reaches it: decisions may come with its first task."""
        info = workflow.info()
        began = to_milliseconds(info.workflow_start_time)
        try:
            self._progress = Progress.begin(start, run_id=info.workflow_id, now=began)
        except InputError as error:
            self._refused = str(error)

    async def carry_out(self, start: Start | None) -> PipelineResult:
        """Run to the end; a run that does not succeed fails with its reason as the failure's type."""
        if start is None:
            raise invalid_start("there is no argument")
        progress = self._progress
        if progress is None:
            self._set_phase("Failed")
            id = workflow.info().workflow_id
            record = refused_record(start, run_id=id, message=self._refused, now=_now())
            await announce_end(start, record, self._teller)
            raise ApplicationError(self._refused, type="InvalidInput", non_retryable=True)
        self._awaiting = [one.id for one in progress.record.awaiting]
        self._is_parked = any(one.kind == "failed-step" for one in progress.record.awaiting)
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            await self._follow(progress, start, tasks)
            while not progress.record.ended:
                await workflow.wait_condition(
                    lambda: workflow.all_handlers_finished() and self._teller.is_idle
                )
                if not self._has_news:
                    self._continue(start, progress)
                await self._follow(progress, start, tasks)
        except asyncio.CancelledError:
            progress.cancel(_now())
            await announce_end(start, progress.record, self._teller)
            raise
        finally:
            for task in tasks.values():
                task.cancel()
            self._set_alarm(None)
            self._publish(progress.record)
        self._teller.tell(progress.take_announcements())
        await announce_end(start, progress.record, self._teller)
        return _result(progress)

    @workflow.query(name="record")
    def record(self) -> RunRecord | None:
        """The live run record; None before the run has begun."""
        return self._progress.record if self._progress else None

    @workflow.update(name="decide")
    def decide(self, decision: Decision) -> DecisionTaken:
        """Decide what the run waits for."""
        assert self._progress is not None, "a run that has not begun refuses decisions"
        self._changed = True
        return self._progress.decide(decision, _now())

    @decide.validator
    def _refuse(self, decision: Decision) -> None:
        """Say why a decision cannot be taken.

        Raises:
            ApplicationError: It cannot.
        """
        if self._progress is None:
            raise ApplicationError("The run has not begun.", type="DecisionRefused")
        if problem := self._progress.refuse(decision):
            raise ApplicationError(problem, type="DecisionRefused")

    # Signals take whatever anybody sends: an argument too many or too few would stop the run for good.

    @workflow.signal(name=APPROVE_SIGNAL)
    def approve(self, *said: object) -> None:
        """Approve what the run waits for: `decide` for those who can only send signals."""
        self._hear(APPROVE_SIGNAL, said)

    @workflow.signal(name=REJECT_SIGNAL)
    def reject(self, *said: object) -> None:
        """Reject what the run waits for: `decide` for those who can only send signals."""
        self._hear(REJECT_SIGNAL, said)

    @workflow.signal(name=PAUSE_SIGNAL)
    def pause(self, *control: object) -> None:
        """Begin nothing more; what is under way goes on."""
        self._hear(PAUSE_SIGNAL, control)

    @workflow.signal(name=RESUME_SIGNAL)
    def resume(self, *control: object) -> None:
        """Go on after a pause."""
        self._hear(RESUME_SIGNAL, control)

    def _hear(self, signal: str, arguments: Sequence[object]) -> None:
        wanted = read_signal(signal, arguments)
        if wanted is None:
            workflow.logger.warning("A signal %s was dropped: what it says cannot be read.", signal)
        elif self._progress is not None:
            self._changed = True
            self._progress.take_in([("", wanted)], _now())

    @property
    def _has_news(self) -> bool:
        return bool(self._inbox) or self._changed or self._woken

    async def _follow(
        self, progress: Progress, start: PipelineInput, tasks: dict[str, asyncio.Task[None]]
    ) -> None:
        """Do what is next until the run has ended, or it is time to continue as new."""
        while not progress.record.ended:
            self._changed = False
            requests = progress.advance(_now(), hold=workflow.info().is_continue_as_new_suggested())
            _let_go(tasks, progress.open_calls)
            for request in requests:
                tasks[request.id] = asyncio.create_task(self._request(request, start, progress))
            self._teller.tell(progress.take_announcements())
            workflow.set_current_details(describe_run(progress.record))
            self._tell_awaiting(progress.record)
            self._set_alarm(progress.alarm)
            if progress.record.ended or (progress.can_continue and not self._has_news):
                return
            if not self._has_news:
                await workflow.wait_condition(lambda: self._has_news)
            inbox, self._inbox = self._inbox, []
            progress.take_in(inbox, _now())
            if self._woken:
                self._woken = False
                progress.wake(_now())

    async def _request(self, request: Request, start: PipelineInput, progress: Progress) -> None:
        load = Load(lambda: self._size_in_history(request))
        await self._in_flight.enter(load)
        try:
            outcome = await carry_out(request, start)
        except ActivityError as error:
            outcome = call_failure(error.cause, request)
        except ChildWorkflowError as error:
            outcome = child_failure(error.cause)
        except WorkflowAlreadyStartedError:
            outcome = subtask_not_started(request.id)
        finally:
            self._in_flight.leave(load)
        if request.id in progress.open_calls:  # else nobody waits for it any more
            self._inbox.append((request.id, outcome))

    def _size_in_history(self, request: Request) -> int:
        size = len(request.model_dump_json().encode())
        return _REFERENCE_BYTES if self._stores and size >= STORED_FROM_BYTES else size

    def _set_alarm(self, time: datetime | None) -> None:
        """Have one timer, for the next moment that means something to the run.

        One that is due stays: it fires in this task or the next, and a history tells nobody that it was not
        waited for any more.
        """
        if self._alarm is not None:
            at, waits = self._alarm
            is_due = time is not None and at <= _now()
            if (at == time or is_due) and not waits.done():
                return
            waits.cancel()
        self._alarm = (time, asyncio.create_task(self._wake_at(time))) if time is not None else None

    async def _wake_at(self, time: datetime) -> None:
        left = (time - _now()).total_seconds()
        why = (
            "deadline"
            if self._progress is not None and time == self._progress.deadline
            else "waits for people"
        )
        await workflow.sleep(max(0, left), summary=f"{why}: until {time:%Y-%m-%d %H:%M:%S} UTC")
        self._woken = True

    def _tell_awaiting(self, record: RunRecord) -> None:
        """Leave what waits for a person where searches find it, else where people do.

        One of the two it has to be: a replay takes in workflow tasks that do nothing together with later
        ones, and would take the wait for shorter than it was.
        """
        awaiting = [one.id for one in record.awaiting]
        if awaiting != self._awaiting and self._searchable:
            is_parked = any(one.kind == "failed-step" for one in record.awaiting)
            changes: list[SearchAttributeUpdate[Any]] = [_AWAITING.value_set(awaiting)]
            if is_parked != self._is_parked:
                changes.append(_PHASE.value_set("Parked" if is_parked else "Running"))
            self._is_parked = is_parked
            workflow.upsert_search_attributes(changes)  # pyright: ignore[reportUnknownMemberType]
        elif awaiting != self._awaiting:
            workflow.upsert_memo({_AWAITING.name: awaiting})
        self._awaiting = awaiting

    def _continue(self, start: Start, progress: Progress) -> NoReturn:
        record, above = progress.record, workflow.info().parent
        memo = RunMemo.of(
            start,
            record.plan,
            parent=above.workflow_id if above is not None and start.cause is None else "",
            start_time=record.start_time,
        )
        awaiting = {_AWAITING.name: self._awaiting} if self._awaiting and not self._searchable else {}
        state = start.model_copy(update={"state": progress.state()})
        workflow.continue_as_new(state, memo={MEMO: memo, **awaiting})

    def _publish(self, record: RunRecord) -> None:
        """Leave the run's end where the Web UI and searches find it."""
        workflow.set_current_details(describe_run(record))
        if record.ended:
            self._tell_awaiting(record)
            self._set_phase(record.phase)

    def _set_phase(self, phase: RunPhase) -> None:
        if self._searchable:
            workflow.upsert_search_attributes([_PHASE.value_set(phase)])  # pyright: ignore[reportUnknownMemberType]


def _now() -> datetime:
    return at_nanoseconds(workflow.time_ns())


def _let_go(tasks: dict[str, asyncio.Task[None]], open_calls: frozenset[str]) -> None:
    """Cancel what nobody waits for any more."""
    for id in [id for id, task in tasks.items() if task.done() or id not in open_calls]:
        tasks.pop(id).cancel()


def _result(progress: Progress) -> PipelineResult:
    record = progress.record
    if record.phase == "Succeeded":
        return PipelineResult(
            output=record.output,
            items=tuple(progress.items),
            token_usage=record.token_usage,
            cost_usd=record.cost_usd,
        )
    error = record.error
    message = error.message if error else f"The run ended as {record.phase}."
    details = error.model_dump(mode="json", exclude={"message"}) if error else {}
    used = {"tokenUsage": record.token_usage.model_dump(mode="json"), "costUsd": record.cost_usd}
    raise ApplicationError(message, {**details, **used}, type=record.reason, non_retryable=True)
