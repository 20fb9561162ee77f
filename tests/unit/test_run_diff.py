"""What two runs did differently, and how that is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ark_temporal.plan.record import RunRecord, StepRecord, TokenUsage
from ark_temporal.runs.diff import diff_runs
from cli.diff_text import describe_diff

START = datetime(2026, 1, 1, tzinfo=UTC)


def step(name: str, output: str = "same", **fields: Any) -> StepRecord:
    given = {"name": name, "role": name, "phase": "Succeeded", "output": output, "iterations": 1}
    return StepRecord.model_validate(given | fields)


def run(id: str, *steps: StepRecord, **fields: Any) -> RunRecord:
    given = {"id": id, "team": "desk", "plan": "p" * 64, "phase": "Succeeded", "start_time": START}
    return RunRecord.model_validate(given | {"steps": steps, "output": "fine"} | fields)


def test_runs_that_said_the_same_are_the_same_whatever_they_cost() -> None:
    usage = TokenUsage(total_tokens=900)
    a = run("a", step("x", model="small", token_usage=usage, cost_usd=0.5))
    b = run("b", step("x", model="large", reused_from="a"), plan="q" * 64)
    found = diff_runs(a, b)
    assert (found.same, found.same_plan, found.output) == (True, False, [])
    text = describe_diff(found, full=False)
    assert "small → large" in text
    assert "900 tok → –" in text
    assert "$0.5000 → –" in text


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (run("b", step("x", "other")), False),
        (run("b", step("x", phase="Skipped")), False),
        (run("b", step("x"), phase="Failed"), False),
        (run("b", step("x"), output="else"), False),
        (run("b", step("x"), step("y", "")), False),
        (run("b", step("x", "same\n")), True),
        (run("b", step("x"), input={"topic": "tea"}), True),
    ],
)
def test_whether_runs_are_the_same(other: RunRecord, same: bool) -> None:
    assert diff_runs(run("a", step("x")), other).same is same
    assert diff_runs(other, run("a", step("x"))).same is same


def test_json_is_the_same_however_it_is_written() -> None:
    a = run("a", step("x", '{"n": 1, "m": [2]}', data={"n": 1, "m": [2]}))
    b = run("b", step("x", '{"m":[2],"n":1}', data={"m": [2], "n": 1}))
    assert diff_runs(a, b).same
    c = run("c", step("x", '{"m":[3],"n":1}', data={"n": 1, "m": [3]}))
    assert [line for line in diff_runs(a, c).steps[0].output if line[0] in "+-"] == ["-    2", "+    3"]


def test_steps_are_put_side_by_side_by_name() -> None:
    later = START + timedelta(seconds=90)
    a = run(
        "a", step("x"), step("y", start_time=START, completion_time=later), input={"topic": "tea", "n": 1}
    )
    b = run("b", step("z"), step("x", "other", iterations=3), input={"topic": "oolong", "n": 1, "m": 2})
    found = diff_runs(a, b)
    assert [each.name for each in found.steps] == ["x", "y", "z"]
    assert [(each.a is None, each.b is None) for each in found.steps] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert {each.name for each in found.input} == {"topic", "m"}
    text = describe_diff(found, full=False)
    assert "topic: tea → oolong" in text
    assert "m: – → 2" in text
    assert "1 → 3" in text
    assert "1m30s → –" in text
    assert "\nstep x\n" in text
    assert "  -same\n  +other" in text
    told = found.model_dump(mode="json")
    assert (told["same"], told["steps"][1]["b"], told["a"]["id"]) == (False, None, "a")


def test_long_outputs_are_cut_unless_all_is_wanted() -> None:
    a = run("a", step("x", "\n".join(f"old {n} {'long ' * 100}" for n in range(40))))
    b = run("b", step("x", "\n".join(f"new {n}" for n in range(40))))
    found = diff_runs(a, b)
    short, whole = describe_diff(found, full=False), describe_diff(found, full=True)
    assert "more lines: --full shows all" in short
    assert "new 39" not in short
    assert "+new 39" in whole
    assert max(map(len, short.splitlines())) < 170
    assert "long " * 100 in whole
