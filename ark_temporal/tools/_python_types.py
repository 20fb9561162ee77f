"""What authors of Python tools meet beside the decorator."""

from dataclasses import dataclass

from ark_temporal.tools.types import ToolError


@dataclass(frozen=True)
class ToolContext:
    """Who calls a Python tool. A parameter with this annotation is filled in, and no model sees it.

    Attributes:
        idempotency_key: The same at each attempt of one intended call, another for each other call.
        run_id: The run that the call belongs to.
        attempt: Which attempt this is, from 1.
        role: The role of the agent that calls.
    """

    idempotency_key: str = ""
    run_id: str = ""
    attempt: int = 1
    role: str = ""


class ToolsError(ValueError):
    """Python tools that cannot be used as they are written or named."""


class RetryableToolError(ToolError):
    """Raised by a Python tool that changed nothing and may succeed later: the call is tried again."""

    def __init__(self, message: str) -> None:
        super().__init__("ToolUnreachable", message, sent=False, retryable=True)
