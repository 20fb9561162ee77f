"""What the command's exit code says. Public: scripts rely on it."""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord


class ExitCode(IntEnum):
    """How a command ended.

    5 and 7 are about runs that ask a person, who said no, or is not waited for. 70 and 141 are what other
    programs use for the same: a bug in the program, and nobody reading its output (128 + SIGPIPE).
    """

    SUCCEEDED = 0
    FAILED = 1
    USAGE = 2
    GOES_ON = 3
    NO_CONNECTION = 4
    REJECTED = 5
    BUDGET_EXCEEDED = 6
    WAITING = 7
    CANCELLED = 8
    TIMED_OUT = 9
    INTERNAL = 70
    INTERRUPTED = 130
    UNREAD = 141


EXIT_CODES_HELP = (
    "Exit codes: 0 succeeded, 1 the run failed, 2 usage or manifest invalid, 3 the run goes on (detached, or "
    "watched long enough), 4 cannot connect or not authorised, 5 rejected by a person, 6 token budget "
    "used up, 7 waiting for a person, 8 cancelled or terminated, 9 the run took longer than it may."
)

_REJECTIONS = frozenset({"ToolOutcomeUnknown", "Rejected"})
"""Errors that runs fail with when a person said no."""

_BY_REASON = {"BudgetExceeded": ExitCode.BUDGET_EXCEEDED, "TimedOut": ExitCode.TIMED_OUT}
_BY_PHASE = {
    "Succeeded": ExitCode.SUCCEEDED,
    "Failed": ExitCode.FAILED,
    "Cancelled": ExitCode.CANCELLED,
    "Terminated": ExitCode.CANCELLED,
}


def exit_code(record: "RunRecord") -> ExitCode:
    """The exit code of a command that followed this run as far as the record goes."""
    if record.error is not None and record.error.type in _REJECTIONS:
        return ExitCode.REJECTED
    return _BY_REASON.get(record.reason) or _BY_PHASE.get(record.phase, ExitCode.GOES_ON)
