"""Temporal's failures, in the words of a run record."""

from typing import cast

from pydantic import JsonValue
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError, TimeoutError, TimeoutType

from ark_temporal.plan.calls import CallFailure, ChildOutcome, ModelCall, Request
from ark_temporal.plan.record import RunError, TokenUsage

_TIMEOUTS = {
    TimeoutType.START_TO_CLOSE: "an attempt took longer than its timeoutSeconds",
    TimeoutType.SCHEDULE_TO_CLOSE: "all attempts together took too long",
    TimeoutType.SCHEDULE_TO_START: "no worker took it in time",
    TimeoutType.HEARTBEAT: "its worker stopped answering",
}

_CHILD_ENDS = (
    (CancelledError, "Cancelled", "It was cancelled."),
    (TerminatedError, "Terminated", "It was terminated."),
    (TimeoutError, "TimedOut", "It was stopped by the execution timeout of its Temporal workflow."),
)


def call_failure(cause: BaseException | None, request: Request | None = None) -> CallFailure:
    """Say why a request came to nothing, from the failure that Temporal recorded for it.

    Args:
        cause: What Temporal says.
        request: What was asked; None where it was the workflow itself that failed.
    """
    if isinstance(cause, ApplicationError):
        details = cause.details
        attempt = details[0] if details and isinstance(details[0], int) else 0
        sent = details[1] if len(details) > 1 and isinstance(details[1], bool) else True
        return CallFailure(type=cause.type or "Error", message=cause.message, attempt=attempt, sent=sent)
    if isinstance(cause, TimeoutError):
        why = _TIMEOUTS.get(cause.type) if cause.type else None
        last = f" Before that: {cause.cause}." if cause.cause else ""
        kind = "ModelTimeout" if isinstance(request, ModelCall) else "ToolTimeout"
        sent = cause.type != TimeoutType.SCHEDULE_TO_START
        return CallFailure(type=kind, message=f"The call timed out: {why or cause}.{last}", sent=sent)
    if isinstance(cause, CancelledError):
        return CallFailure(type="Cancelled", message="The call was cancelled.")
    return CallFailure(type=type(cause).__name__, message=str(cause) or "The call failed.")


def child_failure(cause: BaseException | None) -> ChildOutcome:
    """Say why a run below another did not succeed, and what it used, from what Temporal recorded."""
    for kind, type_, message in _CHILD_ENDS:
        if isinstance(cause, kind):
            return ChildOutcome(error=RunError(type=type_, message=message))
    if not isinstance(cause, ApplicationError):
        return ChildOutcome(
            error=RunError(type="WorkflowFailed", message="It failed without a reason of ours.")
        )
    told: object = cause.details[0] if cause.details else None
    details = cast("dict[str, JsonValue]", told) if isinstance(told, dict) else {}
    usage = details.get("tokenUsage")
    cost = details.get("costUsd")
    kind = details.get("type")
    return ChildOutcome(
        token_usage=TokenUsage.model_validate(usage) if usage is not None else TokenUsage(),
        cost_usd=cost if isinstance(cost, float) else None,
        error=RunError(type=kind if isinstance(kind, str) else cause.type or "Error", message=cause.message),
    )


def subtask_not_started(id: str) -> CallFailure:
    """Temporal refuses a child workflow for one reason: its id is taken."""
    message = f'Subtask "{id}" was not started: another workflow has its id.'
    return CallFailure(type="SubtaskNotStarted", message=message, sent=False)
