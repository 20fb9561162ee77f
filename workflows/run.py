"""What both of our workflows do: run a plan to its end.

Loaded once for all workflows, unlike the definitions, which the sandbox loads for each: that is most of what
a run costs a worker. It reads no clock but the workflow's, and replays prove it.
"""

import asyncio
from datetime import datetime
from typing import NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.calls import Event, Request
    from ark_temporal.plan.inputs import InputError
    from ark_temporal.plan.progress import Progress
    from ark_temporal.plan.record import Decision, RunPhase, RunRecord, at_nanoseconds, to_milliseconds
    from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineInput, PipelineResult
    from ark_temporal.plan.summary import describe_run
    from ark_temporal.runs.failures import call_failure, subtask_not_started
    from ark_temporal.runs.find import RunMemo
    from ark_temporal.runs.names import MEMO
    from ark_temporal.storage.converter import STORED_FROM_BYTES
    from workflows.in_flight import InFlight
    from workflows.requests import carry_out
    from workflows.start import Start, invalid_start

_REFERENCE_BYTES = 1000
"""What is left in a history of a payload that is stored outside, and more."""

_PHASE = SearchAttributeKey.for_keyword("ArkPhase")
_AWAITING = SearchAttributeKey.for_keyword_list("ArkAwaiting")


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
        self._expired = False
        self._in_flight = InFlight()
        self._awaiting: list[str] = []
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
            raise ApplicationError(self._refused, type="InvalidInput", non_retryable=True)
        self._awaiting = [one.id for one in progress.record.awaiting]
        tasks: list[asyncio.Task[None]] = []
        if start.plan.timeout_seconds is not None:
            tasks.append(asyncio.create_task(self._expire(start.plan.timeout_seconds, progress.record)))
        try:
            await self._follow(progress, start, tasks)
            while not progress.record.ended:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._inbox:
                    _continue(start, progress)
                await self._follow(progress, start, tasks)
        except asyncio.CancelledError:
            progress.cancel(_now())
            raise
        finally:
            for task in tasks:
                task.cancel()
            self._publish(progress.record)
        return _result(progress.record)

    @workflow.query(name="record")
    def record(self) -> RunRecord | None:
        """The live run record; None before the run has begun."""
        return self._progress.record if self._progress else None

    @workflow.update(name="decide")
    def decide(self, decision: Decision) -> None:
        """Decide what the run waits for."""
        self._inbox.append((decision.id, decision))

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

    async def _follow(
        self, progress: Progress, start: PipelineInput, tasks: list[asyncio.Task[None]]
    ) -> None:
        """Do what is next until the run has ended, or it is time to continue as new."""
        while not progress.record.ended:
            requests = progress.advance(_now(), hold=workflow.info().is_continue_as_new_suggested())
            tasks[:] = [task for task in tasks if not task.done()]
            tasks.extend(asyncio.create_task(self._request(request, start)) for request in requests)
            workflow.set_current_details(describe_run(progress.record))
            self._tell_awaiting(progress.record)
            if progress.record.ended or (progress.can_continue and not self._inbox):
                return
            if not self._inbox:
                await workflow.wait_condition(lambda: bool(self._inbox) or self._expired)
            inbox, self._inbox = self._inbox, []
            progress.take_in(inbox, _now())
            if self._expired:
                progress.expire(_now())

    async def _request(self, request: Request, start: PipelineInput) -> None:
        size = self._size_in_history(request)
        await self._in_flight.enter(size)
        try:
            outcome = await carry_out(request, start)
        except ActivityError as error:
            outcome = call_failure(error.cause, request)
        except WorkflowAlreadyStartedError:
            outcome = subtask_not_started(request.id)
        finally:
            self._in_flight.leave(size)
        self._inbox.append((request.id, outcome))

    def _size_in_history(self, request: Request) -> int:
        size = len(request.model_dump_json().encode())
        return _REFERENCE_BYTES if self._stores and size >= STORED_FROM_BYTES else size

    async def _expire(self, seconds: int, record: RunRecord) -> None:
        left = seconds - (_now() - record.start_time).total_seconds()
        await workflow.sleep(max(0, left), summary=f"deadline: timeoutSeconds {seconds}")
        self._expired = True

    def _tell_awaiting(self, record: RunRecord) -> None:
        """Leave what waits for a person where searches find it, else where people do.

        One of the two it has to be: a replay takes in workflow tasks that do nothing together with later
        ones, and would take the wait for shorter than it was.
        """
        awaiting = [one.id for one in record.awaiting]
        if awaiting != self._awaiting and self._searchable:
            workflow.upsert_search_attributes([_AWAITING.value_set(awaiting)])  # pyright: ignore[reportUnknownMemberType]
        elif awaiting != self._awaiting:
            workflow.upsert_memo({_AWAITING.name: awaiting})
        self._awaiting = awaiting

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


def _continue(start: Start, progress: Progress) -> NoReturn:
    plan, record = start.plan, progress.record
    memo = RunMemo(team=plan.team, namespace=plan.namespace, plan=record.plan, start_time=record.start_time)
    state = start.model_copy(update={"state": progress.state()})
    workflow.continue_as_new(state, memo={MEMO: memo})


def _result(record: RunRecord) -> PipelineResult:
    if record.phase == "Succeeded":
        return PipelineResult(output=record.output, token_usage=record.token_usage, cost_usd=record.cost_usd)
    error = record.error
    message = error.message if error else f"The run ended as {record.phase}."
    details = error.model_dump(mode="json", exclude={"message"}) if error else {}
    raise ApplicationError(message, details, type=record.reason, non_retryable=True)
