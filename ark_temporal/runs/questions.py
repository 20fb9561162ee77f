"""What a run asks people, as those see it who do not look at the whole run."""

from ark_temporal.plan.record import Awaiting, RunRecord, StepRecord, ToolCallRecord
from ark_temporal.wire import Wire


class Question(Wire):
    """What a run waits for a person to decide, and where.

    Attributes:
        run: The run's id.
        awaiting: What is asked.
        tool_call: The tool call that it is about.
        submitted_by: Who started the run.
    """

    run: str
    team: str
    namespace: str
    awaiting: Awaiting
    tool_call: ToolCallRecord | None = None
    submitted_by: str = ""

    def wants(self, name: str) -> bool:
        """Whether this person may decide it, and has not done their part already."""
        awaiting = self.awaiting
        named = not awaiting.approvers or name in awaiting.approvers
        own = awaiting.gate is not None and awaiting.gate.four_eyes and name == self.submitted_by
        return named and not own and all(vote.by != name for vote in awaiting.votes)


def questions_of(record: RunRecord) -> list[Question]:
    """What one run waits for; the runs under it not included."""
    return [
        Question(
            run=record.id,
            team=record.team,
            namespace=record.namespace,
            awaiting=awaiting,
            tool_call=_tool_call(record, awaiting),
            submitted_by=record.submitted_by,
        )
        for awaiting in record.awaiting
    ]


def may_have_open_children(record: RunRecord) -> bool:
    """Whether runs of their own may be at work for this one right now."""
    return not record.ended and any(_is_with_children(step, record.id) for step in record.steps)


def is_run(call: ToolCallRecord, run_id: str) -> bool:
    """Whether a tool call of this run is done by a run of its own, whose id is the call's then."""
    return call.id.startswith(f"{run_id}-")


def _is_with_children(step: StepRecord, run_id: str) -> bool:
    if step.phase != "Running":
        return False
    delegated = any(call.completion_time is None and is_run(call, run_id) for call in step.tool_calls)
    return delegated or bool(step.child or step.branches)


def _tool_call(record: RunRecord, awaiting: Awaiting) -> ToolCallRecord | None:
    try:
        calls = record.step(awaiting.step).tool_calls
    except KeyError:  # a part of a step that the record has no room for
        return None
    return next((call for call in calls if call.id == awaiting.id), None)
