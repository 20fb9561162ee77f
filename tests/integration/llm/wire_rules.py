"""What providers demand of a conversation with tools, for the stub server.

Each rule is one that the real API answers with a 400, or (for compatible servers) that some chat template or
server fails on. They look at a request as it is on the wire, and at the turns that the server itself gave.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from tests.integration.llm.wire_formats import Format

Turn = list[dict[str, Any]]

_OLD_GEMINI = re.compile(r"gemini-[12]")


class BrokenRuleError(Exception):
    """The request is one that the provider refuses."""


def check(format: Format, body: dict[str, Any], model: str, given: Sequence[Turn]) -> None:
    """Refuse a request as the provider would.

    Args:
        format: Whose rules.
        body: The request.
        model: The model that is asked.
        given: The assistant's turns, as this server gave them.

    Raises:
        BrokenRuleError: It breaks a rule; says which.
    """
    match format:
        case "anthropic":
            _anthropic(body, given)
        case "responses":
            _responses(body, given)
        case "chat":
            _chat(body, given)
        case "gemini":
            _gemini(body, model, given)


def given_turn(format: Format, reply: Any) -> Turn:
    """The assistant's turn in a reply, as it has to come back."""
    match format:
        case "anthropic":
            return reply["content"]
        case "responses":
            return reply["output"]
        case "chat":
            return [reply["choices"][0]["message"]]
        case "gemini":
            return reply["candidates"][0]["content"]["parts"]


def _demand(holds: object, rule: str) -> None:
    if not holds:
        raise BrokenRuleError(rule)


def _anthropic(body: dict[str, Any], given: Sequence[Turn]) -> None:
    messages: list[dict[str, Any]] = body["messages"]
    _demand(messages and messages[0]["role"] == messages[-1]["role"] == "user", "the user begins and ends")
    roles = [message["role"] for message in messages]
    _demand(all(a != b for a, b in pairwise(roles)), "user and assistant take turns")
    marks = json.dumps(body).count('"cache_control"')
    _demand(marks <= 4, f"at most 4 cache breakpoints, not {marks}")
    waiting: list[str] = []
    for message in messages:
        blocks: Turn = message["content"]
        _demand(blocks, "content is not empty")
        for block in blocks:
            _demand(block["type"] != "text" or block["text"].strip(), "text blocks hold text")
            _demand(
                not block.get("is_error") or block["content"], "content cannot be empty if is_error is true"
            )
            _demand("thinking" not in block["type"] or "cache_control" not in block, "thinking is not cached")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        _demand(results == waiting, f"results for {waiting} in the next message, not for {results}")
        _demand(
            [b["type"] for b in blocks[: len(results)]] == ["tool_result"] * len(results), "results first"
        )
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if message["role"] == "assistant":
            _demand("thinking" not in blocks[-1]["type"], "the final block cannot be thinking")
            _demand(all(isinstance(b["input"], dict) for b in blocks if b["type"] == "tool_use"), "input")
            _came_back(blocks, given, "id")
    _demand(not waiting, "the last message answers all tool calls")


def _responses(body: dict[str, Any], given: Sequence[Turn]) -> None:
    items: list[dict[str, Any]] = body["input"]
    _demand(body["store"] is False, "nothing is stored")
    open_calls: list[str] = []
    for item, following in zip(items, [*items[1:], {"role": "user"}], strict=True):
        kind = item.get("type", "message")
        _demand(
            kind == "reasoning" or len(item.get("call_id", "")) <= 64, "call ids of 64 characters at most"
        )
        if kind == "function_call":
            _demand(isinstance(item["arguments"], str), "arguments are text")
            open_calls.append(item["call_id"])
        elif kind == "function_call_output":
            _demand(item["call_id"] in open_calls, f"no tool call found for {item['call_id']}")
            open_calls.remove(item["call_id"])
        elif kind == "reasoning":
            _demand(item["encrypted_content"], "reasoning that is not stored comes back encrypted")
            _demand(
                following.get("role") != "user" and following.get("type") != "function_call_output",
                "reasoning without its required following item",
            )
        else:
            _demand(not open_calls, f"no tool output found for {open_calls}")
            _demand(item["content"], "messages hold text")
    _demand(not open_calls, f"no tool output found for {open_calls}")
    for turn in _runs(items):
        _came_back(turn, given, "call_id")


def _runs(items: Turn) -> Iterator[Turn]:
    """The assistant's turns: what stands between what the user and the tools say."""
    turn: Turn = []
    for item in items:
        if item.get("role") == "user" or item.get("type") == "function_call_output":
            yield turn
            turn = []
        else:
            turn.append(item)


def _chat(body: dict[str, Any], given: Sequence[Turn]) -> None:
    waiting: list[str] = []
    before = ""
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            _demand(message["tool_call_id"] in waiting, f"no tool call {message['tool_call_id']}")
            waiting.remove(message["tool_call_id"])
        else:
            _demand(not waiting, f"tool calls {waiting} are answered before anything else")
            _demand(role != before, "user and assistant take turns")
        calls: Turn = message.get("tool_calls") or []
        _demand(message.get("content") or calls, f"a message of {role} says something")
        for call in calls:
            _demand(isinstance(json.loads(call["function"]["arguments"]), dict), "arguments are an object")
        waiting += [call["id"] for call in calls]
        _demand(len(set(waiting)) == len(waiting), "call ids differ")
        if calls:
            for turn in given:
                if turn[0].get("tool_calls") == calls:
                    _demand(
                        message.get("reasoning_content") == turn[0].get("reasoning_content"), "reasoning back"
                    )
        before = role
    _demand(not waiting, f"tool calls {waiting} are answered")


def _gemini(body: dict[str, Any], model: str, given: Sequence[Turn]) -> None:
    schema = "responseJsonSchema" in body.get("generationConfig", {})
    old = _OLD_GEMINI.match(model)
    _demand(not (old and schema and body.get("tools")), "function calling with a JSON answer is unsupported")
    waiting: list[str | None] = []
    for content in body["contents"]:
        parts: Turn = content["parts"]
        _demand(parts, "parts are not empty")
        results = [p["functionResponse"].get("id") for p in parts if "functionResponse" in p]
        _demand(results == waiting, f"responses for {waiting} right after the calls, not for {results}")
        calls = [part for part in parts if "functionCall" in part]
        waiting = [call["functionCall"].get("id") for call in calls]
        if calls:
            _demand(old or "thoughtSignature" in calls[0], "function call is missing a thought_signature")
            _demand(all(isinstance(call["functionCall"]["args"], dict) for call in calls), "args")
            _came_back(parts, given, "thoughtSignature")
    _demand(not waiting, "the last content answers all function calls")


def _came_back(turn: Turn, given: Sequence[Turn], mark: str) -> None:
    """A turn of this server comes back as it was given."""
    marks = {block[mark] for block in turn if mark in block}
    for told in given:
        if marks & {block[mark] for block in told if mark in block}:
            _demand(turn == told, f"{turn} came back for {told}")
