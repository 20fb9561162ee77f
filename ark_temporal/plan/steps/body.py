"""What does a step's work: an agent, a run of its own, or several of these."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from ark_temporal.plan.calls import Event, Request
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.record import Awaiting, Decision, RunError


class NotReadyError(Exception):
    """A step cannot begin.

    Attributes:
        error: Why.
    """

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message)
        self.error = error


class Body(Protocol):
    """Does the work of one iteration of a step. It tells its step when that is done, or has failed."""

    def subject(self) -> str:
        """What it is about to do, exactly, for people who are asked first.

        Raises:
            NotReadyError: It cannot be said, since a template does not render.
        """
        ...

    def prepare(self) -> None:
        """Find out whether it can begin.

        Raises:
            NotReadyError: It cannot.
        """
        ...

    def begin(self, now: datetime) -> None:
        """Begin."""
        ...

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in what became of a request."""
        ...

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Carry out what a person decided about a tool call."""
        ...

    def cancel(self, message: str, now: datetime) -> None:
        """Let go of what is under way beside the step's own requests."""
        ...

    def loops(self) -> Iterable[LoopState]:
        """The tasks to carry over when the run continues as new."""
        ...
