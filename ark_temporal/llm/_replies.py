"""From what a provider answered to a `ModelReply`, alike for all providers."""

import math
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json

from ark_temporal.llm._characters import whole_characters
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
_CUT_OFF: Final[dict[StopReason, str]] = {
    "max_tokens": (
        "The model reached its limit of output tokens in the middle of asking for tools, so its tool calls "
        "were dropped. Raise limits.maxTokensPerCall."
    ),
    "context_length": (
        "The conversation filled the model's context in the middle of asking for tools, so its tool calls "
        "were dropped. Shorten the prompt or the tools' answers, or use a model with a larger context."
    ),
}
_QUOTED: Final = 200


class WirePart(BaseModel):
    """A part of a provider's reply, read as far as we need it.

    The SDKs build their own models without validating, so a reply of another shape would fail far from here
    and without a word about why; and only the untouched JSON can be sent back unchanged.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)


Part = TypeVar("Part", bound=WirePart)


@dataclass(frozen=True)
class AskedCall:
    """A tool call as the provider gave it; arguments may be JSON text, or not what they should be."""

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
        """The neutral reply."""
        # A call that was cut off may have lost arguments that its tool would have needed.
        cut_off = _CUT_OFF.get(self.stop) if self.calls else None
        calls = () if cut_off or self.stop == "refusal" else tuple(_tool_calls(self.calls))
        # Reasoning that led to nothing is refused when it comes back.
        complete = len(calls) == len(self.calls) and (calls or self.text.strip())
        native = self.native if complete else []
        return ModelReply(
            message=AssistantMessage(
                text=self.text,
                tool_calls=calls,
                native=NativeBlocks(provider=provider, model=request.model, blocks=native)
                if native
                else None,
            ),
            stop_reason=_stop(self.stop, calls),
            usage=self.usage,
            model=self.model or request.model,
            provider=provider,
            request_id=self.request_id,
            warnings=(*warnings, cut_off) if cut_off else tuple(warnings),
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


def up_to_speech(blocks: list[JsonValue], reasoning: Collection[str]) -> list[JsonValue]:
    """A provider's own blocks without reasoning at their end, which is refused when it comes back."""
    end = len(blocks)
    while end and isinstance(block := blocks[end - 1], dict) and block.get("type") in reasoning:
        end -= 1
    return blocks[:end]


def has_own_ids(calls: Iterable[AskedCall]) -> bool:
    """Whether each call has an id, and no other call has it too."""
    ids = [call.id for call in calls]
    return all(ids) and len(set(ids)) == len(ids)


def usable(arguments: JsonValue) -> bool:
    """Whether a tool can be called with what the model wrote; if not, no provider surely takes it back."""
    try:
        _arguments(arguments)
    except _UnusableError:
        return False
    return True


def _tool_calls(calls: list[AskedCall]) -> Iterable[ToolCall]:
    seen: set[str] = set()
    for call in calls:
        id = call.id if call.id and call.id not in seen else f"{MADE_ID}{uuid.uuid4().hex}"
        seen.add(id)
        try:
            yield ToolCall(id=id, name=call.name, arguments=_arguments(call.arguments))
        except _UnusableError as unusable:
            yield ToolCall(id=id, name=call.name, problem=str(unusable))


class _UnusableError(Exception):
    def __init__(self, what: str, found: JsonValue) -> None:
        text = found if isinstance(found, str) else to_json(found, inf_nan_mode="constants").decode()
        quote = text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"
        super().__init__(
            f"The tool was not called, because its arguments are {what}: {quote} "
            "Call it again with one JSON object that its schema allows."
        )


def _arguments(given: JsonValue) -> dict[str, JsonValue]:
    found = given
    if isinstance(found, str):
        try:
            found = _JSON.validate_json(whole_characters(found.encode() or b"{}"))
        except ValidationError as invalid:
            reason = invalid.errors(include_url=False, include_input=False)[0]["msg"]
            raise _UnusableError(f"no JSON ({reason.removeprefix('Invalid JSON: ')})", given) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _UnusableError("no JSON object", given)
    if not _is_finite(found):
        raise _UnusableError("no JSON (a number in them is not finite)", given)
    return found


def _is_finite(value: JsonValue) -> bool:
    """Whether all numbers can be written as JSON."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _stop(stop: StopReason, calls: tuple[ToolCall, ...]) -> StopReason:
    """Providers disagree on how to say that tools are asked for; the calls themselves are the truth."""
    if calls:
        return "tool_use"
    return "end" if stop == "tool_use" else stop
