"""A run's input against what its team declares."""

import pytest
from pydantic import JsonValue

from ark_temporal.plan.inputs import InputError, resolve_input, task_input
from ark_temporal.plan.model import InputPlan, InputType, Plan
from tests.unit.plan.driving import plan, step


def desk(*inputs: InputPlan, **older: str) -> Plan:
    return plan(step("a"), inputs=inputs).model_copy(update={"input_defaults": older})


def only(type: InputType, value: JsonValue) -> JsonValue:
    """What becomes of one value for an input of that type."""
    return resolve_input(desk(InputPlan(name="x", type=type)), {"x": value})["x"]


def test_all_that_is_missing_is_told_at_once_with_what_it_is() -> None:
    team = desk(
        InputPlan(name="topic", required=True, description="What it is about"),
        InputPlan(name="count", required=True, type="integer"),
        InputPlan(name="size", type="integer"),
    )
    with pytest.raises(InputError) as caught:
        resolve_input(team, {"size": "big"})
    assert len(caught.value.problems) == 3
    text = str(caught.value)
    assert '"topic" (What it is about)' in text
    assert "-i topic=" in text
    assert '"count"' in text
    assert '"size"' in text
    assert "integer" in text


def test_null_stands_for_what_is_not_given() -> None:
    team = desk(InputPlan(name="topic", required=True), InputPlan(name="size", default=3, type="integer"))
    with pytest.raises(InputError, match='"topic"'):
        resolve_input(team, {"topic": None})
    assert resolve_input(team, {"topic": "x", "size": None}) == {"topic": "x", "size": 3}


def test_empty_text_is_given() -> None:
    assert resolve_input(desk(InputPlan(name="topic", required=True)), {"topic": ""}) == {"topic": ""}


def test_defaults_give_way_to_what_is_given() -> None:
    team = desk(
        InputPlan(name="tone", default="dry"), InputPlan(name="size", type="integer"), size="4", town="Bern"
    )
    assert resolve_input(team, {}) == {"tone": "dry", "size": 4, "town": "Bern"}
    assert resolve_input(team, {"tone": "warm", "size": 5, "town": "Ulm"}) == {
        "tone": "warm",
        "size": 5,
        "town": "Ulm",
    }


def test_an_older_default_satisfies_a_required_input() -> None:
    assert resolve_input(desk(InputPlan(name="x", required=True), x="1"), {}) == {"x": "1"}


def test_an_older_default_must_be_of_the_declared_type() -> None:
    with pytest.raises(InputError, match=r'"x" .* integer'):
        resolve_input(desk(InputPlan(name="x", type="integer"), x="many"), {})


def test_what_is_not_declared_passes_as_it_is() -> None:
    given: dict[str, JsonValue] = {"n": "3", "deep": {"a": [1, None]}, "nothing": None}
    assert resolve_input(desk(), given) == given


@pytest.mark.parametrize(
    ("type", "given", "wanted"),
    [
        ("string", "3", "3"),
        ("string", 3, "3"),
        ("string", True, "true"),
        ("integer", "3", 3),
        ("integer", "3.0", 3),
        ("integer", 3.0, 3),
        ("number", "2.5", 2.5),
        ("number", 2, 2),
        ("boolean", "false", False),
        ("object", '{"a": 1}', {"a": 1}),
        ("array", "[1, 2]", [1, 2]),
        ("array", [], []),
    ],
)
def test_values_are_brought_to_their_type(type: InputType, given: JsonValue, wanted: JsonValue) -> None:
    found = only(type, given)
    assert (found, found.__class__) == (wanted, wanted.__class__)


@pytest.mark.parametrize(
    ("type", "given"),
    [
        ("integer", "three"),
        ("integer", "3.5"),
        ("integer", True),
        ("integer", "true"),
        ("number", "NaN"),
        ("number", "1e999"),
        ("number", float("nan")),
        ("number", "-Infinity"),
        ("number", True),
        ("boolean", "yes"),
        ("boolean", 1),
        ("object", "[]"),
        ("array", "{}"),
        ("array", "[" * 100_000),
        ("integer", "9" * 5000),
        ("string", ["a"]),
        ("string", "\udcff"),
    ],
)
def test_other_values_are_refused_in_a_sentence(type: InputType, given: JsonValue) -> None:
    with pytest.raises(InputError) as caught:
        only(type, given)
    assert 'Input "x" of team "desk"' in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("given", ["\ud800", {"a": [float("inf")]}, {"\udcff": 1}])
def test_what_json_cannot_say_is_refused_even_undeclared(given: JsonValue) -> None:
    with pytest.raises(InputError, match="JSON"):
        resolve_input(desk(), {"x": given})


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ((), "task"),
        ((InputPlan(name="a", required=True), InputPlan(name="task")), "task"),
        ((InputPlan(name="a"), InputPlan(name="b", required=True)), "b"),
        ((InputPlan(name="a"), InputPlan(name="b", required=True, default="x")), "a"),
        ((InputPlan(name="a", required=True), InputPlan(name="b", required=True)), "a"),
        ((InputPlan(name="a", type="integer"), InputPlan(name="b")), "b"),
    ],
)
def test_bare_text_becomes_the_input_that_it_is_meant_for(inputs: tuple[InputPlan, ...], name: str) -> None:
    assert task_input(desk(*inputs), "Sort it.") == {name: "Sort it."}


def test_bare_text_is_read_as_its_input_demands() -> None:
    assert task_input(desk(InputPlan(name="n", type="integer")), "3") == {"n": 3}


@pytest.mark.parametrize("needed", [True, False])
def test_bare_text_that_no_input_takes_is_refused_with_what_there_is(needed: bool) -> None:
    with pytest.raises(InputError, match=r"takes a bare task, but n \(integer\)") as caught:
        task_input(desk(InputPlan(name="n", type="integer", required=needed)), "Sort it.")
    assert "-i" in str(caught.value)
