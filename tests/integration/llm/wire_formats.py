"""How each provider words a reply or an error, for the stub server."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Json: TypeAlias = dict[str, JsonValue]
Format = Literal["anthropic", "responses", "chat", "gemini"]


class ScriptedCall(BaseModel):
    """A tool call in a scripted reply."""

    model_config = ConfigDict(extra="forbid")

    name: str
    arguments: Json = Field(default_factory=dict[str, JsonValue])
    id: str | None = None


@dataclass(frozen=True)
class Said:
    """What the stub's model says, before it is worded."""

    model: str
    text: str = ""
    calls: Sequence[ScriptedCall] = ()
    reasoning: str = ""
    number: int = 0
    usage: dict[str, int] = field(default_factory=dict[str, int])

    def call_id(self, index: int) -> str:
        return self.calls[index].id or f"call_{self.number}_{index}"

    def tokens(self, name: str) -> int:
        return self.usage.get(name, 0)


def format_of(path: str) -> Format | None:
    path = path.split("?")[0]
    if path.endswith("/messages"):
        return "anthropic"
    if path.endswith("/chat/completions"):
        return "chat"
    if path.endswith("/responses"):
        return "responses"
    return "gemini" if path.endswith(":generateContent") else None


def reply_body(format: Format, said: Said) -> JsonValue:
    match format:
        case "anthropic":
            return _anthropic(said)
        case "responses":
            return _responses(said)
        case "chat":
            return _chat(said)
        case "gemini":
            return _gemini(said)


def refusal_body(format: Format, said: Said) -> JsonValue:
    match format:
        case "anthropic":
            return {**_anthropic(said), "stop_reason": "refusal"}
        case "responses":
            part: Json = {"type": "refusal", "refusal": said.text}
            return {**_responses(said), "output": [_response_message(said, part)]}
        case "chat":
            message: Json = {"role": "assistant", "content": None, "refusal": said.text}
            return {**_chat(said), "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        case "gemini":
            content: Json = {"role": "model", "parts": [{"text": said.text}]}
            return {**_gemini(said), "candidates": [{"content": content, "finishReason": "SAFETY"}]}


def empty_body(format: Format, said: Said) -> JsonValue:
    """A reply in which nobody says anything."""
    match format:
        case "anthropic":
            return {name: value for name, value in _anthropic(said).items() if name != "content"}
        case "responses":
            return {**_responses(said), "output": []}
        case "chat":
            return {**_chat(said), "choices": []}
        case "gemini":
            return {**_gemini(said), "candidates": []}


def error_body(format: Format, status: int, message: str) -> JsonValue:
    match format:
        case "anthropic":
            kinds = {401: "authentication_error", 404: "not_found_error", 529: "overloaded_error"}
            kinds |= {429: "rate_limit_error", 400: "invalid_request_error"}
            return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": message}}
        case "responses" | "chat":
            kind = "invalid_request_error" if status < 500 else "server_error"
            return {"error": {"message": message, "type": kind, "param": None, "code": None}}
        case "gemini":
            return {"error": {"code": status, "message": message, "status": "UNKNOWN", "details": []}}


def context_length_body(format: Format) -> JsonValue:
    match format:
        case "anthropic":
            return error_body(format, 400, "prompt is too long: 210000 tokens > 200000 maximum")
        case "responses" | "chat":
            message = "Your input exceeds what this model can read."
            return {"error": {"message": message, "type": "x", "code": "context_length_exceeded"}}
        case "gemini":
            words = "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."
            return error_body(format, 400, words)


def _anthropic(said: Said) -> Json:
    content: list[JsonValue] = []
    if said.reasoning:
        signature = f"signature-{said.number}"
        content.append({"type": "thinking", "thinking": said.reasoning, "signature": signature})
        content.append({"type": "redacted_thinking", "data": f"redacted-{said.number}"})
    if said.text:
        content.append({"type": "text", "text": said.text})
    for index, call in enumerate(said.calls):
        id = said.call_id(index)
        content.append({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments})
    return {
        "id": f"msg_{said.number}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": "tool_use" if said.calls else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": said.tokens("input") - said.tokens("cached") - said.tokens("written"),
            "cache_read_input_tokens": said.tokens("cached"),
            "cache_creation_input_tokens": said.tokens("written"),
            "output_tokens": said.tokens("output"),
            "output_tokens_details": {"thinking_tokens": said.tokens("reasoning")},
        },
    }


def _responses(said: Said) -> Json:
    output: list[JsonValue] = []
    if said.reasoning:
        encrypted = f"encrypted-{said.number}"
        output.append(
            {"type": "reasoning", "id": f"rs_{said.number}", "summary": [], "encrypted_content": encrypted}
        )
    if said.text:
        output.append(_response_message(said, {"type": "output_text", "text": said.text, "annotations": []}))
    for index, call in enumerate(said.calls):
        output.append(
            {
                "type": "function_call",
                "id": f"fc_{said.number}_{index}",
                "call_id": said.call_id(index),
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "status": "completed",
            }
        )
    return {
        "id": f"resp_{said.number}",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": said.model,
        "output": output,
        "usage": {
            "input_tokens": said.tokens("input"),
            "input_tokens_details": {
                "cached_tokens": said.tokens("cached"),
                "cache_write_tokens": said.tokens("written"),
            },
            "output_tokens": said.tokens("output"),
            "output_tokens_details": {"reasoning_tokens": said.tokens("reasoning")},
            "total_tokens": said.tokens("input") + said.tokens("output"),
        },
    }


def _response_message(said: Said, part: Json) -> Json:
    return {
        "type": "message",
        "id": f"out_{said.number}",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }


def _chat(said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None}
    if said.calls:
        message["tool_calls"] = [
            {
                "id": said.call_id(index),
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for index, call in enumerate(said.calls)
        ]
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    finish = "tool_calls" if said.calls else "stop"
    return {
        "id": f"chatcmpl-{said.number}",
        "object": "chat.completion",
        "created": 0,
        "model": said.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": said.tokens("input"),
            "completion_tokens": said.tokens("output"),
            "total_tokens": said.tokens("input") + said.tokens("output"),
            "prompt_tokens_details": {
                "cached_tokens": said.tokens("cached"),
                "cache_write_tokens": said.tokens("written"),
            },
            "completion_tokens_details": {"reasoning_tokens": said.tokens("reasoning")},
        },
    }


def _gemini(said: Said) -> Json:
    parts: list[JsonValue] = []
    if said.reasoning:
        parts.append({"text": said.reasoning, "thought": True})
    if said.text:
        parts.append({"text": said.text})
    for index, call in enumerate(said.calls):
        written: Json = {"name": call.name, "args": call.arguments}
        part: Json = {"functionCall": {**written, "id": call.id} if call.id else written}
        if said.reasoning and index == 0:  # of calls in parallel, only the first is signed
            part["thoughtSignature"] = f"c2lnbmF0dXJl+{said.number}/=="
        parts.append(part)
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": said.tokens("input"),
            "cachedContentTokenCount": said.tokens("cached"),
            "candidatesTokenCount": said.tokens("output") - said.tokens("reasoning"),
            "thoughtsTokenCount": said.tokens("reasoning"),
            "totalTokenCount": said.tokens("input") + said.tokens("output"),
        },
        "modelVersion": said.model,
        "responseId": f"gemini-{said.number}",
    }
