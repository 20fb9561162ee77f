"""The run record: one model of what a run did, for live and finished runs alike.

It is also the state that `progress` works on, so that what a run shows and what a run decides cannot differ.
"""

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.llm.types import Usage
from ark_temporal.tools.types import Effect
from ark_temporal.wire import FrozenWire, Wire

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RunPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Terminated"]
StepPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Skipped", "Cancelled"]
Purpose = Literal["task", "repair", "validate"]

Verdict = Literal["retry", "answer", "reject"]

RunReason = Literal[
    "StepFailed",
    "TimedOut",
    "BudgetExceeded",
    "OutputFailed",
    "InvalidInput",
    "Cancelled",
    "Terminated",
    "WorkflowFailed",
]
"""Why a run did not succeed. Public: it is also the type of the workflow's failure."""


class RunError(Wire):
    """What went wrong, in a stable type and a full sentence.

    Attributes:
        type: The kind of failure, for programs.
        message: The sentence, for people.
        step: The step it happened in, if any.
        call: The call it happened in, if any.
        attempt: Which attempt of that call was the last one; 0 where it does not apply.
    """

    type: str
    message: str
    step: str | None = None
    call: str | None = None
    attempt: int = 0


class TokenUsage(Wire):
    """Tokens by class, as ArkRun names them. `totalTokens` is input and output together."""

    always: ClassVar[frozenset[str]] = frozenset({"input_tokens", "output_tokens", "total_tokens"})

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def add(self, usage: Usage) -> None:
        """Count one more call."""
        self.input_tokens += usage.input_tokens
        self.cached_input_tokens += usage.cached_input_tokens
        self.cache_write_tokens += usage.cache_write_tokens
        self.output_tokens += usage.output_tokens
        self.reasoning_tokens += usage.reasoning_tokens
        self.total_tokens += usage.total_tokens


class CallRecord(Wire):
    """One model call of a step, all its attempts taken together.

    Attributes:
        id: The id of its Temporal activity.
        iteration: Which iteration of the step's loop it belongs to, from 1.
        attempts: How often Temporal tried; known once it ended.
        problems: What was wrong with its answer, where it had to be asked again.
        cost_usd: None where the model's price is not known.
    """

    id: str
    purpose: Purpose = "task"
    iteration: int = 1
    start_time: datetime
    completion_time: datetime | None = None
    attempts: int = 0
    model: str = ""
    provider: str = ""
    request_id: str = ""
    stop_reason: str = ""
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
    problems: list[str] = Field(default_factory=list[str])
    error: RunError | None = None


class ToolCallRecord(Wire):
    """One tool call of a step, all its attempts taken together.

    Attributes:
        id: The id of its Temporal activity; of a child workflow where it started one.
        model_call: The model call that asked for it.
        arguments: As JSON; cut where it is long.
        key: Its idempotency key.
        attempts: How often Temporal tried; known once it ended.
        result: What it answered; cut where it is long.
    """

    id: str
    tool: str
    model_call: str
    iteration: int = 1
    arguments: str = ""
    effect: Effect | None = None
    key: str = ""
    start_time: datetime
    completion_time: datetime | None = None
    attempts: int = 0
    result: str = ""
    is_error: bool = False
    error: RunError | None = None


class StepRecord(Wire):
    """What one step did.

    Attributes:
        iterations: Executions of the step; above 1 only in a loop.
        validation_attempts: Answers that were checked.
        prompt: The prompt of the latest iteration, as the model saw it.
        output: The latest answer; `data` is its JSON where a schema asked for one.
        message: Why it was skipped, cancelled or failed, in a sentence.
        cost_usd: Of all calls whose price is known; None where none is.
    """

    always: ClassVar[frozenset[str]] = frozenset({"phase", "output", "token_usage"})

    name: str
    role: str
    phase: StepPhase = "Pending"
    start_time: datetime | None = None
    completion_time: datetime | None = None
    iterations: int = 0
    validation_attempts: int = 0
    model: str = ""
    prompt: str = ""
    output: str = ""
    data: JsonValue = None
    message: str = ""
    warnings: list[str] = Field(default_factory=list[str])
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
    error: RunError | None = None
    calls: list[CallRecord] = Field(default_factory=list[CallRecord])
    tool_calls: list[ToolCallRecord] = Field(default_factory=list[ToolCallRecord])


class Awaiting(Wire):
    """Something that a run waits for a person to decide.

    Attributes:
        id: What a decision names; of the tool call whose outcome nobody knows.
        message: What happened and what is asked.
        decisions: What may be decided.
    """

    always: ClassVar[frozenset[str]] = frozenset({"decisions"})

    id: str
    step: str
    message: str
    since: datetime
    decisions: tuple[Verdict, ...] = ("retry", "answer", "reject")


class Decision(FrozenWire):
    """What a person decides: the argument of the update `decide`. Public.

    Attributes:
        id: What it is about.
        decision: Call the tool again with the same key, go on with `text` as its answer, or fail the step.
        text: The tool's answer, for `answer`.
        by: Who decides.
        comment: Why.
    """

    id: str
    decision: Verdict
    text: str = ""
    by: str = ""
    comment: str = ""


class RunRecord(Wire):
    """What a run did, from its start to now or to its end.

    Attributes:
        id: The workflow's id.
        plan: Digest of the plan.
        prices_as_of: Date of the price table behind the costs.
        cost_usd: Of all calls whose price is known; None where none is.
    """

    always: ClassVar[frozenset[str]] = frozenset({"phase", "output", "token_usage", "input", "cost_usd"})

    id: str = ""
    team: str
    namespace: str = "default"
    plan: str
    phase: RunPhase = "Pending"
    reason: str = ""
    input: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    start_time: datetime
    completion_time: datetime | None = None
    output: str = ""
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
    prices_as_of: str = ""
    error: RunError | None = None
    awaiting: list[Awaiting] = Field(default_factory=list[Awaiting])
    steps: list[StepRecord]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.phase not in ("Pending", "Running")

    def step(self, name: str) -> StepRecord:
        """The record of the step of that name.

        Raises:
            KeyError: There is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def at_nanoseconds(nanoseconds: int) -> datetime:
    """The moment so long after 1970, to the millisecond below.

    A workflow's clock as a `datetime` went through a float, and would round some moments up that a history
    does not.
    """
    return _EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)


def to_milliseconds(moment: datetime) -> datetime:
    """The moment, to the millisecond below."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
