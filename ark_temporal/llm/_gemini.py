"""Google's Gemini API."""

import re
from typing import Any, Final

from google.genai import Client, types
from pydantic import Field, JsonValue
from pydantic.alias_generators import to_camel

from ark_temporal.llm._conversation import told
from ark_temporal.llm._failures import model_errors
from ark_temporal.llm._http import ModelHttpClient
from ark_temporal.llm._replies import (
    MADE_ID,
    Answer,
    AskedCall,
    WirePart,
    bad_reply,
    read_part,
    read_parts,
    usable,
)
from ark_temporal.llm._schemas import GEMINI, native_schema, object_schema
from ark_temporal.llm.credentials import Credentials
from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.types import (
    AssistantMessage,
    Message,
    ModelReply,
    ModelRequest,
    StopReason,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    Usage,
    UserMessage,
)

_API_VERSION: Final = "v1beta"
_STOPS: Final[dict[str | None, StopReason]] = {
    "STOP": "end",
    "MAX_TOKENS": "max_tokens",
    "CONTINUATION": "max_tokens",
    "SAFETY": "refusal",
    "RECITATION": "refusal",
    "LANGUAGE": "refusal",
    "BLOCKLIST": "refusal",
    "PROHIBITED_CONTENT": "refusal",
    "SPII": "refusal",
    "ESCALATION": "refusal",
    "MODEL_ARMOR": "refusal",
}
_SCHEMA_BESIDE_TOOLS: Final = re.compile(r"(models/)?gemini-([3-9]|\d\d)")
_UNSIGNED_MODELS: Final = re.compile(r"(models/)?gemini-[12]")
# What Google documents for function calls that its model did not make.
_FOREIGN_SIGNATURE: Final = "skip_thought_signature_validator"
_CALL: Final = "functionCall"
_PLACEHOLDER: Final = "replaced by the contents in extra_body, since the SDK insists on some"


class _Camel(WirePart, alias_generator=to_camel):
    pass


class _FunctionCall(_Camel):
    id: str | None = None
    name: str = ""
    args: JsonValue = None


class _Part(_Camel):
    text: str = ""
    thought: bool | None = None
    function_call: _FunctionCall | None = None


class _Content(_Camel):
    parts: list[dict[str, JsonValue]] | None = None


class _Candidate(_Camel):
    content: _Content | None = None
    finish_reason: str | None = None


class _Feedback(_Camel):
    block_reason: str | None = None


class _Usage(_Camel):
    prompt_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class _Reply(_Camel):
    candidates: list[_Candidate] = Field(default_factory=list[_Candidate])
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage = _Usage()
    model_version: str = ""
    response_id: str = ""


class GeminiModel:
    """Gemini, over the official SDK."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._http = ModelHttpClient()
        self._sdk = Client(
            # Said, because the SDK would otherwise look for Vertex AI in the worker's environment.
            vertexai=False,
            api_key=credentials.api_key.get_secret_value(),
            http_options=types.HttpOptions(
                base_url=credentials.base_url,
                api_version=_API_VERSION,
                retry_options=types.HttpRetryOptions(attempts=1),
                httpx_async_client=self._http,
            ),
        )

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Ask once. See `LanguageModel.generate`."""
        async with model_errors("gemini", self._credentials, request):
            raw = await self._sdk.aio.models.generate_content(  # pyright: ignore[reportUnknownMemberType]
                model=request.model,
                contents=_PLACEHOLDER,
                config=_config(request),
            )
            response = raw.sdk_http_response
            answer = _read((response.body if response else None) or "")
            return answer.reply("gemini", request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        self._sdk.close()


def _config(request: ModelRequest) -> types.GenerateContentConfig:
    schema = native_schema(request.output_schema, GEMINI)
    if request.tools and not _SCHEMA_BESIDE_TOOLS.match(request.model):
        schema = None  # older models refuse it then, and the prompt has it anyway
    return types.GenerateContentConfig(
        system_instruction=request.system or None,
        tools=[types.Tool(function_declarations=[_tool(tool) for tool in request.tools])]
        if request.tools
        else None,
        max_output_tokens=request.max_output_tokens,
        temperature=request.temperature,
        response_mime_type="application/json" if schema else None,
        response_json_schema=schema,
        # Each would ask again by itself, outside of what Temporal sees.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        should_return_http_response=True,
        http_options=types.HttpOptions(
            timeout=round(request.timeout_seconds * 1000),
            # The SDK's own model of contents drops or refuses fields it does not know yet, while parts
            # of a reply must go back as they came.
            extra_body={"contents": _contents(request)},
        ),
    )


def _contents(request: ModelRequest) -> list[dict[str, Any]]:
    signed = not _UNSIGNED_MODELS.match(request.model)
    written = [_content(message, signed) for message in told(request, "gemini")]
    return [content for content in written if content["parts"]]


def _content(message: Message, signed: bool) -> dict[str, JsonValue]:
    match message:
        case UserMessage():
            return {"role": "user", "parts": [{"text": message.text}]}
        case AssistantMessage(native=native) if native is not None:
            return {"role": "model", "parts": native.blocks}
        case AssistantMessage():
            text: list[JsonValue] = [{"text": message.text}] if message.text else []
            calls: list[JsonValue] = [_neutral_call(call, signed) for call in message.tool_calls]
            return {"role": "model", "parts": text + calls}
        case ToolMessage():
            return {"role": "user", "parts": [_tool_result(result) for result in message.results]}


def _neutral_call(call: ToolCall, signed: bool) -> JsonValue:
    written: dict[str, JsonValue] = {_CALL: {**_id(call.id), "name": call.name, "args": call.arguments}}
    return {**written, "thoughtSignature": _FOREIGN_SIGNATURE} if signed else written


def _tool_result(result: ToolResult) -> JsonValue:
    said: JsonValue = {"error" if result.is_error else "output": result.content}
    return {"functionResponse": {**_id(result.call_id), "name": result.name, "response": said}}


def _id(call_id: str) -> dict[str, JsonValue]:
    """The id of a call, unless we made it up: then the model does not know it."""
    return {} if call_id.startswith(MADE_ID) else {"id": call_id}


def _tool(tool: ToolSpec) -> types.FunctionDeclaration:
    return types.FunctionDeclaration(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=object_schema(tool.input_schema),
    )


def _read(content: str) -> Answer:
    reply = read_part(_Reply, content)
    if not reply.candidates:
        _raise_without_candidates(reply)
    candidate = reply.candidates[0]
    raw = (candidate.content.parts if candidate.content else None) or []
    parts = read_parts(_Part, raw)
    calls = [part.function_call for part in parts if part.function_call]
    stop = _STOPS.get(candidate.finish_reason, "other")
    if not parts and stop in ("end", "other"):
        _raise_without_content(candidate)
    return Answer(
        text="".join(part.text for part in parts if not part.thought),
        calls=[AskedCall(call.id or "", call.name, call.args) for call in calls],
        native=[_callable(part) for part in raw]
        if any(part.keys() - {"text", _CALL} for part in raw)
        else [],
        stop=stop,
        usage=_usage(reply.usage_metadata),
        model=reply.model_version,
        request_id=reply.response_id,
    )


def _callable(part: dict[str, JsonValue]) -> JsonValue:
    """A part as it came, but for arguments that the API would not take back."""
    call = part.get(_CALL)
    if not isinstance(call, dict) or usable(call.get("args")):
        return part
    return {**part, _CALL: {**call, "args": {}}}


def _raise_without_candidates(reply: _Reply) -> None:
    reason = reply.prompt_feedback.block_reason if reply.prompt_feedback else None
    if reason is None:
        bad_reply("it has no candidates")
    raise ModelError(
        "ModelRefused", f"Gemini did not read the prompt: {reason}. Change the prompt.", retryable=False
    )


def _raise_without_content(candidate: _Candidate) -> None:
    reason = candidate.finish_reason or "no reason given"
    if reason == "MISSING_THOUGHT_SIGNATURE":
        raise ModelError(
            "ModelBadRequest",
            "Gemini refuses the conversation: a function call in it has lost its thought signature. "
            "Start the task anew with this model.",
            retryable=False,
        )
    bad_reply(f"it has no content ({reason})")


def _usage(usage: _Usage) -> Usage:
    thoughts = usage.thoughts_token_count or 0
    return Usage(
        input_tokens=(usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        cached_input_tokens=usage.cached_content_token_count or 0,
        output_tokens=(usage.candidates_token_count or 0) + thoughts,
        reasoning_tokens=thoughts,
    )
