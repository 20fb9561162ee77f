"""Anthropic's Messages API."""

import re
from typing import TYPE_CHECKING, Final, cast

import anthropic
from pydantic import JsonValue

from ark_temporal.llm._failures import model_errors
from ark_temporal.llm._http import ModelHttpClient, timeouts
from ark_temporal.llm._replies import Answer, AskedCall, WirePart, read_part, read_parts
from ark_temporal.llm._schemas import ANTHROPIC, Schema, native_schema, object_schema
from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.types import (
    AssistantMessage,
    Message,
    ModelReply,
    ModelRequest,
    StopReason,
    ToolMessage,
    ToolSpec,
    Usage,
    UserMessage,
)

if TYPE_CHECKING:
    from anthropic.types import MessageParam, OutputConfigParam, ToolParam

_STOPS: Final[dict[str | None, StopReason]] = {
    "end_turn": "end",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_length",
}
# Families whose members are all published; a newer model takes no temperature and knows structured output.
_TAKES_TEMPERATURE: Final = re.compile(r"claude-(\d|instant|(opus|sonnet|haiku)-4-([0-6]$|[0-6]-|20\d{6}))")
_NO_STRUCTURED_OUTPUT: Final = re.compile(r"claude-([123]|instant|(opus|sonnet)-4-(0$|20\d{6}))")


class _Block(WirePart):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, JsonValue] | None = None


class _OutputDetails(WirePart):
    thinking_tokens: int | None = None


class _Usage(WirePart):
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Reply(WirePart):
    content: list[JsonValue]
    stop_reason: str | None = None
    model: str = ""
    usage: _Usage = _Usage()


class AnthropicModel:
    """Claude, over the official SDK."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._http = ModelHttpClient()
        self._sdk = anthropic.AsyncAnthropic(
            api_key=credentials.api_key.get_secret_value(),
            base_url=credentials.base_url,
            http_client=self._http,
            max_retries=0,
            open_telemetry=False,
        )

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once. See `LanguageModel.generate`."""
        async with model_errors("anthropic", self._credentials, request):
            raw = await self._sdk.messages.with_raw_response.create(
                model=request.model,
                max_tokens=request.max_output_tokens,
                system=request.system or anthropic.omit,
                messages=cast("list[MessageParam]", _messages(request.messages)),
                tools=[_tool(tool) for tool in request.tools] or anthropic.omit,
                output_config=_output_config(request) or anthropic.omit,
                extra_body=_temperature(request),
                timeout=timeouts(request.timeout_seconds),
            )
            answer = _read(await raw.read(), raw.headers.get("request-id", ""))
            return answer.reply("anthropic", request, _warnings(request))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _messages(messages: tuple[Message, ...]) -> list[Schema]:
    written = [_message(message) for message in messages]
    return [message for message in written if message["content"]]


def _message(message: Message) -> Schema:
    match message:
        case UserMessage():
            return {"role": "user", "content": message.text}
        case AssistantMessage(native=native) if native is not None and native.provider == "anthropic":
            return {"role": "assistant", "content": native.blocks}
        case AssistantMessage():
            return {"role": "assistant", "content": _neutral_blocks(message)}
        case ToolMessage():
            return {"role": "user", "content": [*_tool_results(message)]}


def _neutral_blocks(message: AssistantMessage) -> list[JsonValue]:
    text: list[JsonValue] = [{"type": "text", "text": message.text}] if message.text.strip() else []
    calls: list[JsonValue] = [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": call.arguments}
        for call in message.tool_calls
    ]
    return text + calls


def _tool_results(message: ToolMessage) -> list[JsonValue]:
    return [
        {
            "type": "tool_result",
            "tool_use_id": _id(result.call_id),
            "content": result.content,
            "is_error": result.is_error,
        }
        for result in message.results
    ]


def _id(call_id: str) -> str:
    """Another provider's id in the characters that this API allows."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call_id)


def _tool(tool: ToolSpec) -> "ToolParam":
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": {**object_schema(tool.input_schema)},
    }


def _output_config(request: ModelRequest) -> "OutputConfigParam | None":
    if _NO_STRUCTURED_OUTPUT.match(request.model):
        return None
    schema = native_schema(request.output_schema, ANTHROPIC)
    return {"format": {"type": "json_schema", "schema": {**schema}}} if schema else None


def _temperature(request: ModelRequest) -> dict[str, float] | None:
    """The SDK dropped the parameter with the models that dropped it; older models still take it."""
    if request.temperature is None or not _TAKES_TEMPERATURE.match(request.model):
        return None
    return {"temperature": request.temperature}


def _warnings(request: ModelRequest) -> list[str]:
    if request.temperature is None or _temperature(request):
        return []
    return [f"Model {request.model!r} takes no temperature, so {request.temperature:g} was not sent."]


def _read(content: bytes, request_id: str) -> Answer:
    reply = read_part(_Reply, content)
    blocks = read_parts(_Block, reply.content)
    plain = all(block.type in ("text", "tool_use") for block in blocks)
    return Answer(
        text="".join(block.text for block in blocks if block.type == "text"),
        calls=[AskedCall(b.id, b.name, {**(b.input or {})}) for b in blocks if b.type == "tool_use"],
        native=[] if plain else reply.content,
        stop=_STOPS.get(reply.stop_reason, "other"),
        usage=_usage(reply.usage),
        model=reply.model,
        request_id=request_id,
    )


def _usage(usage: _Usage) -> Usage:
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    details = usage.output_tokens_details
    return Usage(
        # Theirs leaves the cached classes out.
        input_tokens=usage.input_tokens + cached + written,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=usage.output_tokens,
        reasoning_tokens=(details.thinking_tokens or 0) if details else 0,
    )
