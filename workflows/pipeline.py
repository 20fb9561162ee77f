"""The workflow behind a team with a pipeline."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.calls import CallFailure, ModelCall, ModelOutcome
    from ark_temporal.plan.inputs import InputError
    from ark_temporal.plan.progress import Progress
    from ark_temporal.plan.record import RunPhase, RunRecord, to_milliseconds
    from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineResult
    from ark_temporal.plan.summary import describe_call, describe_run
    from ark_temporal.runs.failures import call_failure
    from ark_temporal.storage.converter import STORED_FROM_BYTES
    from workflows.in_flight import InFlight
    from workflows.start import Start, invalid_start

ATTEMPTS = 4
_RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=ATTEMPTS,
    non_retryable_error_types=["PayloadsTooLarge"],
)
_HEARTBEAT = timedelta(seconds=20)
_GRACE = timedelta(seconds=10)
"""On top of a role's timeout, so that the model client's own, better explained timeout comes first."""
_WAITS = timedelta(minutes=30)
"""All the waiting between a call's attempts, a provider's Retry-After included."""

_REFERENCE_BYTES = 1000
"""What is left in a history of a payload that is stored outside, and more."""

_PHASE = SearchAttributeKey.for_keyword("ArkPhase")


@workflow.defn(name="Pipeline")
class Pipeline:
    """Runs a plan: every model call is one activity, independent steps run at the same time."""

    @workflow.init
    def __init__(self, start: Start | None = None) -> None:
        self._searchable = start is not None and start.search_attributes
        self._stores = start is not None and start.payload_limit_bytes > DEFAULT_PAYLOAD_LIMIT
        self._progress: Progress | None = None
        self._inbox: list[tuple[str, ModelOutcome | CallFailure]] = []
        self._expired = False
        self._in_flight = InFlight()

    @workflow.run
    async def run(self, start: Start | None = None) -> PipelineResult:
        """Run to the end; a run that does not succeed fails with its reason as the failure's type."""
        if start is None:
            raise invalid_start("there is no argument")
        info = workflow.info()
        began = to_milliseconds(info.workflow_start_time)
        try:
            progress = Progress.begin(start, run_id=info.workflow_id, now=began)
        except InputError as error:
            self._set_phase("Failed")
            raise ApplicationError(str(error), type="InvalidInput", non_retryable=True) from None
        self._progress = progress
        tasks: list[asyncio.Task[None]] = []
        if start.plan.timeout_seconds is not None:
            tasks.append(asyncio.create_task(self._expire(start.plan.timeout_seconds)))
        try:
            while not progress.record.ended:
                tasks.extend(asyncio.create_task(self._call(call)) for call in progress.advance(_now()))
                workflow.set_current_details(describe_run(progress.record))
                if not progress.record.ended:
                    await workflow.wait_condition(lambda: bool(self._inbox) or self._expired)
                    self._take_in(progress)
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

    async def _call(self, call: ModelCall) -> None:
        size = self._size_in_history(call)
        await self._in_flight.enter(size)
        try:
            result = await _execute(call)
        except ActivityError as error:
            result = call_failure(error.cause)
        finally:
            self._in_flight.leave(size)
        self._inbox.append((call.id, result))

    def _size_in_history(self, call: ModelCall) -> int:
        size = len(call.model_dump_json().encode())
        return _REFERENCE_BYTES if self._stores and size >= STORED_FROM_BYTES else size

    async def _expire(self, seconds: int) -> None:
        await workflow.sleep(seconds, summary=f"deadline: timeoutSeconds {seconds}")
        self._expired = True

    def _take_in(self, progress: Progress) -> None:
        inbox, self._inbox = self._inbox, []
        progress.take_in(inbox, _now())
        if self._expired:
            progress.expire(_now())

    def _publish(self, record: RunRecord) -> None:
        """Leave the run's end where the Web UI and searches find it."""
        workflow.set_current_details(describe_run(record))
        self._set_phase(record.phase)

    def _set_phase(self, phase: RunPhase) -> None:
        if self._searchable:
            workflow.upsert_search_attributes([_PHASE.value_set(phase)])  # pyright: ignore[reportUnknownMemberType]


def _now() -> datetime:
    return to_milliseconds(workflow.now())


async def _execute(call: ModelCall) -> ModelOutcome:
    attempt = timedelta(seconds=call.timeout_seconds) + _GRACE
    return await workflow.execute_activity(
        "call_model",
        call,
        result_type=ModelOutcome,
        activity_id=call.id,
        start_to_close_timeout=attempt,
        schedule_to_close_timeout=ATTEMPTS * attempt + _WAITS,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=_RETRIES,
        summary=describe_call(call),
    )


def _result(record: RunRecord) -> PipelineResult:
    if record.phase == "Succeeded":
        return PipelineResult(output=record.output, token_usage=record.token_usage, cost_usd=record.cost_usd)
    error = record.error
    message = error.message if error else f"The run ended as {record.phase}."
    details = error.model_dump(mode="json", exclude={"message"}) if error else {}
    raise ApplicationError(message, details, type=record.reason, non_retryable=True)
