"""The record with which a run begins, or with which it ends at once."""

from datetime import datetime

from ark_temporal.plan.causes import trace_id
from ark_temporal.plan.inputs import resolve_input
from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.record import RunError, RunRecord, StepRecord
from ark_temporal.plan.start import PipelineInput, Seed


def record_of(start: PipelineInput, *, run_id: str, now: datetime) -> RunRecord:
    """The record of a run in which nothing has happened, but for what it takes over of another run.

    Raises:
        InputError: The input does not fit the plan.
    """
    record = _empty(start, run_id, now)
    record.phase, record.input = "Running", resolve_input(start.plan, start.input)
    return record


def refused_record(start: PipelineInput, *, run_id: str, message: str, now: datetime) -> RunRecord:
    """The record of a run that ended before it began, since its input does not fit."""
    record = _empty(start.model_copy(update={"seed": None}), run_id, now)
    record.phase, record.reason, record.completion_time = "Failed", "InvalidInput", now
    record.error = RunError(type="InvalidInput", message=message)
    return record


def _empty(start: PipelineInput, run_id: str, now: datetime) -> RunRecord:
    plan = start.plan
    return RunRecord(
        id=run_id,
        team=plan.team,
        namespace=plan.namespace,
        plan=plan.digest(),
        input=dict(start.input),
        start_time=now,
        submitted_by=start.submitted_by,
        reused_from=start.seed.run if start.seed is not None else "",
        cause=start.cause,
        trace=trace_id(start.traceparent),
        steps=[_begun(step, start.seed) for step in plan.steps],
    )


def _begun(step: StepPlan, seed: Seed | None) -> StepRecord:
    """A step's record: what another run has done of it, else an empty one.

    Of a step that failed in parts, those are taken over that had succeeded.
    """
    record = StepRecord(name=step.name, role=step.role)
    found = next((one for one in seed.steps if one.name == step.name), None) if seed is not None else None
    if seed is None or found is None:
        return record
    if found.phase in ("Succeeded", "Skipped"):
        return found.model_copy(update={"reused_from": found.reused_from or seed.run}, deep=True)
    kept = [part.model_copy(deep=True) for part in found.branches if part.phase == "Succeeded"]
    return record.model_copy(update={"branches": kept, "reused_from": seed.run if kept else ""})
