"""Scripts that tell the mock what to answer."""

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from ark_temporal.llm.errors import ModelError, ModelErrorType
from ark_temporal.llm.types import StopReason
from ark_temporal.wire import FrozenWire

MAX_DELAY_SECONDS = 86_400.0
MAX_REPEAT = 1000
MAX_TURNS = 100_000

_RETRYABLE: frozenset[ModelErrorType] = frozenset(
    {
        "ModelRateLimited",
        "ModelOverloaded",
        "ModelUnavailable",
        "ModelConnectionError",
        "ModelTimeout",
        "ModelBadReply",
    }
)


class ScriptedToolCall(FrozenWire):
    """A tool call that the model is to ask for.

    Attributes:
        name: The tool, as the model sees it, for example `incidents__search`.
        arguments: What it is called with. In texts `$turn` is the rule's turn in the conversation, and `$n`
            the call among those of `repeat`, both from 0; a text that is only one of them becomes a number.
        repeat: How many of these calls the model asks for at once.
    """

    name: str = Field(min_length=1)
    arguments: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT)


class ScriptedUsage(FrozenWire):
    """Tokens to report instead of the estimate; what is left out is estimated."""

    input_tokens: int | None = Field(default=None, ge=0)
    output_tokens: int | None = Field(default=None, ge=0)


class ScriptedFailure(FrozenWire):
    """An error to raise instead of answering.

    Attributes:
        type: Which error, in the vocabulary of model errors.
        message: What it says.
        retry_after_seconds: What the provider asks to wait before the next attempt.
        retryable: Whether the same call may succeed later; None takes what is usual for the type.
        attempts: How many attempts of the same call fail before the rule answers; None fails all of them.
    """

    type: ModelErrorType
    message: str = "The mock script makes this call fail."
    retry_after_seconds: float | None = Field(default=None, ge=0, le=MAX_DELAY_SECONDS)
    retryable: bool | None = None
    attempts: int | None = Field(default=None, ge=1)

    def error(self) -> ModelError:
        """The error to raise."""
        retryable = self.type in _RETRYABLE if self.retryable is None else self.retryable
        return ModelError(self.type, self.message, retryable=retryable, retry_after=self.retry_after_seconds)


class MockRule(FrozenWire):
    """When to answer, and what. A condition that is left out holds for every call.

    Attributes:
        role: The role that speaks, exactly or as a shell pattern (`research*`).
        purpose: Why it is asked.
        call: Which of the role's calls of this purpose in the run; 0 is the first.
        contains: Text that must occur in what was said to the model, in any case.
        times: How often the rule may be used, counted in this process.
        reply: The answer: text, or a JSON value that is written as JSON. None leaves it to the mock.
        tool_calls: Tool calls to ask for.
        turns: In how many turns of a conversation they are asked for.
        delay_seconds: How long to wait first; None takes the script's default.
        fail: The error to raise.
        usage: Tokens to report.
        stop_reason: Why the model stopped; None takes `tool_use` with tool calls, else `end`.
        model: Name of the model that answered; None takes the one that was asked.
    """

    role: str | None = None
    purpose: Literal["task", "repair", "validate", "route", "probe"] | None = None
    call: int | None = Field(default=None, ge=0)
    contains: str | None = None
    times: int | None = Field(default=None, ge=1)
    reply: JsonValue = None
    tool_calls: tuple[ScriptedToolCall, ...] = ()
    turns: int = Field(default=1, ge=1, le=MAX_TURNS)
    delay_seconds: float | None = Field(default=None, ge=0, le=MAX_DELAY_SECONDS)
    fail: ScriptedFailure | None = None
    usage: ScriptedUsage | None = None
    stop_reason: StopReason | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        effects = ("reply", "tool_calls", "delay_seconds", "fail", "usage", "stop_reason", "model")
        if not self.model_fields_set.intersection(effects):
            raise ValueError(
                "the rule says when but not what: give it reply, toolCalls, fail or delaySeconds"
            )
        if "turns" in self.model_fields_set and not self.tool_calls:
            raise ValueError("turns says how often toolCalls are asked for, and there are none; add them")
        return self


class ScriptDefaults(FrozenWire):
    """What holds where a rule says nothing.

    Attributes:
        delay_seconds: How long every answer takes.
    """

    delay_seconds: float = Field(default=0, ge=0, le=MAX_DELAY_SECONDS)


class MockScript(FrozenWire):
    """What the mock answers. The first rule that matches wins, then the first of `replies`.

    Attributes:
        rules: Rules, in order.
        replies: The short form: text that must occur in what was said to the model, and the answer.
        defaults: What holds where a rule says nothing.
    """

    rules: tuple[MockRule, ...] = ()
    replies: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    defaults: ScriptDefaults = ScriptDefaults()

    def all_rules(self) -> tuple[MockRule, ...]:
        """The rules, and behind them `replies` as rules."""
        short = (MockRule(contains=text, reply=reply) for text, reply in self.replies.items())
        return (*self.rules, *short)
