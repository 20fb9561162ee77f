"""What every tool is called with and answers, wherever it lives."""

from typing import Literal

from pydantic import Field, JsonValue

from ark_temporal.wire import FrozenWire

Effect = Literal["read", "idempotent", "unsafe"]
"""What a call may do to the world: nothing, the same again with the same key, or something new each time."""

ToolErrorType = Literal[
    "ToolUnreachable",
    "ToolConnectionLost",
    "ToolTimeout",
    "ToolBadReply",
    "ToolReplyTooLarge",
    "ToolForbidden",
    "ToolNotConfigured",
]
"""The `type` of an error. It is public: it stands in histories and in run records."""


class ToolInfo(FrozenWire):
    """A tool as a run sees it.

    Attributes:
        name: As the model sees it, for example `incidents__search`.
        description: What it does, for the model.
        input_schema: JSON Schema of its arguments; the root is an object.
        effect: What a call may do to the world.
        server: The MCP server that has it; empty for other tools.
        remote_name: What its server calls it; empty for other tools.
        timeout_seconds: The longest that one call takes, where the tool itself says so; else 0.
    """

    name: str
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    effect: Effect = "unsafe"
    server: str = ""
    remote_name: str = ""
    timeout_seconds: float = 0


class ToolAnswer(FrozenWire):
    """What a tool answered: for the model, as text.

    Attributes:
        content: The answer, or what went wrong in words that help the model to do better.
        is_error: Whether the tool says that it failed.
        unauthorised: Whether it refused the credentials, and did nothing.
    """

    content: str = ""
    is_error: bool = False
    unauthorised: bool = False


class ToolError(Exception):
    """A call that brought no answer: the infrastructure's fault, not the tool's word.

    Attributes:
        type: Stable name of the kind of failure.
        sent: Whether the call may have reached the tool and taken effect.
        retryable: Whether the same call may succeed later. Temporal does the retrying.
    """

    def __init__(self, type: ToolErrorType, message: str, *, sent: bool, retryable: bool) -> None:
        super().__init__(message)
        self.type: ToolErrorType = type
        self.sent = sent
        self.retryable = retryable
