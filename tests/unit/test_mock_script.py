"""Scripts for the mock model."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator

from ark_temporal.llm.errors import ModelError, ModelErrorType
from ark_temporal.llm.mock import MockModel, MockRule, MockScript, ScriptedFailure, load_mock_script
from ark_temporal.llm.types import (
    AssistantMessage,
    CallContext,
    ModelReply,
    ModelRequest,
    ToolMessage,
    ToolResult,
    UserMessage,
)

DOCS = Path(__file__).parents[2] / "docs" / "mock-provider.md"


def script(tmp_path: Path, text: str, name: str = "mock.yaml") -> MockScript:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load_mock_script(path)


def asked(prompt: str = "topic: tides", **context: object) -> ModelRequest:
    return ModelRequest(
        model="mock",
        system="You mention sharks.",
        messages=(UserMessage(text=prompt),),
        context=CallContext.model_validate(context),
        timeout_seconds=5,
    )


def after_tools(request: ModelRequest, reply: ModelReply) -> ModelRequest:
    """The next turn: each call answered with "done"."""
    results = tuple(
        ToolResult(call_id=call.id, name=call.name, content="done") for call in reply.message.tool_calls
    )
    turn = (*request.messages, reply.message, ToolMessage(results=results))
    return request.model_copy(update={"messages": turn})


async def test_the_first_rule_that_matches_wins(tmp_path: Path) -> None:
    model = MockModel(
        script(
            tmp_path,
            """
rules:
  - {role: editor, reply: by role}
  - {role: "research*", purpose: repair, reply: by pattern and purpose}
  - {call: 2, reply: by call}
  - {contains: WHALES, reply: by text}
  - {role: editor, reply: never}
""",
        )
    )
    cases = [
        (asked(role="editor"), "by role"),
        (asked(role="researcher", purpose="repair"), "by pattern and purpose"),
        (asked(call=2), "by call"),
        (asked("on whales"), "by text"),
    ]
    for request, reply in cases:
        assert (await model.generate(request)).text == reply
    for request in (asked(role="Editor"), asked(role="researcher"), asked("on sharks, but no big mammals")):
        assert (await model.generate(request)).text.startswith("[mock]")


async def test_contains_looks_at_what_was_said_and_not_at_the_system_prompt(tmp_path: Path) -> None:
    model = MockModel(
        script(tmp_path, "rules: [{contains: sharks, reply: found}, {contains: done, reply: tool}]")
    )
    assert (await model.generate(asked())).text.startswith("[mock]")
    heard = ToolMessage(results=(ToolResult(call_id="1", name="t", content="DONE"),))
    turn = asked().model_copy(update={"messages": (UserMessage(text="x"), AssistantMessage(), heard)})
    assert (await model.generate(turn)).text == "tool"


async def test_times_limits_how_often_a_rule_is_used(tmp_path: Path) -> None:
    model = MockModel(script(tmp_path, "rules: [{times: 2, reply: a}, {reply: b}]"))
    assert [(await model.generate(asked())).text for _ in range(4)] == ["a", "a", "b", "b"]


async def test_the_short_form_and_json_replies(tmp_path: Path) -> None:
    text = '{"replies": {"Tides": "high", "json": {"ok": [1, "é"]}}, "rules": [{"call": 1, "reply": "rule"}]}'
    model = MockModel(script(tmp_path, text, "mock.json"))
    assert (await model.generate(asked())).text == "high"
    assert (await model.generate(asked("as JSON"))).text == '{"ok": [1, "é"]}'
    assert (await model.generate(asked(call=1))).text == "rule"


async def test_plain_words_stay_text(tmp_path: Path) -> None:
    text = "rules: [{call: 0, reply: no}, {call: 1, reply: 2025-01-31}, {call: 2, reply: true}]"
    model = MockModel(script(tmp_path, text))
    assert [(await model.generate(asked(call=n))).text for n in range(3)] == ["no", "2025-01-31", "true"]


async def test_tool_calls_are_asked_for_once_in_a_conversation(tmp_path: Path) -> None:
    text = """
rules:
  - toolCalls:
      - {name: sea__level, arguments: {port: Brest}}
      - {name: delegate}
  - {contains: done, reply: finished}
"""
    model, request = MockModel(script(tmp_path, text)), asked(role="writer")
    reply = await model.generate(request)
    assert reply.stop_reason == "tool_use"
    assert [(c.name, c.arguments) for c in reply.message.tool_calls] == [
        ("sea__level", {"port": "Brest"}),
        ("delegate", {}),
    ]
    assert (await model.generate(after_tools(request, reply))).text == "finished"
    ids = [call.id for call in reply.message.tool_calls]
    again = await MockModel(script(tmp_path, text)).generate(request)
    other = await model.generate(asked(role="writer", call=1))
    assert [call.id for call in again.message.tool_calls] == ids
    assert len({*ids, *(call.id for call in other.message.tool_calls)}) == 4


async def test_what_the_reply_reports_can_be_set(tmp_path: Path) -> None:
    text = "rules: [{reply: x, model: mock-large, stopReason: max_tokens, usage: {inputTokens: 1000}}]"
    reply = await MockModel(script(tmp_path, text)).generate(asked())
    assert (reply.model, reply.stop_reason) == ("mock-large", "max_tokens")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (1000, 1)


async def failure(model: MockModel, request: ModelRequest) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await model.generate(request)
    return caught.value


@pytest.mark.parametrize("kind", get_args(ModelErrorType))
async def test_every_error_can_be_raised(kind: ModelErrorType) -> None:
    rule = MockRule(fail=ScriptedFailure(type=kind, message="Told to.", retry_after_seconds=3))
    error = await failure(MockModel(MockScript(rules=(rule,))), asked())
    assert (error.type, str(error), error.retry_after) == (kind, "Told to.", 3)
    rule = MockRule(fail=ScriptedFailure(type=kind, retryable=not error.retryable))
    assert (await failure(MockModel(MockScript(rules=(rule,))), asked())).retryable is not error.retryable


async def test_only_passing_trouble_is_worth_another_attempt(tmp_path: Path) -> None:
    text = "rules: [{call: 0, fail: {type: ModelRateLimited}}, {call: 1, fail: {type: ModelNotFound}}]"
    model = MockModel(script(tmp_path, text))
    assert (await failure(model, asked(call=0))).retryable
    assert not (await failure(model, asked(call=1))).retryable


async def test_attempts_fail_first_and_then_answer(tmp_path: Path) -> None:
    text = "rules: [{role: w, reply: at last, fail: {type: ModelOverloaded, attempts: 2}}]"
    model = MockModel(script(tmp_path, text))
    for call in (0, 1):
        await failure(model, asked(role="w", call=call))
        await failure(model, asked(role="w", call=call))
        assert (await model.generate(asked(role="w", call=call))).text == "at last"


async def test_delays_are_waited_and_cut_at_the_time_limit(tmp_path: Path) -> None:
    text = "{defaults: {delaySeconds: 0.8}, rules: [{call: 1, delaySeconds: 0}, {call: 2, delaySeconds: 60}]}"
    model = MockModel(script(tmp_path, text))
    start = time.perf_counter()
    await asyncio.gather(*(model.generate(asked()) for _ in range(5)))
    assert 0.7 < time.perf_counter() - start < 3
    start = time.perf_counter()
    await model.generate(asked(call=1))
    assert time.perf_counter() - start < 0.7
    late = await failure(model, asked(call=2).model_copy(update={"timeout_seconds": 0.05}))
    assert (late.type, late.retryable) == ("ModelTimeout", True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules:\n  - role: a\n    replay: x\n", r'mock\.yaml:3:5: rules\[0\]\.replay: .*nearest is "reply"'),
        ("rules:\n- fail: {typ: ModelTimeout}\n", r'rules\[0\]\.fail\.typ: .*"type"'),
        ("rules:\n- fail: {typ: ModelTimeout}\n", r"mock\.yaml:2:3: rules\[0\]\.fail\.type: It is required"),
        (
            "rules:\n- fail: {type: Timeout}\n",
            r"rules\[0\]\.fail\.type: It should be .*ModelTimeout.*'Timeout'",
        ),
        ("rules: [{toolCalls: [{nam: x}]}]", r'toolCalls\[0\]\.nam: .*"name"'),
        ("rules: [{tool_calls: [{name: x}]}]", r'tool_calls: .*"toolCalls"'),
        ("rules: [{role: a}]", r"rules\[0\]: the rule says when but not what"),
        ("rules: [{reply: x, turns: 3}]", r"rules\[0\]: turns says how often toolCalls .* there are none"),
        ("rules: [{toolCalls: [{name: x, repeat: 0}]}]", r"toolCalls\[0\]\.repeat: It should be greater"),
        ("rules: [{reply: x, times: 0}]", r"rules\[0\]\.times: It should be greater than"),
        ("rules: [{reply: x, delaySeconds: -1}]", r"delaySeconds: It should"),
        (
            "rules: [{reply: x, usage: {inputTokens: many}}]",
            r"usage\.inputTokens: It should be a valid integer",
        ),
        ("rules: [{reply: !!binary aGk=}]", r"rules\[0\]\.reply: "),
        ("rules:\n  - reply: x\n    reply: y\n", r"mock\.yaml:3:5: .*'reply' is there twice"),
        ("rules: [", r"mock\.yaml:1:9: The mock script is not valid YAML or JSON"),
        ("a: 1\n---\nb: 2\n", r"not valid YAML"),
        ("- reply: x\n", r"mock\.yaml:1:1: The mock script: It should be"),
        ("", r"is empty"),
        ("weird: 1\n", r"weird: .*known are rules, replies, defaults"),
    ],
)
def test_bad_scripts_are_refused_with_place_and_mend(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        script(tmp_path, text)


def test_unreadable_scripts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml: .* cannot be read .*check the path"):
        load_mock_script(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="cannot be read"):
        load_mock_script(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"replies: {a: \xe9}")
    with pytest.raises(ValueError, match="UTF-8"):
        load_mock_script(tmp_path / "latin.yaml")


def test_several_errors_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="times") as caught:
        script(tmp_path, "rules: [{reply: x, times: 0}, {reply: x, call: -1}]")
    assert len(str(caught.value).splitlines()) == 2


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


async def test_the_examples_of_the_docs_work(tmp_path: Path) -> None:
    found = examples("yaml")
    assert len(found) >= 2
    for text in found:
        model = MockModel(script(tmp_path, text))
        assert await model.generate(asked("nothing in particular", role="nobody"))


def test_scripts_have_a_json_schema() -> None:
    schema = MockScript.model_json_schema()
    Draft202012Validator.check_schema(schema)
    checker: Any = Draft202012Validator(schema)
    for text in examples("yaml"):
        checker.validate(yaml.safe_load(text))
    assert json.dumps(schema)


def test_every_key_is_documented() -> None:
    schema = MockScript.model_json_schema()
    properties = [
        schema["properties"],
        *(part["properties"] for part in schema["$defs"].values() if "properties" in part),
    ]
    text = DOCS.read_text(encoding="utf-8")
    for names in properties:
        for name in names:
            assert f"`{name}`" in text, name


async def play(model: MockModel, request: ModelRequest) -> list[ModelReply]:
    """All replies of a conversation in which each tool call is answered with "done"."""
    replies = [await model.generate(request)]
    while replies[-1].message.tool_calls:
        request = after_tools(request, replies[-1])
        replies.append(await model.generate(request))
    return replies


def calls_of(reply: ModelReply) -> list[tuple[str, object]]:
    return [(call.name, call.arguments) for call in reply.message.tool_calls]


async def test_tools_are_called_for_several_turns_with_their_numbers(tmp_path: Path) -> None:
    text = """
rules:
  - turns: 2
    toolCalls:
      - {name: read, arguments: {file: "part-$turn.txt", deep: [{at: $turn}], price: $turns or $5, n: 7}}
      - {name: list}
  - {turns: 1, toolCalls: [{name: write, arguments: {copy: $turn}}]}
  - {contains: DONE, reply: finished}
"""
    replies = await play(MockModel(script(tmp_path, text)), asked())
    first = {"file": "part-0.txt", "deep": [{"at": 0}], "price": "$turns or $5", "n": 7}
    second = {"file": "part-1.txt", "deep": [{"at": 1}], "price": "$turns or $5", "n": 7}
    assert [calls_of(reply) for reply in replies] == [
        [("read", first), ("list", {})],
        [("read", second), ("list", {})],
        [("write", {"copy": 0})],
        [],
    ]
    assert replies[-1].text == "finished"


async def test_a_new_question_begins_the_turns_anew(tmp_path: Path) -> None:
    model = MockModel(script(tmp_path, "rules: [{turns: 2, toolCalls: [{name: t, arguments: {i: $turn}}]}]"))
    request = asked()
    for _ in range(2):
        request = after_tools(request, await model.generate(request))
    assert not (await model.generate(request)).message.tool_calls
    again = request.model_copy(update={"messages": (*request.messages, UserMessage(text="Again."))})
    assert [calls_of(reply) for reply in await play(model, again)] == [
        [("t", {"i": 0})],
        [("t", {"i": 1})],
        [],
    ]


async def test_many_calls_at_once_for_many_turns(tmp_path: Path) -> None:
    text = "rules: [{turns: 20, toolCalls: [{name: t, repeat: 50, arguments: {i: '$turn-$n', n: $n}}]}]"
    replies = await play(MockModel(script(tmp_path, text)), asked())
    calls = [call for reply in replies for call in reply.message.tool_calls]
    assert len({call.id for call in calls}) == len(calls) == 1000
    assert calls[0].arguments == {"i": "0-0", "n": 0}
    assert calls[-1].arguments == {"i": "19-49", "n": 49}


@pytest.mark.slow
async def test_a_thousand_turns_take_seconds(tmp_path: Path) -> None:
    text = "rules: [{contains: absent, reply: x}, {turns: 1000, toolCalls: [{name: t}]}, {reply: finished}]"
    started = time.thread_time()
    replies = await play(MockModel(script(tmp_path, text)), asked())
    assert (len(replies), replies[-1].text) == (1001, "finished")
    assert len({reply.request_id for reply in replies}) == 1001
    assert time.thread_time() - started < 20
