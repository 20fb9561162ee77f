"""The mock model: answers at once, the same each time, without a key and without a network."""

import asyncio
import hashlib
import json
from collections import Counter
from fnmatch import fnmatchcase

from pydantic import JsonValue

from ark_temporal.llm.errors import ModelError
from ark_temporal.llm.mock._answer import conforming_value
from ark_temporal.llm.mock._budget import CannotAnswerError
from ark_temporal.llm.mock._calls import scripted_calls, turns_taken
from ark_temporal.llm.mock._prose import first_capability, plain_reply, topic
from ark_temporal.llm.mock._words import Setting
from ark_temporal.llm.mock.script import MockRule, MockScript
from ark_temporal.llm.types import (
    AssistantMessage,
    Message,
    ModelReply,
    ModelRequest,
    StopReason,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)

_ROUTE_REASON = "The mock model takes the first capability."


class MockModel:
    """Answers every request deterministically; a script says where it should answer otherwise.

    Keep one for the life of a process: `times` and `attempts` of a script are counted here.
    """

    def __init__(self, script: MockScript | None = None) -> None:
        script = script or MockScript()
        self._rules = tuple(enumerate(script.all_rules()))
        self._delay = script.defaults.delay_seconds
        self._uses: Counter[int] = Counter()
        self._failures: Counter[tuple[int, str, str, str, int]] = Counter()

    async def generate(self, request: ModelRequest) -> ModelReply:
        """Answer a request.

        Raises:
            ModelError: The script says so; the scripted delay is longer than the request may take; or the
                schema is one that the mock makes no answer for (`ModelBadReply`, not retryable).
        """
        index, rule = self._rule(request)
        failing = rule.fail is not None and self._fails(index, rule, request)
        await self._wait(rule, request)
        if rule.fail is not None and failing:
            raise rule.fail.error()
        return _reply(index, rule, request)

    async def aclose(self) -> None:
        """Nothing is held open; real models have something to close here."""

    def _rule(self, request: ModelRequest) -> tuple[int, MockRule]:
        """The first rule that matches, and its number; a rule without effect where none does."""
        for index, rule in self._rules:
            if (rule.times is None or self._uses[index] < rule.times) and _matches(index, rule, request):
                self._uses[index] += 1
                return index, rule
        return -1, _NO_RULE

    def _fails(self, index: int, rule: MockRule, request: ModelRequest) -> bool:
        if rule.fail is None or rule.fail.attempts is None:
            return True
        context = request.context
        key = (index, context.run, context.role, context.purpose, context.call)
        self._failures[key] += 1
        return self._failures[key] <= rule.fail.attempts

    async def _wait(self, rule: MockRule, request: ModelRequest) -> None:
        delay = self._delay if rule.delay_seconds is None else rule.delay_seconds
        if delay > request.timeout_seconds:
            await asyncio.sleep(request.timeout_seconds)
            raise ModelError(
                "ModelTimeout",
                f"The mock model was told to take {delay:g} s, and the call may take "
                f"{request.timeout_seconds:g} s; lower delaySeconds or raise the call's time limit.",
                retryable=True,
            )
        if delay:
            await asyncio.sleep(delay)


_NO_RULE = MockRule(reply=None)
"""Says nothing, so that the mock answers by itself."""


def _matches(index: int, rule: MockRule, request: ModelRequest) -> bool:
    context = request.context
    return (
        (rule.role is None or rule.role == context.role or fnmatchcase(context.role, rule.role))
        and rule.purpose in (None, context.purpose)
        and rule.call in (None, context.call)
        and not (rule.tool_calls and turns_taken(index, request) >= rule.turns)
        and (rule.contains is None or _contains(request, rule.contains.casefold()))
    )


def _contains(request: ModelRequest, text: str) -> bool:
    """Whether something like it was said to the model, by the user or by a tool."""
    return any(text in said.casefold() for message in reversed(request.messages) for said in _heard(message))


def _heard(message: Message) -> list[str]:
    if isinstance(message, UserMessage):
        return [message.text]
    return [result.content for result in message.results] if isinstance(message, ToolMessage) else []


def _reply(index: int, rule: MockRule, request: ModelRequest) -> ModelReply:
    unique = _digest(request)
    calls = scripted_calls(index, rule, request, unique)
    text = _text(rule, request, calls)
    stop: StopReason = rule.stop_reason or ("tool_use" if calls else "end")
    message = AssistantMessage(text=text, tool_calls=calls)
    return ModelReply(
        message=message,
        stop_reason=stop,
        usage=_usage(rule, request, message),
        model=rule.model or request.model,
        provider="mock",
        request_id=f"mock-{unique}",
    )


def _text(rule: MockRule, request: ModelRequest, calls: tuple[ToolCall, ...]) -> str:
    if isinstance(rule.reply, str):
        return rule.reply
    if rule.reply is not None:
        return json.dumps(rule.reply, ensure_ascii=False)
    return "" if calls else _own_text(request)


def _own_text(request: ModelRequest) -> str:
    purpose = request.context.purpose
    preferred: dict[str, JsonValue] = {}
    if purpose == "route":
        preferred = {"capability": first_capability(request), "reason": _ROUTE_REASON}
    if request.output_schema is not None:
        return _json_text(request, Setting(topic(request), preferred))
    if purpose == "route":
        return json.dumps(preferred, ensure_ascii=False)
    if purpose == "validate":
        return "VALID: the mock model accepts every output."
    return "HEALTHY" if purpose == "probe" else plain_reply(request)


def _json_text(request: ModelRequest, setting: Setting) -> str:
    try:
        value = conforming_value(request.output_schema, setting)
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except CannotAnswerError as error:
        who = f'role "{request.context.role}"' if request.context.role else "this call"
        raise ModelError(
            "ModelBadReply",
            f"The mock model cannot make up an answer to the output schema of {who}: at {error.at}, "
            f"{error.reason}. Script the reply with --mock-script, or make the schema simpler there.",
            retryable=False,
        ) from None


def _digest(request: ModelRequest) -> str:
    """A fingerprint of the request, taken where it differs from others of its run.

    The middle of a conversation is counted and not read: it grows with every turn, and each of its turns was
    the end of an earlier request.
    """
    ends = (*request.messages[:1], *request.messages[-2:])
    said = [message.model_dump_json() for message in ends]
    about = request.model_dump_json(exclude={"messages", "tools"})
    tools = [tool.name for tool in request.tools]
    text = json.dumps([len(request.messages), said, about, tools])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _usage(rule: MockRule, request: ModelRequest, message: AssistantMessage) -> Usage:
    """A token for each four characters, unless the rule says how many."""
    given = rule.usage
    read = given.input_tokens if given else None
    written = given.output_tokens if given else None
    return Usage(
        input_tokens=_tokens(_prompt_length(request)) if read is None else read,
        output_tokens=_tokens(_length(message)) if written is None else written,
    )


def _tokens(characters: int) -> int:
    return -(-characters // 4)


def _prompt_length(request: ModelRequest) -> int:
    schema = "" if request.output_schema is None else json.dumps(request.output_schema, ensure_ascii=False)
    tools = sum(
        len(tool.name) + len(tool.description) + len(json.dumps(tool.input_schema, ensure_ascii=False))
        for tool in request.tools
    )
    return len(request.system) + sum(map(_length, request.messages)) + tools + len(schema)


def _length(message: Message) -> int:
    if isinstance(message, UserMessage):
        return len(message.text)
    if isinstance(message, ToolMessage):
        return sum(len(result.content) for result in message.results)
    calls = sum(len(c.name) + len(json.dumps(c.arguments, ensure_ascii=False)) for c in message.tool_calls)
    return len(message.text) + calls
