"""OpenAI's Responses API."""

import hashlib
import json
from typing import TYPE_CHECKING, Final

import openai
from pydantic import JsonValue

from ark_temporal.llm._conversation import told
from ark_temporal.llm._failures import model_errors
from ark_temporal.llm._http import ModelHttpClient, timeouts
from ark_temporal.llm._openai_client import (
    OpenAISdk,
    cache_key,
    has_structured_output,
    reasons,
    tool_output,
)
from ark_temporal.llm._replies import (
    Answer,
    AskedCall,
    WirePart,
    bad_reply,
    read_part,
    read_parts,
    up_to_speech,
)
from ark_temporal.llm._schemas import OPENAI, native_schema, object_schema
from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.errors import ModelError
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
    from openai.types.responses import FunctionToolParam, ResponseTextConfigParam

_LEAST_OUTPUT_TOKENS: Final = 16
_LONGEST_ID: Final = 64
_PLAIN_MESSAGE: Final = frozenset({"id", "type", "role", "status", "content"})


class _Content(WirePart):
    type: str
    text: str = ""
    refusal: str = ""


class _Item(WirePart):
    type: str
    content: list[JsonValue] | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class _InputDetails(WirePart):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(WirePart):
    reasoning_tokens: int | None = None


class _Usage(WirePart):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(WirePart):
    reason: str | None = None


class _Error(WirePart):
    code: str | None = None


class _Reply(WirePart):
    output: list[dict[str, JsonValue]]
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    error: _Error | None = None
    model: str = ""
    usage: _Usage | None = None


class OpenAIModel:
    """OpenAI's models, over the official SDK."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._http = ModelHttpClient()
        self._sdk = OpenAISdk(credentials, self._http)

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once. See `LanguageModel.generate`."""
        async with model_errors("openai", self._credentials, request):
            reasoning = reasons(request.model)
            temperature = None if reasoning else request.temperature
            raw = await self._sdk.responses.with_raw_response.create(
                model=request.model,
                instructions=request.system or openai.omit,
                max_output_tokens=max(request.max_output_tokens, _LEAST_OUTPUT_TOKENS),
                tools=[_tool(tool) for tool in request.tools] or openai.omit,
                parallel_tool_calls=True if request.tools else openai.omit,
                text=_text(request) or openai.omit,
                temperature=openai.omit if temperature is None else temperature,
                # Nothing is kept at the provider, so reasoning has to travel with the conversation.
                store=False,
                include=["reasoning.encrypted_content"] if reasoning else openai.omit,
                prompt_cache_key=cache_key(request) or openai.omit,
                # Past the SDK's own models, which take a second of computing over a long conversation.
                extra_body={"input": _input(request)},
                timeout=timeouts(request.timeout_seconds),
            )
            answer = _read(raw.content, raw.headers.get("x-request-id", ""))
            return answer.reply("openai", request, _warnings(request))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _input(request: ModelRequest) -> list[JsonValue]:
    return [item for message in told(request, "openai") for item in _items(message)]


def _items(message: Message) -> list[JsonValue]:
    match message:
        case UserMessage():
            return [{"role": "user", "content": message.text}]
        case AssistantMessage(native=native) if native is not None:
            return native.blocks
        case AssistantMessage():
            return _neutral_items(message)
        case ToolMessage():
            return [
                {
                    "type": "function_call_output",
                    "call_id": _id(result.call_id),
                    "output": tool_output(result.content, result.is_error),
                }
                for result in message.results
            ]


def _neutral_items(message: AssistantMessage) -> list[JsonValue]:
    text: list[JsonValue] = [{"role": "assistant", "content": message.text}] if message.text else []
    calls: list[JsonValue] = [
        {
            "type": "function_call",
            "call_id": _id(call.id),
            "name": call.name,
            "arguments": json.dumps(call.arguments),
        }
        for call in message.tool_calls
    ]
    return text + calls


def _id(call_id: str) -> str:
    """The id of a call, no longer than this API allows; gateways put whole signatures into theirs."""
    return call_id if len(call_id) <= _LONGEST_ID else hashlib.sha256(call_id.encode()).hexdigest()


def _tool(tool: ToolSpec) -> "FunctionToolParam":
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": {**object_schema(tool.input_schema)},
        # Unsaid, this API tries to read the schema as a strict one.
        "strict": False,
    }


def _text(request: ModelRequest) -> "ResponseTextConfigParam | None":
    if not has_structured_output(request.model):
        return None
    schema = native_schema(request.output_schema, OPENAI)
    if schema is None:
        return None
    return {"format": {"type": "json_schema", "name": "answer", "schema": {**schema}, "strict": True}}


def _warnings(request: ModelRequest) -> list[str]:
    warnings: list[str] = []
    if request.temperature is not None and reasons(request.model):
        warnings.append(
            f"Model {request.model!r} takes no temperature, so {request.temperature:g} was not sent."
        )
    if request.max_output_tokens < _LEAST_OUTPUT_TOKENS:
        warnings.append(
            f"OpenAI accepts no output limit below {_LEAST_OUTPUT_TOKENS} tokens, so that was sent "
            f"instead of {request.max_output_tokens}."
        )
    return warnings


def _read(content: bytes, request_id: str) -> Answer:
    reply = read_part(_Reply, content)
    _check(reply)
    items = read_parts(_Item, reply.output)
    contents = [part for item in items if item.type == "message" for part in item.content or []]
    parts = read_parts(_Content, contents)
    plain = all(_is_plain(item) for item in reply.output)
    return Answer(
        text="".join(part.text or part.refusal for part in parts),
        calls=[AskedCall(i.call_id, i.name, i.arguments) for i in items if i.type == "function_call"],
        native=[] if plain else up_to_speech([*reply.output], {"reasoning"}),
        stop="refusal" if any(part.type == "refusal" for part in parts) else _stop(reply),
        usage=_usage(reply.usage or _Usage()),
        model=reply.model,
        request_id=request_id,
    )


def _check(reply: _Reply) -> None:
    code = reply.error.code if reply.error else None
    if code == "context_length_exceeded":
        raise ModelError(
            "ModelContextTooLong",
            "OpenAI gave up: the conversation is longer than the model can read. Shorten the prompt or the "
            "tools' answers, or use a model with a larger context.",
            retryable=False,
        )
    if code == "rate_limit_exceeded":
        raise ModelError("ModelRateLimited", "OpenAI gave up: its rate limit is reached.", retryable=True)
    if code is not None or reply.status == "failed":
        raise ModelError("ModelUnavailable", f"OpenAI gave up: {code or 'no reason given'}.", retryable=True)
    if not reply.output and reply.status != "incomplete":
        bad_reply("it has no output")


def _is_plain(item: dict[str, JsonValue]) -> bool:
    """Whether the neutral message says all that an item says."""
    if item.get("type") == "message":
        return item.keys() <= _PLAIN_MESSAGE
    return item.get("type") == "function_call"


def _stop(reply: _Reply) -> StopReason:
    if reply.status != "incomplete":
        return "end"
    reason = reply.incomplete_details.reason if reply.incomplete_details else None
    if reason == "max_output_tokens":
        return "max_tokens"
    return "refusal" if reason == "content_filter" else "other"


def _usage(usage: _Usage) -> Usage:
    read = usage.input_tokens_details or _InputDetails()
    wrote = usage.output_tokens_details or _OutputDetails()
    return Usage(
        input_tokens=usage.input_tokens,
        cached_input_tokens=read.cached_tokens or 0,
        cache_write_tokens=read.cache_write_tokens or 0,
        output_tokens=usage.output_tokens,
        reasoning_tokens=wrote.reasoning_tokens or 0,
    )
