"""What a step asks people, and what it says when they refuse."""

from ark_temporal.plan.record import Awaiting, AwaitingKind, Decision, RunError

QUESTIONS: dict[AwaitingKind, str] = {
    "approval": 'May step "{step}" begin? It is about to ask what is shown.',
    "output": 'Is the output of step "{step}" good?',
    "tool": 'May step "{step}" call this tool?',
    "question": 'Step "{step}" needs an answer before it begins.',
    "failed-step": (
        'Step "{step}" failed. `retry` does it once more, with another prompt or model if you give one; '
        "`answer` goes on with the output that you give; `reject` fails the run."
    ),
    "tool-outcome": 'Nobody knows whether a tool call of step "{step}" took effect.',
}
"""What people are asked where the gate has no message of its own."""


def rejected(waited: Awaiting, decision: Decision | None) -> RunError:
    """A person, or time where there is no decision, said no."""
    what = {"output": "the output of", "question": "the question of", "failed-step": "the failed"}.get(
        waited.kind, ""
    )
    who = (decision.by or "A person") if decision else "Nobody decided in time, so that time"
    why = f": {decision.comment}" if decision and decision.comment else "."
    failed = f" It had failed: {waited.subject}" if waited.kind == "failed-step" else ""
    message = f'{who} rejected {what + " " if what else ""}step "{waited.step}"{why}{failed}'
    return RunError(type="Rejected", message=message, step=waited.step)


def timed_out(waited: Awaiting) -> RunError:
    """Nobody decided in time, and that is a failure here."""
    message = f'Nobody decided "{waited.id}" in time, and its `onTimeout` says that the step fails then.'
    return RunError(type="ApprovalTimedOut", message=message, step=waited.step)
