"""What passes between a run and the world: what it asks for, and how that came out.

Every request is the input of one Temporal activity, or starts one child workflow; its id is theirs. Requests
hold names of secrets, never their values.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.llm.types import NativeBlocks, Provider, StopReason, ToolCall, ToolSpec, Usage
from ark_temporal.plan.model import EnvSource, Plan, PromptPart
from ark_temporal.plan.people import NotifyPlan
from ark_temporal.plan.record import Control, Decision, Purpose, RunError, TokenUsage
from ark_temporal.plan.tools import McpServerPlan, MemoryPlan, ToolPlan
from ark_temporal.tools.types import Effect, ToolInfo
from ark_temporal.wire import FrozenWire


class OutputChecks(FrozenWire):
    """What the worker checks about an answer before it is accepted."""

    output_schema: JsonValue = None
    json_schema: JsonValue = None
    contains: str | None = None
    reject_patterns: tuple[str, ...] = ()


class GivenResult(FrozenWire):
    """A tool call's result that no activity brought, by the call's place in its turn."""

    index: int
    content: str
    is_error: bool = False


class ModelCall(FrozenWire):
    """One model call: the input of the activity `call_model`.

    A conversation's first call says everything. A later one names the call before it and adds what is new:
    the worker finds the rest by that name, so that nothing is sent twice.

    Attributes:
        id: Unique in the run, stable over attempts and replays; also the activity's id.
        call: How many calls of this purpose the role made before in this run.
        turn: Which call of its conversation this is, from 1.
        prompt: What the model is asked first.
        previous: Id of the conversation's call before this one; empty for the first.
        results: Results of the previous answer's tool calls, of those that no activity has.
        feedback: What is said to the previous answer, where it was not accepted.
        tools: What the model may call, as far as the plan knows it.
        tool_lists: Ids of the discoveries that know the rest.
    """

    id: str
    step: str
    role: str
    namespace: str = "default"
    purpose: Purpose = "task"
    iteration: int = 1
    call: int = 0
    turn: int = 1
    provider: Provider | None = None
    model: str
    system: tuple[PromptPart, ...] = ()
    env_from: tuple[EnvSource, ...] = ()
    prompt: str = ""
    previous: str = ""
    results: tuple[GivenResult, ...] = ()
    feedback: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tool_lists: tuple[str, ...] = ()
    max_output_tokens: int = 8000
    temperature: float | None = None
    timeout_seconds: int = 120
    checks: OutputChecks | None = None


class ModelOutcome(FrozenWire):
    """How a model call came out: the result of the activity `call_model`.

    Attributes:
        tool_calls: What the model wants called before it goes on.
        native: The provider's own form of the answer, where the next turn needs it.
        problems: Why the answer is not acceptable; empty when it is.
        schema_problem: Whether one of them is about `outputSchema`, which is always worth asking again for.
        cost_usd: None where the price is not known.
        prices_as_of: Date of the price table; empty without a price.
        attempt: Which attempt of the activity answered.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    native: NativeBlocks | None = None
    stop_reason: StopReason = "end"
    model: str
    provider: Provider
    request_id: str = ""
    usage: Usage = Usage()
    cost_usd: float | None = None
    prices_as_of: str = ""
    problems: tuple[str, ...] = ()
    schema_problem: bool = False
    warnings: tuple[str, ...] = ()
    attempt: int = 1


class ToolInvocation(FrozenWire):
    """One tool call: the input of the activity `call_tool`.

    Attributes:
        model_call: Id of the model call that asked for it.
        index: The call's place in that model call's answer.
        tool: The tool, as the model sees it.
        key: The idempotency key: the same for every attempt of this call, and for no other call.
        declared: The tool as its manifest declares it; None for a tool of an MCP server.
        server: The MCP server that has it.
        remote_name: What that server calls it.
        memory: What a search of memory looks in.
    """

    id: str
    step: str
    role: str
    namespace: str = "default"
    model_call: str
    index: int = 0
    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    key: str
    effect: Effect = "unsafe"
    timeout_seconds: int = 60
    declared: ToolPlan | None = None
    server: McpServerPlan | None = None
    remote_name: str = ""
    memory: MemoryPlan | None = None
    env_from: tuple[EnvSource, ...] = ()


class ToolOutcome(FrozenWire):
    """What a tool answered: the result of the activity `call_tool`."""

    content: str = ""
    is_error: bool = False
    warnings: tuple[str, ...] = ()
    attempt: int = 1


class ToolDiscovery(FrozenWire):
    """Find out what tools there are: the input of the activity `list_tools`.

    Attributes:
        server: The MCP server to ask; None asks the worker for its Python tools.
        python: The Python tools that the agent may call.
    """

    id: str
    step: str
    role: str
    namespace: str = "default"
    server: McpServerPlan | None = None
    python: tuple[ToolPlan, ...] = ()


class ToolList(FrozenWire):
    """The tools that a run sees: the result of the activity `list_tools`."""

    tools: tuple[ToolInfo, ...] = ()
    warnings: tuple[str, ...] = ()


class MemoryRead(FrozenWire):
    """Look up what is remembered about a task: the input of the activity `recall`."""

    id: str
    step: str
    role: str
    namespace: str = "default"
    memory: MemoryPlan
    env_from: tuple[EnvSource, ...] = ()
    query: str


class MemoryWrite(FrozenWire):
    """Remember a task's result: the input of the activity `remember`.

    Attributes:
        entry: The entry's id, so that an attempt after a crash writes nothing twice.
        at: When the task was done.
    """

    id: str
    step: str
    role: str
    namespace: str = "default"
    memory: MemoryPlan
    env_from: tuple[EnvSource, ...] = ()
    entry: str
    at: datetime
    text: str


class MemoryOutcome(FrozenWire):
    """What memory said: the result of the activities `recall` and `remember`."""

    texts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class SubtaskStart(FrozenWire):
    """Start a task that goes on by itself: a child workflow whose id is this one's.

    Attributes:
        kind: Tells it from a `ChildRun`.
        index: The place of the tool call in its turn.
        input: The run's input.
        task: What is to be done, for people.
    """

    always: ClassVar[frozenset[str]] = frozenset({"kind"})

    kind: Literal["subtask"] = "subtask"
    id: str
    step: str
    role: str
    model_call: str
    index: int
    plan: Plan
    input: dict[str, JsonValue]
    task: str
    depth: int


class SubtaskStarted(FrozenWire):
    """A subtask runs."""


class Context(FrozenWire):
    """What a run's templates see besides its own steps: what its parent's did.

    Attributes:
        steps: `output`, `data` and `answer` by step.
    """

    steps: dict[str, dict[str, JsonValue]] = Field(default_factory=dict[str, dict[str, JsonValue]])


class Page(FrozenWire):
    """Part of a map: what a child run works on.

    Attributes:
        items: The part's items.
        offset: The place of the first of them in the whole list.
        context: What the items' templates see of the parent.
    """

    items: list[JsonValue]
    offset: int = 0
    context: Context = Context()


class ChildRun(FrozenWire):
    """Have a run of its own do something, and wait for it: a child workflow whose id is this one's.

    Attributes:
        kind: Tells it from a `SubtaskStart`.
        role: Whose task it is.
        plan: What runs.
        input: The run's input.
        task: What it is about, in a line or more, for people.
        model_call: The model call that delegates; empty where a step does.
        index: The place of the tool call in its turn.
        page: The part of a map that it does.
        max_tokens: What is left of the parent's budget; None where there is none.
        deadline: When the parent's time is up; None where it has no end.
    """

    always: ClassVar[frozenset[str]] = frozenset({"kind"})

    kind: Literal["child"] = "child"
    id: str
    step: str
    role: str
    plan: Plan
    input: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    task: str = ""
    model_call: str = ""
    index: int = 0
    depth: int
    page: Page | None = None
    max_tokens: int | None = None
    deadline: datetime | None = None


class ItemResult(FrozenWire):
    """What came of one item of a map.

    Attributes:
        value: Its data, or its output where it has none.
        error: Why there is nothing.
    """

    value: JsonValue = None
    error: RunError | None = None


class ChildOutcome(FrozenWire):
    """How a run of its own came out.

    Attributes:
        items: Of a part of a map.
        error: Why it did not succeed.
    """

    output: str = ""
    items: tuple[ItemResult, ...] = ()
    token_usage: TokenUsage = TokenUsage()
    cost_usd: float | None = None
    error: RunError | None = None


class Notification(FrozenWire):
    """Tell people something: the input of the activity `notify`.

    Attributes:
        event: What happened, such as `ApprovalRequested`.
        notify: Whom to tell.
        message: The sentence.
        about: What the message's template sees besides, as `.gate` and more.
    """

    id: str
    step: str
    role: str = ""
    namespace: str = "default"
    team: str
    run: str
    event: str
    notify: NotifyPlan
    message: str
    about: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Notified(FrozenWire):
    """People were told: the result of the activity `notify`."""

    warnings: tuple[str, ...] = ()


class CallFailure(FrozenWire):
    """A request that came to nothing after all its attempts.

    Attributes:
        sent: Whether a tool may have taken effect nevertheless.
    """

    type: str
    message: str
    attempt: int = 0
    sent: bool = True


Request = (
    ModelCall
    | ToolInvocation
    | ToolDiscovery
    | MemoryRead
    | MemoryWrite
    | SubtaskStart
    | ChildRun
    | Notification
)
"""What a run asks of the world."""

Outcome = (
    ModelOutcome
    | ToolOutcome
    | ToolList
    | MemoryOutcome
    | SubtaskStarted
    | ChildOutcome
    | Notified
    | CallFailure
)
"""How a request came out."""

Event = Outcome | Decision | Control
"""What reaches a run: how a request came out, by the request's id, or what a person wants."""
