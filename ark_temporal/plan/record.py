"""The run record: one model of what a run did, for live and finished runs alike.

It is also the state that `progress` works on, so that what a run shows and what a run decides cannot differ.
"""

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.llm.types import Usage
from ark_temporal.plan.causes import Cause
from ark_temporal.plan.people import GatePlan
from ark_temporal.tools.types import Effect
from ark_temporal.wire import FrozenWire, Wire

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RunPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Cancelled", "Terminated"]
StepPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Skipped", "Cancelled"]
Purpose = Literal["task", "repair", "validate", "route"]

Verdict = Literal["retry", "answer", "reject", "approve", "edit"]
AwaitingKind = Literal["tool-outcome", "approval", "output", "tool", "question", "failed-step"]

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

    def add(self, usage: "Usage | TokenUsage") -> None:
        """Count one more call, or all of several."""
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
        answer: What a person answered to its question.
        message: Why it was skipped, cancelled or failed, in a sentence.
        resolved_agent: Who did it, where that was chosen when the step ran.
        selected_capability: What a router, or a lookup, wanted done.
        routing_reason: Why it was chosen so.
        edited: What people put in the place of what was to be asked.
        child: The run that did it, where that is one of its own.
        restarts: How often people had it done once more after it had failed.
        reused_from: The run that did it, where this one took its result over.
        parts: How many parts it is done in; 0 where it is one.
        branches: The parts that have begun.
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
    answer: JsonValue = None
    message: str = ""
    resolved_agent: str = ""
    selected_capability: str = ""
    routing_reason: str = ""
    edited: str = ""
    child: str = ""
    restarts: int = 0
    reused_from: str = ""
    parts: int = 0
    warnings: list[str] = Field(default_factory=list[str])
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
    error: RunError | None = None
    calls: list[CallRecord] = Field(default_factory=list[CallRecord])
    tool_calls: list[ToolCallRecord] = Field(default_factory=list[ToolCallRecord])
    branches: list["StepRecord"] = Field(default_factory=list["StepRecord"])


class Vote(Wire):
    """One approval of several that are needed."""

    by: str
    at: datetime
    comment: str = ""


class Awaiting(Wire):
    """Something that a run waits for a person to decide.

    Attributes:
        id: What a decision names.
        kind: Whether it is about a tool call whose outcome nobody knows, about going on with a step, its
            output, a tool call, a question, or a step that failed.
        message: What happened and what is asked.
        subject: What is decided about, exactly: a prompt, an output, a tool call as JSON, an error.
        digest: Of the subject; a decision that approves or edits names it, so that it is about nothing else.
        edited: Whether people have changed the subject.
        decisions: What may be decided.
        gate: The gate that asks; None where no gate does.
        approvers: Who may decide by now; none named means anybody.
        votes: The approvals so far, where several are needed.
        answer_schema: JSON Schema that an answer or an edit must match.
        tier: How often it was escalated.
        reminders: How often people were reminded.
        deadline: When the time of those who may decide now is up.
        remind_at: When people are reminded next.
    """

    always: ClassVar[frozenset[str]] = frozenset({"decisions"})

    id: str
    step: str
    kind: AwaitingKind = "tool-outcome"
    message: str
    subject: str = ""
    digest: str = ""
    edited: bool = False
    since: datetime
    decisions: tuple[Verdict, ...] = ("retry", "answer", "reject")
    gate: GatePlan | None = None
    approvers: tuple[str, ...] = ()
    votes: list[Vote] = Field(default_factory=list[Vote])
    answer_schema: JsonValue = None
    tier: int = 0
    reminders: int = 0
    deadline: datetime | None = None
    remind_at: datetime | None = None


class Said(FrozenWire):
    """What a person says about a question: the argument of the signals `approve` and `reject`. Public.

    Attributes:
        id: What it is about; may be left out where `digest` says it.
        digest: What was seen: the digest of the subject, or its first eight characters and more. To approve
            or edit it is needed.
        text: The answer in words, for `answer`; the edited subject, for `edit`; the corrected prompt, for
            `retry` of a failed step.
        value: The same as JSON, where it is JSON; wins over `text`.
        model: Another model, for `retry` of a failed step.
        by: Who decides.
        comment: Why.
    """

    id: str = ""
    digest: str = ""
    text: str = ""
    value: JsonValue = None
    model: str = ""
    by: str = ""
    comment: str = ""

    def as_decision(self, decision: Verdict) -> "Decision":
        """The same as the argument of `decide`."""
        return Decision(decision=decision, **self.model_dump(by_alias=False))


class Decision(Said):
    """What a person decides: the argument of the update `decide`. Public."""

    decision: Verdict


class DecisionTaken(FrozenWire):
    """What became of a decision: the answer of the update `decide`. Public.

    Attributes:
        closed: Whether it is decided now; else more approvals are needed.
        message: The same in a sentence.
    """

    closed: bool = True
    message: str = ""


class Control(FrozenWire):
    """Hold a run up, or let it go on: the argument of the signals `pause` and `resume`. Public."""

    action: Literal["pause", "resume"] = "pause"
    by: str = ""
    comment: str = ""


class DecisionRecord(Wire):
    """What was decided, by whom and when.

    Attributes:
        subject: What was approved, where it was edited before; else empty, and `digest` names what was seen.
        by: A person; empty where time decided.
    """

    id: str
    step: str
    kind: AwaitingKind
    decision: Verdict | Literal["fail"]
    digest: str = ""
    subject: str = ""
    by: str = ""
    comment: str = ""
    at: datetime
    votes: list[Vote] = Field(default_factory=list[Vote])


class RunRecord(Wire):
    """What a run did, from its start to now or to its end.

    Attributes:
        id: The workflow's id.
        plan: Digest of the plan.
        prices_as_of: Date of the price table behind the costs.
        cost_usd: Of all calls whose price is known; None where none is.
        paused_since: Since when it is held up.
        submitted_by: Who started it.
        reused_from: The run whose results it took over.
        cause: The event that has started it.
        trace: Id of the trace that it is a part of, 32 characters of hex.
        refused: Decisions by signal that were not taken, which nobody else would tell.
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
    decisions: list[DecisionRecord] = Field(default_factory=list[DecisionRecord])
    paused_since: datetime | None = None
    submitted_by: str = ""
    reused_from: str = ""
    cause: Cause | None = None
    trace: str = ""
    refused: list[str] = Field(default_factory=list[str])
    steps: list[StepRecord]

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.phase not in ("Pending", "Running")

    def step(self, name: str) -> StepRecord:
        """The record of the step of that name, or of a part of one, such as `review[3]`.

        Raises:
            KeyError: There is none.
        """
        whole = name.partition("[")[0]
        for step in self.steps:
            if step.name == whole:
                return step if name == whole else _part(step, name)
        raise KeyError(name)


def _part(step: StepRecord, name: str) -> StepRecord:
    for part in step.branches:
        if part.name == name:
            return part
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
