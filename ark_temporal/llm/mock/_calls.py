"""Tool calls as a script words them."""

import re
from collections.abc import Iterator

from pydantic import JsonValue

from ark_temporal.llm.mock.script import MockRule
from ark_temporal.llm.types import ModelRequest, ToolCall, ToolMessage, UserMessage

_PLACEHOLDER = re.compile(r"\$(turn|n)\b")


def scripted_calls(index: int, rule: MockRule, request: ModelRequest, unique: str) -> tuple[ToolCall, ...]:
    """The calls that a rule, by its number in the script, asks for in this turn."""
    if not rule.tool_calls:
        return ()
    asked = _asked(rule, turns_taken(index, request))
    return tuple(
        ToolCall(id=f"{_prefix(index)}{unique}_{number}", name=name, arguments=arguments)
        for number, (name, arguments) in enumerate(asked)
    )


def turns_taken(index: int, request: ModelRequest) -> int:
    """In how many turns a rule's calls got their results since the user last said something."""
    prefix, taken = _prefix(index), 0
    for message in reversed(request.messages):
        if isinstance(message, UserMessage):
            break
        if isinstance(message, ToolMessage):
            taken += any(result.call_id.startswith(prefix) for result in message.results)
    return taken


def _prefix(index: int) -> str:
    return f"mock_{index}_"


def _asked(rule: MockRule, turn: int) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    for call in rule.tool_calls:
        for n in range(call.repeat):
            numbers = {"turn": turn, "n": n}
            yield call.name, {name: _filled(value, numbers) for name, value in call.arguments.items()}


def _filled(value: JsonValue, numbers: dict[str, int]) -> JsonValue:
    if isinstance(value, dict):
        return {name: _filled(inner, numbers) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, numbers) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        return numbers[whole.group(1)]
    return _PLACEHOLDER.sub(lambda found: str(numbers[found.group(1)]), value)
