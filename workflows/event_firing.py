"""The workflow behind an event that is fired: it starts the event's runs."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from ark_temporal.events.model import (
        BUSY,
        FiringResult,
        FiringStart,
        Prepared,
        PreparedRun,
        PrepareRequest,
        firing_id,
    )
    from ark_temporal.plan.causes import Trigger
    from ark_temporal.plan.record import at_nanoseconds, to_milliseconds
    from ark_temporal.plan.start import PipelineResult
    from ark_temporal.runs.names import EVENT_FIRING, PREPARE_ACTIVITY
    from workflows.child_runs import start_child_run

_PREPARING = timedelta(minutes=1)
_PATIENCE = timedelta(hours=1)
"""How long to try to find out what to start, while Temporal or the applied resources do not answer."""

_SCHEDULED = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")


@workflow.defn(name="EventFiring")
class EventFiring:
    """Starts the runs of an event as it is in force, and waits for them where none may overlap."""

    @workflow.run
    async def run(self, start: FiringStart) -> FiringResult:
        """Start the runs; an event that is suspended or gone starts none."""
        prepared = start.prepared or await self._prepare(start)
        if prepared.skipped:
            return _skipped(prepared.skipped)
        alone = firing_id(start.namespace, start.event)
        if prepared.exclusive and workflow.info().workflow_id != alone:
            return await self._hand_on(start.model_copy(update={"prepared": prepared}), alone)
        children = [child for each in prepared.runs if (child := await _start(each)) is not None]
        ids = [each.id for each in prepared.runs]
        workflow.set_current_details("starts " + ", ".join(ids))
        if prepared.exclusive:
            for child in children:
                await _ended(child)
        return FiringResult(fired=True, runs=ids)

    async def _prepare(self, start: FiringStart) -> Prepared:
        info = workflow.info()
        scheduled: datetime | None = info.typed_search_attributes.get(_SCHEDULED)
        moment = to_milliseconds(scheduled) if scheduled is not None else at_nanoseconds(workflow.time_ns())
        trigger = start.trigger or Trigger(name=start.event, source="cron", fired_at=moment)
        return await workflow.execute_activity(
            PREPARE_ACTIVITY,
            PrepareRequest(
                namespace=start.namespace,
                trigger=trigger,
                key=start.key or info.workflow_id,
                traceparent=start.traceparent,
                submitted_by=start.submitted_by,
                scheduled_at=scheduled if start.trigger is None else None,
                started_at=info.start_time if start.trigger is None else None,
            ),
            result_type=Prepared,
            start_to_close_timeout=_PREPARING,
            schedule_to_close_timeout=_PATIENCE,
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
            summary=f"what {start.event} starts",
        )

    async def _hand_on(self, start: FiringStart, alone: str) -> FiringResult:
        """Let the one execution start the runs that may do so, unless it is at it."""
        try:
            await workflow.start_child_workflow(
                EVENT_FIRING,
                start,
                id=alone,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"{start.event}: one at a time",
            )
        except WorkflowAlreadyStartedError:
            return _skipped(BUSY)
        assert start.prepared is not None, "it is handed on with what it starts"
        return FiringResult(fired=True, runs=[each.id for each in start.prepared.runs])


def _skipped(reason: str) -> FiringResult:
    workflow.set_current_details(f"starts nothing: {reason}")
    return FiringResult(fired=False, reason=reason)


async def _start(run: PreparedRun) -> ChildWorkflowHandle[object, PipelineResult] | None:
    """Start a run; None where it was started before."""
    once = WorkflowIDReusePolicy.REJECT_DUPLICATE
    try:
        return await start_child_run(run.start, run.id, policy=ParentClosePolicy.ABANDON, reuse=once)
    except WorkflowAlreadyStartedError:
        return None


async def _ended(run: ChildWorkflowHandle[object, PipelineResult]) -> None:
    """Wait for a run's end, whatever it is."""
    try:
        await run
    except ChildWorkflowError:
        workflow.logger.info("the run %s did not succeed", run.id)
