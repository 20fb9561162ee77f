"""How much work one made-up answer may cost, whatever the schema says."""

from contextvars import ContextVar


class CannotAnswerError(Exception):
    """The mock cannot make an answer for a schema.

    Attributes:
        at: JSON pointer of the place in the schema, for example `#/properties/id/pattern`.
        reason: A clause that follows the place in a sentence.
    """

    def __init__(self, at: str, reason: str) -> None:
        super().__init__(f"{at}: {reason}")
        self.at = at
        self.reason = reason


class DeadEndError(CannotAnswerError):
    """This part has no value; another branch of the schema may have one."""


class BudgetSpentError(CannotAnswerError):
    """The work is over the limit; no other branch is tried."""


class Budget:
    """Steps left. One step is a keyword checked or a part of a schema looked at: some microseconds."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps.

        Raises:
            BudgetSpentError: There are not so many left.
        """
        self.left -= steps
        if self.left < 0:
            raise BudgetSpentError("#", "its answer is too large, or its alternatives are too many to try")


current_budget: ContextVar[Budget] = ContextVar("current_budget")
"""What the validator's keywords draw on; jsonschema offers no way to hand it to them."""
