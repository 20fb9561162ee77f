"""What every language model is asked and what it answers, whoever provides it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.wire import FrozenWire

Provider = Literal["anthropic", "openai", "openai-compatible", "gemini", "mock"]
"""Who answers. `openai` speaks the Responses API; `openai-compatible` speaks Chat Completions."""

StopReason = Literal["end", "max_tokens", "tool_use", "stop_sequence", "refusal", "context_length", "other"]
"""Why the model stopped, in one vocabulary for all providers."""


class ToolSpec(FrozenWire):
    """A tool the model may call.

    Attributes:
        name: As the model sees it, for example `incidents__search`.
        description: What it does, for the model.
        input_schema: JSON Schema of its arguments; the root is an object.
    """

    name: str
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class ToolCall(FrozenWire):
    """One call the model asked for.

    Attributes:
        id: As the provider gave it, or made up where it gave none; no two calls of a message share one.
        problem: What is wrong with the arguments that the model wrote, in a sentence for the model; empty
            when they can be used. With a problem `arguments` is empty, and no tool may be called: the
            problem is the call's result, as an error.
    """

    id: str
    name: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    problem: str = ""


class ToolResult(FrozenWire):
    """What a tool answered to one call."""

    call_id: str
    name: str
    content: str
    is_error: bool = False


class NativeBlocks(FrozenWire):
    """The provider's own form of an assistant message.

    Reasoning and signature blocks must go back unchanged to the model that made them; another model gets the
    neutral form instead.

    Attributes:
        provider: Who made them.
        model: The model that was asked.
        blocks: What it said, in its own order.
    """

    provider: Provider
    model: str = ""
    blocks: list[JsonValue]


class UserMessage(FrozenWire):
    """Something said to the model."""

    always: ClassVar[frozenset[str]] = frozenset({"role"})

    role: Literal["user"] = "user"
    text: str


class AssistantMessage(FrozenWire):
    """Something the model said, with the tool calls it asked for."""

    always: ClassVar[frozenset[str]] = frozenset({"role"})

    role: Literal["assistant"] = "assistant"
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    native: NativeBlocks | None = None


class ToolMessage(FrozenWire):
    """The results of all tool calls of one turn."""

    always: ClassVar[frozenset[str]] = frozenset({"role"})

    role: Literal["tool"] = "tool"
    results: tuple[ToolResult, ...]


Message = Annotated[UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Usage(FrozenWire):
    """Tokens of one or several calls, by class.

    Attributes:
        input_tokens: All tokens read, cached ones included.
        cached_input_tokens: The part of `input_tokens` read from the provider's prompt cache.
        cache_write_tokens: The part of `input_tokens` written to the provider's prompt cache.
        output_tokens: All tokens generated, reasoning included.
        reasoning_tokens: The part of `output_tokens` spent on reasoning.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """The usage of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


class CallContext(FrozenWire):
    """Where in a run a call stands.

    The mock's script selects on it. Of real providers, OpenAI gets a digest of the run and the role, to find
    the conversation in its cache; the others get nothing of it.

    Attributes:
        role: The role that speaks.
        purpose: Why it is asked: to do the task, to mend its output, to judge an output, to choose a route,
            or to say that it is well.
        call: How many calls this role made before in this run, by the same purpose; 0 is the first.
        run: Id of the run; empty outside of one.
        private_system: Whether the system prompt comes from a Secret, so that nothing of it may be repeated.
    """

    role: str = ""
    purpose: Literal["task", "repair", "validate", "route", "probe"] = "task"
    call: int = 0
    run: str = ""
    private_system: bool = False


class ModelRequest(FrozenWire):
    """One question to a model.

    Attributes:
        model: The provider's model name.
        system: System prompt; empty for none.
        messages: The conversation so far; the last one is not the assistant's.
        tools: What the model may call.
        output_schema: JSON Schema (as parsed) that the answer must satisfy; None for free text. The root may
            be any type.
        max_output_tokens: The most the model may generate.
        temperature: 0.0 to 1.0; None leaves the provider's default.
        timeout_seconds: How long the whole call may take.
        context: Where in a run this call stands.
    """

    model: str
    system: str = ""
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    output_schema: JsonValue = None
    max_output_tokens: int = 8000
    temperature: float | None = None
    timeout_seconds: float = 120.0
    context: CallContext = CallContext()


class ModelReply(FrozenWire):
    """What a model answered.

    Attributes:
        message: The assistant's message, ready to be sent back in the next turn.
        stop_reason: Why it stopped.
        usage: Tokens of this call.
        model: The model that answered, as the provider names it.
        provider: Who answered.
        request_id: The provider's own id of the call, for its support; empty when it gave none.
        warnings: What of the request could not be honoured, in full sentences.
    """

    message: AssistantMessage
    stop_reason: StopReason = "end"
    usage: Usage = Usage()
    model: str
    provider: Provider
    request_id: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.message.text
