"""Temporal's failures, in the words of a run record."""

from temporalio.exceptions import ApplicationError, CancelledError, TimeoutError, TimeoutType

from ark_temporal.plan.calls import CallFailure

_TIMEOUTS = {
    TimeoutType.START_TO_CLOSE: "an attempt took longer than the role's limits.timeoutSeconds",
    TimeoutType.SCHEDULE_TO_CLOSE: "all attempts together took too long",
    TimeoutType.SCHEDULE_TO_START: "no worker took it in time",
    TimeoutType.HEARTBEAT: "its worker stopped answering",
}


def call_failure(cause: BaseException | None) -> CallFailure:
    """Say why an activity gave no result, from the failure that Temporal recorded for it."""
    if isinstance(cause, ApplicationError):
        attempt = cause.details[0] if cause.details and isinstance(cause.details[0], int) else 0
        return CallFailure(type=cause.type or "Error", message=cause.message, attempt=attempt)
    if isinstance(cause, TimeoutError):
        why = _TIMEOUTS.get(cause.type) if cause.type else None
        last = f" Before that: {cause.cause}." if cause.cause else ""
        return CallFailure(type="ModelTimeout", message=f"The call timed out: {why or cause}.{last}")
    if isinstance(cause, CancelledError):
        return CallFailure(type="Cancelled", message="The call was cancelled.")
    return CallFailure(type=type(cause).__name__, message=str(cause) or "The call failed.")
