"""What a run's end starts: it goes on by itself, whatever becomes of the run."""

import asyncio

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import FailureError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from ark_temporal.events.model import FiringStart, firing_id
    from ark_temporal.plan.causes import Listener, Trigger
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.plan.start import PipelineInput
    from ark_temporal.plan.telling import told_at_end
    from ark_temporal.runs.names import EVENT_FIRING
    from workflows.telling import Teller
    from workflows.unhindered import unhindered


async def announce_end(start: PipelineInput, record: RunRecord, teller: Teller) -> None:
    """Fire the events that listen for the end of a run, and have people told of it.

    Args:
        start: What the run was started with.
        record: The run, which has ended.
        teller: What the run has told people so far.
    """
    if start.depth == 0 and start.page is None and (told := told_at_end(start.plan, record)) is not None:
        teller.tell([told])
    heard = [listener for listener in start.listeners if listener.hears(record.phase)]
    await unhindered([asyncio.create_task(_fire(listener, start, record)) for listener in heard])
    await teller.handed_over()


async def _fire(listener: Listener, start: PipelineInput, record: RunRecord) -> None:
    ended = record.completion_time or record.start_time
    trigger = Trigger(
        name=listener.event,
        source="team-output",
        fired_at=ended,
        run=record.id,
        team=record.team,
        phase=record.phase,
        output=record.output,
        depth=start.cause.depth + 1 if start.cause is not None else 1,
    )
    once = WorkflowIDReusePolicy.REJECT_DUPLICATE
    try:
        await workflow.start_child_workflow(
            EVENT_FIRING,
            FiringStart(
                namespace=record.namespace,
                event=listener.event,
                trigger=trigger,
                key=record.id,
                traceparent=start.traceparent,
                submitted_by=record.submitted_by,
            ),
            id=firing_id(record.namespace, listener.event, "" if listener.exclusive else record.id),
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE if listener.exclusive else once,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=f"{listener.event}: {record.team} ended as {record.phase}",
        )
    except WorkflowAlreadyStartedError:
        workflow.logger.info("The event %s is not fired: a run that it started goes on.", listener.event)
    except FailureError as error:  # how the run has ended stays
        workflow.logger.warning("The event %s cannot be fired: %s", listener.event, error)
