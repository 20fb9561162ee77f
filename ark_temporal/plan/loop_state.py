"""How far an agent is with a task."""

from datetime import datetime

from pydantic import Field

from ark_temporal.plan.calls import GivenResult, ToolInvocation
from ark_temporal.plan.conversation import Turn
from ark_temporal.wire import Wire


class LoopState(Wire):
    """All that a loop knows; what it carries over when a run continues as new.

    Attributes:
        role: Whose task it is.
        began: When the model was first asked; before that, when the task began.
        prompt: What is asked, as templates rendered it.
        recalled: What memory had to say; None while it is not known.
        turns: The answered model calls of the conversation.
        given: Results of the last answer's tool calls that no activity has.
        retries: How often an answer was not accepted.
        unknown: Tool calls of which nobody knows whether they took effect, by id.
        held: Tool calls that people have to approve first, by the question's id.
        waited_ms: How long the task waited for people, and for those to whom it handed tasks.
        waiting_since: Since when it does so now.
    """

    step: str
    role: str = ""
    began: datetime
    prompt: str
    recalled: tuple[str, ...] | None = None
    turns: list[Turn] = Field(default_factory=list[Turn])
    given: list[GivenResult] = Field(default_factory=list[GivenResult])
    retries: int = 0
    unknown: dict[str, ToolInvocation] = Field(default_factory=dict[str, ToolInvocation])
    held: dict[str, ToolInvocation] = Field(default_factory=dict[str, ToolInvocation])
    waited_ms: int = 0
    waiting_since: datetime | None = None
