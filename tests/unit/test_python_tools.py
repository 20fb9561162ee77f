"""Python functions as tools: what models see of them, and what a call of one brings."""

import asyncio
import contextlib
import functools
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue, field_validator

from ark_temporal.tools.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.python import PythonTools, RetryableToolError, ToolContext, ToolsError, tool
from ark_temporal.tools.types import ToolAnswer, ToolError, ToolInfo

CONTEXT = ToolContext(idempotency_key="key-1", run_id="run-1", attempt=2, role="writer")


class Place(BaseModel):
    """Where it is."""

    city: str
    zip_code: int = Field(default=0, ge=0)


class Colour(Enum):
    RED = "red"


@tool(effect="read", timeout_seconds=5)
def search(
    query: str,
    limit: Annotated[int, Field(ge=1, le=50, description="How many at most.")] = 10,
    kind: Literal["new", "old"] = "new",
    places: list[Place] | None = None,
) -> str:
    """Find things
    by their words.

    More about it, which models do not need.

    Args:
        query: What to look for,
            in any language.
        limit: Not this text, since the annotation has one.
        kind (str): Which: new ones or old ones.

    Returns:
        query: nothing about an argument.
    """
    return f"{query} {limit} {kind} {[place.city for place in places or []]}"


def info(function: Callable[..., Any]) -> ToolInfo:
    return PythonTools([function]).infos()[0]


async def called(function: Callable[..., Any], /, **arguments: Any) -> ToolAnswer:
    tools = PythonTools([function])
    return await tools.call(tools.infos()[0].name, arguments, CONTEXT)


async def failure(function: Callable[..., Any], /, **arguments: Any) -> ToolError:
    with pytest.raises(ToolError) as caught:
        await called(function, **arguments)
    return caught.value


def test_a_function_describes_itself() -> None:
    found = info(search)
    assert (found.name, found.description, found.effect) == ("search", "Find things by their words.", "read")
    assert (found.server, found.remote_name) == ("", "")
    place: JsonValue = {
        "type": "object",
        "title": "Place",
        "description": "Where it is.",
        "properties": {
            "city": {"type": "string"},
            "zip_code": {"type": "integer", "minimum": 0, "default": 0},
        },
        "required": ["city"],
    }
    assert found.input_schema == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "query": {"type": "string", "description": "What to look for, in any language."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": 50,
                "default": 10,
                "description": "How many at most.",
            },
            "kind": {
                "type": "string",
                "enum": ["new", "old"],
                "default": "new",
                "description": "Which: new ones or old ones.",
            },
            "places": {
                "anyOf": [{"type": "array", "items": {"$ref": "#/$defs/Place"}}, {"type": "null"}],
                "default": None,
            },
        },
        "required": ["query"],
        "$defs": {"Place": place},
    }  # fmt: skip


def test_the_function_itself_stays_as_it_is() -> None:
    assert search("x") == "x 10 new []"
    assert search.__name__ == "search"


def test_what_the_decorator_says_wins() -> None:
    @tool(name="find-it", description="Other words.", effect="idempotent", timeout_seconds=1.5)
    def plain() -> None:
        """Not these."""

    found = PythonTools([plain])
    assert found.infos() == (
        ToolInfo(
            name="find-it",
            description="Other words.",
            effect="idempotent",
            input_schema={"type": "object", "properties": {}, "additionalProperties": False},
            timeout_seconds=1.5,
        ),
    )
    known = found.get("find-it")
    assert known is not None
    assert (known.timeout_seconds, known.function) == (1.5, plain)
    assert found.get("plain") is None


def test_a_tool_is_unsafe_unless_it_says_otherwise() -> None:
    @tool
    def bare() -> str:
        return ""

    assert (info(bare).effect, info(bare).description) == ("unsafe", "")


async def test_arguments_may_have_any_name_that_python_allows() -> None:
    @tool
    def odd(model_config: str, schema: str, json: str, self: str, _private: str, copy: str = "c") -> str:
        return ",".join((model_config, schema, json, self, _private, copy))

    names = ["model_config", "schema", "json", "self", "_private", "copy"]
    properties = info(odd).input_schema["properties"]
    assert isinstance(properties, dict)
    assert list(properties) == names
    assert (await called(odd, **dict.fromkeys(names, "x"))).content == "x,x,x,x,x,x"


async def test_sync_and_async_functions_get_what_json_means() -> None:
    @tool
    async def meet(day: date, where: Place, tags: set[str], pair: tuple[int, str], colour: Colour) -> str:
        assert threading.current_thread() is threading.main_thread()
        return f"{day:%d.%m.} {where.city} {sorted(tags)} {pair} {colour.name}"

    arguments: dict[str, Any] = {
        "day": "2026-03-01",
        "where": {"city": "Ulm"},
        "tags": ["b", "a", "a"],
        "pair": [1, "x"],
        "colour": "red",
    }
    assert (await called(meet, **arguments)).content == "01.03. Ulm ['a', 'b'] (1, 'x') RED"
    assert (await called(search, query="x", places=[{"city": "Ulm"}])).content == "x 10 new ['Ulm']"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"query": 3}, "Argument query: Input should be a valid string."),
        ({}, "Argument query: Field required."),
        ({"query": "x", "limit": 99}, "Argument limit: Input should be less than or equal to 50."),
        ({"query": "x", "kind": "odd"}, "Argument kind: Input should be 'new' or 'old'."),
        ({"query": "x", "places": [{"zip_code": 1}]}, "Argument places[0].city: Field required."),
        ({"query": "x", "limt": 3}, "Argument limt: there is no such argument; known are: query, limit,"),
        ({"query": "\ud800"}, "The tool was not called"),
        ({"query": float("inf")}, "a number that JSON does not have"),
        ({"query": "x" * 2_000_000}, "too large"),
    ],
)  # fmt: skip
async def test_wrong_arguments_are_told_to_the_model(arguments: dict[str, Any], words: str) -> None:
    result = await called(search, **arguments)
    assert result.is_error
    assert words in result.content
    assert "pydantic" not in result.content
    assert len(result.content) < 500


async def test_a_context_is_filled_in_and_no_model_sees_it() -> None:
    @tool
    def plain(text: str, context: ToolContext) -> str:
        return f"{text} {context.idempotency_key} {context.run_id} {context.attempt} {context.role}"

    @tool
    async def optional(by: ToolContext | None = None) -> str:
        return by.role if by else "nobody"

    assert info(plain).input_schema["required"] == ["text"]
    assert "context" not in str(info(plain).input_schema)
    assert (await called(plain, text="x")).content == "x key-1 run-1 2 writer"
    assert (await called(optional)).content == "writer"
    assert await optional() == "nobody"
    assert (await called(plain, text="x", context={"role": "admin"})).is_error


@dataclass
class Point:
    x: int
    at: datetime


def giving(value: object) -> Callable[..., object]:
    """A tool that returns a value."""

    @tool
    def give() -> Any:
        return value

    return give


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is ü", "as it is ü"),
        ("", ""),
        (None, "done"),
        ({"a": [1, None, "ü"]}, '{"a":[1,null,"ü"]}'),
        ([Place(city="Ulm")], '[{"city":"Ulm","zip_code":0}]'),
        (Point(1, datetime(2026, 3, 1, tzinfo=UTC)), '{"x":1,"at":"2026-03-01T00:00:00Z"}'),
        (3, "3"),
        (True, "true"),
        (Colour.RED, '"red"'),
        ("half \ud800", "half ?"),
        (ToolAnswer(content="no", is_error=False), "no"),
    ],
)
async def test_whatever_is_returned_becomes_text(value: object, text: str) -> None:
    assert await called(giving(value)) == ToolAnswer(content=text)


async def test_what_cannot_be_json_is_an_error() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (object(), lambda: 1, b"\xff", iter([1]), loop, {1, object()}):
        result = await called(giving(value))
        assert result.is_error
        assert "cannot be written as JSON" in result.content


async def test_an_answer_that_is_too_large_is_refused() -> None:
    @tool
    def much() -> str:
        return "x" * (MAX_ANSWER_BYTES + 1)

    error = await failure(much)
    assert (error.type, error.sent, error.retryable) == ("ToolReplyTooLarge", True, False)


class BrokenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no such id"), "ValueError: no such id"),
        (KeyError("id"), "KeyError: 'id'"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"),
        (StopIteration("x"), "StopIteration: x"),
        (ExceptionGroup("g", [ValueError("a"), KeyError("b")]), "ValueError: a; KeyError: 'b'"),
        (BrokenError(), "BrokenError"),
        (ValueError("x" * 100_000), "ValueError: xxx"),
    ],
)
async def test_what_a_tool_raises_is_told_and_the_traceback_logged(
    error: BaseException, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    @tool
    def sync() -> None:
        raise error

    @tool
    async def not_sync() -> None:
        raise error

    for function in (sync, not_sync):
        caplog.clear()
        result = await called(function)
        assert result.is_error
        if function is sync or not isinstance(error, StopIteration):  # which no coroutine can raise
            assert result.content.startswith(text)
        assert len(result.content) <= 4000
        assert "in not_sync" in caplog.text or "in sync" in caplog.text
        assert "Traceback" not in result.content


async def test_a_tool_can_ask_to_be_tried_again() -> None:
    @tool
    def busy() -> None:
        raise RetryableToolError("The index is being built.")

    @tool
    async def lost() -> None:
        raise ToolError("ToolConnectionLost", "It broke off.", sent=True, retryable=False)

    error = await failure(busy)
    assert (str(error), error.sent, error.retryable) == ("The index is being built.", False, True)
    error = await failure(lost)
    assert (error.type, error.sent, error.retryable) == ("ToolConnectionLost", True, False)


async def test_a_tool_that_is_not_there_is_an_error_that_says_how_to_get_it() -> None:
    with pytest.raises(ToolError, match="--tools") as caught:
        await PythonTools().call("ghost", {}, CONTEXT)
    assert (caught.value.type, caught.value.sent) == ("ToolNotConfigured", False)


async def test_functions_that_block_run_side_by_side_with_the_callers_variables() -> None:
    caller: ContextVar[str] = ContextVar("caller")
    together = threading.Barrier(4, timeout=5)

    @tool
    def wait() -> str:
        together.wait()
        return caller.get()

    caller.set("me")
    tools = PythonTools([wait])
    answers = await asyncio.gather(*(tools.call("wait", {}, CONTEXT) for _ in range(4)))
    assert {answer.content for answer in answers} == {"me"}


async def test_no_more_threads_than_allowed_and_waiting_for_one_is_no_call() -> None:
    release = threading.Event()

    @tool(timeout_seconds=0.3)
    def hold() -> str:
        release.wait(10)
        return "held"

    tools = PythonTools([hold], max_threads=1)
    first = asyncio.create_task(tools.call("hold", {}, CONTEXT))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(tools.call("hold", {}, CONTEXT))
    results = await asyncio.gather(first, second, return_exceptions=True)
    errors = [result for result in results if isinstance(result, ToolError)]
    assert [(error.type, error.sent, error.retryable) for error in errors] == [
        ("ToolTimeout", True, True),
        ("ToolTimeout", False, True),
    ]
    # The thread is lost until the function comes back, and then it is not.
    release.set()
    await asyncio.sleep(0.1)
    assert (await tools.call("hold", {}, CONTEXT)).content == "held"


async def test_an_async_tool_is_stopped_after_its_time_and_may_clean_up() -> None:
    cleaned: list[str] = []

    @tool(timeout_seconds=0.1)
    async def slow() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append("up")

    error = await failure(slow)
    assert (error.type, error.sent, error.retryable) == ("ToolTimeout", True, True)
    assert "0.1 seconds" in str(error)
    assert cleaned == ["up"]


async def test_a_tool_that_will_not_stop_is_left_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()

    @tool(timeout_seconds=0.1)
    async def stubborn() -> None:
        while not release.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await release.wait()

    began = time.monotonic()
    assert (await failure(stubborn)).type == "ToolTimeout"
    assert time.monotonic() - began < 4
    assert "goes on although it was cancelled" in caplog.text
    release.set()
    await asyncio.sleep(0)


async def test_a_cancelled_call_cancels_its_tool() -> None:
    ended = asyncio.Event()

    @tool
    async def slow() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            ended.set()

    call = asyncio.create_task(called(slow))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert ended.is_set()


async def test_prints_of_tools_stay_out_of_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    @tool
    def loud() -> str:
        print("from a thread")
        sys.stdout.write("written\n")
        return "answer"

    @tool
    async def loud_too() -> str:
        print("from the loop")
        await asyncio.sleep(0.01)
        print("and again")
        return "answer"

    async def other() -> None:
        await asyncio.sleep(0.005)
        print("result")

    await asyncio.gather(called(loud), called(loud_too), other())
    out, err = capsys.readouterr()
    assert out == "result\n"
    assert sorted(err.splitlines()) == ["and again", "from a thread", "from the loop", "written"]


async def test_a_decorator_below_may_hide_that_a_function_is_async() -> None:
    def traced(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @tool
    @traced
    async def inner(text: str) -> str:
        """Says it."""
        return text

    assert (await called(inner, text="hi")).content == "hi"
    assert info(inner).description == "Says it."


async def test_a_validator_that_fails_in_an_unusual_way_is_an_error_of_the_tool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Picky(BaseModel):
        name: str

        @field_validator("name")
        @classmethod
        def check(cls, value: str) -> str:
            if value == "odd":
                raise ValueError("odd names are not taken")
            raise RuntimeError("the validator is broken")

    @tool
    def take(picky: Picky) -> None:
        return None

    with caplog.at_level(logging.CRITICAL):
        assert (await called(take, picky={"name": "x"})).content == "RuntimeError: the validator is broken"
    assert "odd names are not taken" in (await called(take, picky={"name": "odd"})).content


def refused(words: str, make: Callable[[], object]) -> None:
    with pytest.raises(ToolsError, match=words):
        make()


def test_functions_that_no_model_can_call_are_refused_where_they_are_written() -> None:
    def starred(*words: str) -> None: ...
    def double(**words: str) -> None: ...
    def positional(query: str, /) -> None: ...
    def strange(callback: Callable[[], None]) -> None: ...
    def alien(lock: threading.Lock) -> None: ...
    def two__parts() -> None: ...
    def stream() -> Iterator[int]:
        yield 1

    async def async_stream() -> AsyncIterator[int]:
        yield 1

    refused(r"\*words", lambda: tool(starred))
    refused(r"\*\*words", lambda: tool(double))
    refused("only be given by its position", lambda: tool(positional))
    refused("cannot be given as JSON", lambda: tool(strange))
    refused("cannot be given as JSON", lambda: tool(alien))
    refused("named 'two__parts'", lambda: tool(two__parts))
    refused("yields", lambda: tool(stream))
    refused("yields", lambda: tool(async_stream))
    refused("for functions", lambda: tool(Place))
    refused("timeout", lambda: tool(timeout_seconds=0)(ghostless))
    for name in ("", "a b", "1st", "-x", "größe", "x" * 65, "a__b"):
        refused("named", lambda name=name: tool(name=name)(ghostless))


def ghostless() -> None: ...


def test_only_marked_functions_and_different_names_are_taken() -> None:
    @tool(name="search")
    def other() -> None: ...

    @functools.wraps(search)
    def wrapped(*args: Any, **kwargs: Any) -> str:
        return search(*args, **kwargs)

    refused("is no tool", lambda: PythonTools([ghostless]))
    refused(r'named "search": .*\.search and .*other', lambda: PythonTools([search, other]))
    refused("wrapped by another decorator", lambda: PythonTools([wrapped]))
    assert len(PythonTools([search, search]).infos()) == 1
