"""From what a provider answered to a `ModelReply`, alike for all providers."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.types import (
    AssistantMessage,
    ModelReply,
    ModelRequest,
    NativeBlocks,
    Provider,
    StopReason,
    ToolCall,
    Usage,
)

MADE_ID: Final = "ark-call-"
"""How a tool call's id begins where the provider gave none."""

_JSON: Final = TypeAdapter[JsonValue](JsonValue)
_CUT_OFF: Final = (
    "The model reached its limit of output tokens in the middle of asking for tools, so its tool calls were "
    "dropped. Raise limits.maxTokensPerCall."
)


class WirePart(BaseModel):
    """A part of a provider's reply, read as far as we need it.

    The SDKs build their own models without validating, so a reply of another shape would fail far from here
    and without a word about why; and only the untouched JSON can be sent back unchanged.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)


Part = TypeVar("Part", bound=WirePart)


@dataclass(frozen=True)
class AskedCall:
    """A tool call as the provider gave it; arguments may still be JSON text."""

    id: str
    name: str
    arguments: JsonValue


@dataclass(frozen=True)
class Answer:
    """A provider's reply, read.

    Attributes:
        native: The provider's own blocks where the neutral message would lose something; else empty.
    """

    text: str
    stop: StopReason
    usage: Usage
    model: str
    request_id: str
    calls: list[AskedCall] = field(default_factory=list[AskedCall])
    native: list[JsonValue] = field(default_factory=list[JsonValue])

    def reply(self, provider: Provider, request: ModelRequest, warnings: Iterable[str] = ()) -> ModelReply:
        """The neutral reply.

        Raises:
            ModelError: The model wrote arguments that are no JSON object (`ModelBadReply`).
        """
        # A call that was cut off may have lost arguments that its tool would have needed.
        cut_off = bool(self.calls) and self.stop == "max_tokens"
        calls = () if cut_off or self.stop == "refusal" else tuple(_tool_call(call) for call in self.calls)
        native = self.native if len(calls) == len(self.calls) else []
        return ModelReply(
            message=AssistantMessage(
                text=self.text,
                tool_calls=calls,
                native=NativeBlocks(provider=provider, blocks=native) if native else None,
            ),
            stop_reason=_stop(self.stop, calls),
            usage=self.usage,
            model=self.model or request.model,
            provider=provider,
            request_id=self.request_id,
            warnings=(*warnings, _CUT_OFF) if cut_off else tuple(warnings),
        )


def read_part(shape: type[Part], content: bytes | str) -> Part:
    """Read a reply's JSON.

    Raises:
        ModelError: It is no JSON, or not of that shape (`ModelBadReply`).
    """
    try:
        return shape.model_validate_json(content)
    except ValidationError as invalid:
        raise _misshapen(invalid) from None


def read_parts(shape: type[Part], values: Iterable[JsonValue]) -> list[Part]:
    """Read parts that were already parsed.

    Raises:
        ModelError: One is not of that shape (`ModelBadReply`).
    """
    try:
        return [shape.model_validate(value) for value in values]
    except ValidationError as invalid:
        raise _misshapen(invalid) from None


def bad_reply(what: str) -> NoReturn:
    """Give a reply up as unusable, though another try may give a good one."""
    raise ModelError("ModelBadReply", f"The provider's reply is unusable: {what}.", retryable=True)


def _misshapen(invalid: ValidationError) -> ModelError:
    first = invalid.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"]) or "its root"
    return ModelError(
        "ModelBadReply",
        f"The provider's reply is not what its API promises: at {where}, {first['msg']}.",
        retryable=True,
    )


def _tool_call(call: AskedCall) -> ToolCall:
    return ToolCall(id=call.id or f"{MADE_ID}{uuid.uuid4().hex}", name=call.name, arguments=_arguments(call))


def _arguments(call: AskedCall) -> dict[str, JsonValue]:
    found = call.arguments
    if isinstance(found, str):
        try:
            found = _JSON.validate_json(found or "{}")
        except ValidationError:
            bad_reply(f"the model wrote arguments for tool {call.name!r} that are no JSON")
    if found is None:
        return {}
    if not isinstance(found, dict):
        bad_reply(f"the model wrote arguments for tool {call.name!r} that are no JSON object")
    return found


def _stop(stop: StopReason, calls: tuple[ToolCall, ...]) -> StopReason:
    """Providers disagree on how to say that tools are asked for; the calls themselves are the truth."""
    if calls:
        return "tool_use"
    return "end" if stop == "tool_use" else stop
