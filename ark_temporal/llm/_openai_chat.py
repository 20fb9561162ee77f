"""Chat Completions, as OpenAI-compatible servers speak it."""

import json
from typing import TYPE_CHECKING, Final

import httpx2
import openai
from pydantic import JsonValue

from ark_temporal.llm._conversation import told
from ark_temporal.llm._failures import model_errors
from ark_temporal.llm._http import HttpStatusError, ModelHttpClient, timeouts
from ark_temporal.llm._openai_client import OpenAISdk, cache_key, reasons, tool_output
from ark_temporal.llm._replies import Answer, AskedCall, WirePart, bad_reply, has_own_ids, read_part, usable
from ark_temporal.llm._schemas import object_schema
from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.detect import is_openai_url
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
    from openai.types.chat import ChatCompletionFunctionToolParam

_STOPS: Final[dict[str | None, StopReason]] = {
    "stop": "end",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
# What servers that reason expect to see again beside the tool calls it led to.
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")
_PLAIN_CALL: Final = frozenset({"id", "type", "index", "function"})


class _Function(WirePart):
    name: str = ""
    arguments: JsonValue = None


class _Call(WirePart):
    id: str | None = None
    function: _Function = _Function()


class _TextPart(WirePart):
    text: str = ""


class _Said(WirePart):
    content: str | list[_TextPart] | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(WirePart):
    message: _Said
    finish_reason: str | None = None


class _PromptDetails(WirePart):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(WirePart):
    reasoning_tokens: int | None = None


class _Usage(WirePart):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Reply(WirePart):
    choices: list[_Choice] | None = None
    error: JsonValue = None
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


class _RawChoice(WirePart):
    message: dict[str, JsonValue]


class _RawReply(WirePart):
    choices: list[_RawChoice]


class CompatibleModel:
    """Any server that speaks Chat Completions, over OpenAI's SDK."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._http = ModelHttpClient()
        self._sdk = OpenAISdk(credentials, self._http)
        self._is_openai = is_openai_url(credentials.base_url)

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once. See `LanguageModel.generate`.

        A schema is left to the prompt: some servers refuse a request that carries one.
        """
        async with model_errors("openai-compatible", self._credentials, request):
            # Only OpenAI itself renamed the limit, and only its reasoning models take no temperature.
            limit = request.max_output_tokens
            temperature = None if self._takes_no_temperature(request) else request.temperature
            raw = await self._sdk.chat.completions.with_raw_response.create(
                model=request.model,
                messages=[],
                tools=[_tool(tool) for tool in request.tools] or openai.omit,
                max_tokens=openai.omit if self._is_openai else limit,
                max_completion_tokens=limit if self._is_openai else openai.omit,
                temperature=openai.omit if temperature is None else temperature,
                prompt_cache_key=self._cache_key(request) or openai.omit,
                # Past the SDK's own models, which take half a second of computing over a long conversation.
                extra_body={"messages": _messages(request)},
                timeout=timeouts(request.timeout_seconds),
            )
            answer = _read(raw.content, raw.headers)
            return answer.reply("openai-compatible", request, self._warnings(request))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _cache_key(self, request: ModelRequest) -> str | None:
        return cache_key(request) if self._is_openai else None

    def _takes_no_temperature(self, request: ModelRequest) -> bool:
        return self._is_openai and reasons(request.model)

    def _warnings(self, request: ModelRequest) -> list[str]:
        if request.temperature is None or not self._takes_no_temperature(request):
            return []
        return [f"Model {request.model!r} takes no temperature, so {request.temperature:g} was not sent."]


def _messages(request: ModelRequest) -> list[JsonValue]:
    system: list[JsonValue] = [{"role": "system", "content": request.system}] if request.system else []
    return system + [
        written for message in told(request, "openai-compatible") for written in _message(message)
    ]


def _message(message: Message) -> list[JsonValue]:
    match message:
        case UserMessage():
            return [{"role": "user", "content": message.text}]
        case AssistantMessage(native=native) if native is not None:
            return native.blocks
        case AssistantMessage():
            return [_neutral(message)]
        case ToolMessage():
            return [
                {
                    "role": "tool",
                    "tool_call_id": result.call_id,
                    "content": tool_output(result.content, result.is_error),
                }
                for result in message.results
            ]


def _neutral(message: AssistantMessage) -> JsonValue:
    if not message.tool_calls:
        return {"role": "assistant", "content": message.text}
    calls: list[JsonValue] = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in message.tool_calls
    ]
    return {"role": "assistant", "content": message.text or None, "tool_calls": calls}


def _tool(tool: ToolSpec) -> "ChatCompletionFunctionToolParam":
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": {**object_schema(tool.input_schema)},
        },
    }


def _read(content: bytes, headers: httpx2.Headers) -> Answer:
    reply = read_part(_Reply, content)
    if not reply.choices:
        _raise_hidden_error(reply, headers, content)
        bad_reply("it has no choices")
    choice = reply.choices[0]
    calls = [_asked(call) for call in choice.message.tool_calls or []]
    raw = read_part(_RawReply, content).choices[0].message
    return Answer(
        text=_text(choice.message) or choice.message.refusal or "",
        calls=calls,
        # A call without an id of its own gets one of ours, which the server's form does not have.
        native=_native(raw) if calls and has_own_ids(calls) else [],
        stop="refusal" if choice.message.refusal else _STOPS.get(choice.finish_reason, "other"),
        usage=_usage(reply.usage or _Usage()),
        model=reply.model or "",
        request_id=headers.get("x-request-id") or reply.id or "",
    )


def _raise_hidden_error(reply: _Reply, headers: httpx2.Headers, content: bytes) -> None:
    """Gateways answer 200 before they know, and then put the error and its status into the body."""
    if not reply.error:
        return
    code = reply.error.get("code") if isinstance(reply.error, dict) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    raise HttpStatusError(status, headers, content)


def _asked(call: _Call) -> AskedCall:
    return AskedCall(call.id or "", call.function.name, call.function.arguments)


def _text(said: _Said) -> str:
    if isinstance(said.content, list):
        return "".join(part.text for part in said.content)
    return said.content or ""


def _native(raw: dict[str, JsonValue]) -> list[JsonValue]:
    """The message as it came, where its tool calls carry more than the neutral form does."""
    calls = raw.get("tool_calls")
    reasoning = {name: raw[name] for name in _REASONING if raw.get(name)}
    signed = isinstance(calls, list) and any(
        isinstance(call, dict) and not call.keys() <= _PLAIN_CALL for call in calls
    )
    if not reasoning and not signed:
        return []
    mended = [_callable(call) for call in calls] if isinstance(calls, list) else calls
    return [{"role": "assistant", "content": raw.get("content"), "tool_calls": mended, **reasoning}]


def _callable(call: JsonValue) -> JsonValue:
    """A call as it came, but for arguments that many servers would fail to parse."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or usable(function.get("arguments")):
        return call
    return {**call, "function": {**function, "arguments": "{}"}}


def _usage(usage: _Usage) -> Usage:
    read = usage.prompt_tokens_details or _PromptDetails()
    wrote = usage.completion_tokens_details or _CompletionDetails()
    return Usage(
        input_tokens=usage.prompt_tokens or 0,
        cached_input_tokens=read.cached_tokens or 0,
        cache_write_tokens=read.cache_write_tokens or 0,
        output_tokens=usage.completion_tokens or 0,
        reasoning_tokens=wrote.reasoning_tokens or 0,
    )
