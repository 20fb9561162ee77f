"""Anthropic's Messages API."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

import anthropic
import httpx2
from pydantic import JsonValue

from ark_temporal.llm._conversation import told
from ark_temporal.llm._failures import model_errors
from ark_temporal.llm._http import ModelHttpClient, timeouts
from ark_temporal.llm._replies import Answer, AskedCall, WirePart, read_part, read_parts, up_to_speech, usable
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
    from anthropic.types import MessageParam, OutputConfigParam, TextBlockParam, ToolParam

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
_REASONING: Final = frozenset({"thinking", "redacted_thinking"})
_CACHED_TURNS: Final = 2


class _Block(WirePart):
    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: JsonValue = None


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


@dataclass(frozen=True)
class _Turn:
    role: Literal["user", "assistant"]
    blocks: list[JsonValue]

    def written(self, *, cached: bool) -> Schema:
        blocks = [*self.blocks]
        if cached and isinstance(last := blocks[-1], dict):
            blocks[-1] = {**last, "cache_control": {"type": "ephemeral"}}
        return {"role": self.role, "content": blocks}


class _Sdk(anthropic.AsyncAnthropic):
    """The official client, with nothing of the worker's own environment in it."""

    def __init__(self, credentials: Credentials, http: httpx2.AsyncClient) -> None:
        super().__init__(
            api_key=credentials.api_key.get_secret_value(),
            base_url=credentials.base_url,
            http_client=http,
            max_retries=0,
            open_telemetry=False,
        )
        # ANTHROPIC_CUSTOM_HEADERS of the worker would go to whatever server a role names.
        self._custom_headers = {}


class AnthropicModel:
    """Claude, over the official SDK."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._http = ModelHttpClient()
        self._sdk = _Sdk(credentials, self._http)

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once. See `LanguageModel.generate`."""
        async with model_errors("anthropic", self._credentials, request):
            raw = await self._sdk.messages.with_raw_response.create(
                model=request.model,
                max_tokens=request.max_output_tokens,
                system=_system(request) or anthropic.omit,
                messages=cast("list[MessageParam]", _messages(request)),
                tools=_tools(request) or anthropic.omit,
                output_config=_output_config(request) or anthropic.omit,
                extra_body=_temperature(request),
                timeout=timeouts(request.timeout_seconds),
            )
            answer = _read(await raw.read(), raw.headers.get("request-id", ""))
            return answer.reply("anthropic", request, _warnings(request))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _system(request: ModelRequest) -> "str | list[TextBlockParam]":
    if not (request.system and _caches(request)):
        return request.system
    return [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}]


def _caches(request: ModelRequest) -> bool:
    """Whether the conversation will probably go on.

    Writing to the cache costs a quarter more than not to, reading from it a tenth: it pays where one in
    three requests is followed by another, which is so where the model has tools.
    """
    return bool(request.tools)


def _messages(request: ModelRequest) -> list[Schema]:
    turns = _turns(request)
    # The end is written for the next turn. The end of the turn before is where this one finds what it wrote:
    # the provider itself looks only twenty blocks back, and forty parallel tool calls are eighty.
    ends = [number for number, turn in enumerate(turns) if turn.role == "user"][-_CACHED_TURNS:]
    cached = {*ends} if _caches(request) else set[int]()
    return [turn.written(cached=number in cached) for number, turn in enumerate(turns)]


def _turns(request: ModelRequest) -> list[_Turn]:
    """The conversation with user and assistant taking turns; tool results are said by the user."""
    turns: list[_Turn] = []
    for message in told(request, "anthropic"):
        role = "assistant" if isinstance(message, AssistantMessage) else "user"
        blocks = _blocks(message)
        if turns and turns[-1].role == role:
            turns[-1].blocks.extend(blocks)
        elif blocks:
            turns.append(_Turn(role, blocks))
    return turns


def _blocks(message: Message) -> list[JsonValue]:
    """A new list of the blocks of a message."""
    match message:
        case UserMessage():
            return _text_blocks(message.text)
        case AssistantMessage(native=native) if native is not None:
            return [*native.blocks]
        case AssistantMessage():
            return _neutral_blocks(message)
        case ToolMessage():
            return _tool_results(message)


def _text_blocks(text: str) -> list[JsonValue]:
    """The text, unless it is blank: the API refuses that."""
    return [{"type": "text", "text": text}] if text.strip() else []


def _neutral_blocks(message: AssistantMessage) -> list[JsonValue]:
    calls: list[JsonValue] = [
        {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": call.arguments}
        for call in message.tool_calls
    ]
    return _text_blocks(message.text) + calls


def _tool_results(message: ToolMessage) -> list[JsonValue]:
    return [
        {
            "type": "tool_result",
            "tool_use_id": _id(result.call_id),
            # The API refuses an error without words.
            "content": result.content or ("It failed." if result.is_error else ""),
            "is_error": result.is_error,
        }
        for result in message.results
    ]


def _id(call_id: str) -> str:
    """Another provider's id in the characters that this API allows."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", call_id)


def _tools(request: ModelRequest) -> "list[ToolParam]":
    tools = [_tool(tool) for tool in request.tools]
    if tools and not request.system:  # else the system prompt, which follows the tools, is where to cache
        tools[-1]["cache_control"] = {"type": "ephemeral"}
    return tools


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
        calls=[AskedCall(b.id, b.name, b.input) for b in blocks if b.type == "tool_use"],
        native=[] if plain else _native(reply.content),
        stop=_STOPS.get(reply.stop_reason, "other"),
        usage=_usage(reply.usage),
        model=reply.model,
        request_id=request_id,
    )


def _native(blocks: list[JsonValue]) -> list[JsonValue]:
    """The blocks as they came, but for what the API gives and refuses to take."""
    kept = [block for block in blocks if not (isinstance(block, dict) and _is_blank(block))]
    return [_callable(block) for block in up_to_speech(kept, _REASONING)]


def _is_blank(block: Schema) -> bool:
    return block.get("type") == "text" and not str(block.get("text", "")).strip()


def _callable(block: JsonValue) -> JsonValue:
    if isinstance(block, dict) and block.get("type") == "tool_use" and not usable(block.get("input")):
        return {**block, "input": {}}
    return block


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
