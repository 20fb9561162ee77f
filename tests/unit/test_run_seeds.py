"""What a run takes over of another one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.record import RunError, RunRecord, StepRecord
from ark_temporal.plan.shapes import EnsemblePlan, MapPlan
from ark_temporal.runs.replay import mended_plan
from ark_temporal.runs.retry import RetryRefusedError, retried, retry_id
from ark_temporal.runs.seeds import (
    Edit,
    SeedError,
    changed_steps,
    edited,
    failed_step,
    kept_parts,
    kept_steps,
)

SCHEMA: dict[str, JsonValue] = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
MAPPED = MapPlan(over="{{ .input.list }}")


def step(name: str, *after: str, **fields: Any) -> StepPlan:
    inputs = (PromptInput(name="task", template=f"do {name}"),)
    given: dict[str, Any] = {"role": "r", "depends_on": after, "inputs": inputs} | fields
    return StepPlan(name=name, **given)


def plan(*steps: StepPlan, **fields: Any) -> Plan:
    agents = {"r": AgentPlan(role="r", agent="a", model="m"), "q": AgentPlan(role="q", agent="q", model="m")}
    return Plan(team="desk", agents=agents, steps=steps, **fields)


def record(error: RunError | None = None, **phases: str | StepRecord) -> RunRecord:
    """A run whose steps ended so."""
    steps = [
        phase
        if isinstance(phase, StepRecord)
        else StepRecord.model_validate({"name": name, "role": "r", "phase": phase, "output": f"{name} said"})
        for name, phase in phases.items()
    ]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return RunRecord(id="run", team="desk", plan="d", start_time=start, steps=steps, error=error)


def names(steps: list[StepRecord]) -> list[str]:
    return [step.name for step in steps]


DIAMOND = plan(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"), step("e"))


def test_all_stays_that_does_not_come_after_the_step() -> None:
    done = record(a="Succeeded", b="Succeeded", c="Skipped", d="Succeeded", e="Succeeded")
    assert names(kept_steps(done, DIAMOND, [])) == ["a", "b", "c", "d", "e"]
    assert names(kept_steps(done, DIAMOND, ["b"])) == ["a", "c", "e"]
    assert names(kept_steps(done, DIAMOND, ["a"])) == ["e"]


def test_what_did_not_get_done_is_done_again() -> None:
    failed = record(a="Succeeded", b="Failed", c="Succeeded", d="Pending", e="Cancelled")
    assert names(kept_steps(failed, DIAMOND, [])) == ["a", "c"]


def test_a_new_plan_may_put_a_step_before_one_that_is_done() -> None:
    new = plan(step("new"), step("a", "new"), step("b", "a"), step("e"))
    done = record(a="Succeeded", b="Succeeded", e="Succeeded", gone="Succeeded")
    assert names(kept_steps(done, new, [])) == ["e"]


@given(st.data())
def test_a_step_that_stays_depends_on_steps_that_stay(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    labels = [f"s{number}" for number in range(count)]
    steps = [
        step(
            label,
            *data.draw(st.lists(st.sampled_from(labels[:place]), unique=True) if place else st.just([])),
        )
        for place, label in enumerate(labels)
    ]
    phases = {
        label: data.draw(st.sampled_from(["Succeeded", "Skipped", "Failed", "Pending"])) for label in labels
    }
    again = data.draw(st.sampled_from(labels))
    wanted = plan(*steps)
    kept = set(names(kept_steps(record(None, **phases), wanted, [again])))
    assert again not in kept
    for each in wanted.steps:
        holds = phases[each.name] in ("Succeeded", "Skipped") and each.name != again
        assert (each.name in kept) == (holds and kept.issuperset(each.depends_on))


def test_the_failed_step_is_the_one_that_the_error_names() -> None:
    assert failed_step(record(a="Succeeded", b="Failed", c="Failed")) == "b"
    named = RunError(type="X", message="x", step="c[7]")
    assert failed_step(record(named, a="Succeeded", b="Failed", c="Failed")) == "c"
    assert failed_step(record(RunError(type="TimedOut", message="x"), a="Cancelled")) is None


def parts(*phases: str) -> StepRecord:
    branches = [
        StepRecord.model_validate({"name": f"all[{place}]", "role": "r", "phase": phase})
        for place, phase in enumerate(phases)
    ]
    return StepRecord(name="all", role="r", phase="Failed", branches=branches)


@pytest.mark.parametrize(
    ("old", "new", "stay"),
    [
        ({"map": MAPPED}, {"map": MAPPED}, True),
        ({"map": MAPPED}, {"map": MAPPED, "inputs": ()}, True),
        ({"map": MAPPED}, {"map": MapPlan(over="{{ .input.other }}")}, False),
        ({"map": MAPPED}, {}, False),
        ({"ensemble": EnsemblePlan(roles=("r", "q"))}, {"ensemble": EnsemblePlan(roles=("r", "q"))}, True),
        ({"ensemble": EnsemblePlan(roles=("r", "q"))}, {"ensemble": EnsemblePlan(roles=("q", "r"))}, False),
        ({"fallback": ("q",)}, {"fallback": ("q",), "inputs": ()}, False),
    ],
)
def test_parts_that_were_done_stay_where_they_are_parts_of_the_same(
    old: dict[str, Any], new: dict[str, Any], stay: bool
) -> None:
    before, after = plan(step("all", **old)), plan(step("all", **new))
    done = record(all=parts("Succeeded", "Failed"))
    assert names(kept_parts(done, before, after, [], [])) == (["all"] if stay else [])
    assert kept_parts(done, before, after, [], ["all"]) == []
    assert kept_parts(record(all=parts("Failed")), before, after, [], []) == []


def test_parts_go_with_the_steps_that_they_depend_on() -> None:
    mapped = plan(step("list"), step("all", "list", map=MAPPED))
    done = record(list="Succeeded", all=parts("Succeeded"))
    assert names(kept_parts(done, mapped, mapped, kept_steps(done, mapped, []), [])) == ["all"]
    assert kept_parts(done, mapped, mapped, kept_steps(done, mapped, ["list"]), ["list"]) == []


def test_steps_that_a_new_plan_does_differently_are_named() -> None:
    kept = kept_steps(record(a="Succeeded", b="Succeeded"), DIAMOND, [])
    assert changed_steps(kept, DIAMOND, DIAMOND) == []
    edit = [step("a", inputs=()), *DIAMOND.steps[1:]]
    assert changed_steps(kept, DIAMOND, plan(*edit)) == ["a"]
    assert changed_steps(kept, DIAMOND, mended_plan(DIAMOND, "b", model="other")) == ["a", "b"]


def test_a_result_can_be_set() -> None:
    made = plan(step("a"), step("b", output_schema=SCHEMA), step("c", map=MAPPED, output_schema=SCHEMA))
    kept = kept_steps(record(a="Succeeded", b="Succeeded", c="Skipped"), made, [])
    edits = [
        Edit("a", "output", "other"),
        Edit("b", "output", '{"n": 2}'),
        Edit("c", "data", [{"n": 1}, {"n": 2}]),
    ]
    a, b, c = edited(kept, made, edits)
    assert (a.output, a.data) == ("other", None)
    assert (b.output, b.data) == ('{"n": 2}', {"n": 2})
    assert (c.phase, c.data, c.output) == ("Succeeded", [{"n": 1}, {"n": 2}], '[{"n": 1}, {"n": 2}]')
    assert all("edited" in each.warnings[0] for each in (a, b, c))
    assert [each.output for each in kept] == ["a said", "b said", "c said"]
    assert edited(kept, made, []) == kept


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (Edit("bb", "output", "x"), 'Did you mean "b"'),
        (Edit("z", "output", "x"), "the step is done again"),
        (Edit("b", "output", "x"), "must be JSON"),
        (Edit("b", "data", {"n": "one"}), r"data\['n'\]: 'one' is not of type 'integer'"),
        (Edit("c", "data", {"n": 1}), "must be a list"),
        (Edit("c", "data", [{"n": 1}, {}]), r"data\[1\]: 'n' is a required property"),
    ],
)
def test_a_result_that_cannot_be_is_refused(edit: Edit, told: str) -> None:
    made = plan(
        step("b", output_schema=SCHEMA), step("c", map=MAPPED, output_schema=SCHEMA), step("z", "b", "c")
    )
    kept = kept_steps(record(b="Succeeded", c="Succeeded", z="Failed"), made, [])
    with pytest.raises(SeedError, match=told):
        edited(kept, made, [edit])


def test_retries_are_numbered_from_the_first_run() -> None:
    assert (retry_id("x"), retry_id("x-retry-1"), retry_id("x-retry-9")) == (
        "x-retry-1",
        "x-retry-2",
        "x-retry-10",
    )
    assert (retried("x"), retried("x-retry-12"), retried("x-retry-0")) == (
        ("x", 0),
        ("x", 12),
        ("x-retry-0", 0),
    )


def test_another_prompt_and_model_are_for_one_step_and_its_agents() -> None:
    mended = mended_plan(
        plan(step("a"), step("b", role="q")), "b", prompt="{{ .input.topic }}, better", model="larger"
    )
    assert [each.template for each in mended.step("b").inputs] == ["{{ .input.topic }}, better"]
    assert [each.template for each in mended.step("a").inputs] == ["do a"]
    assert {role: agent.model for role, agent in mended.agents.items()} == {"r": "m", "q": "larger"}
    nested = plan(step("a", role="t"), teams={"t": plan(step("x"))})
    with pytest.raises(RetryRefusedError, match='by the team "t"'):
        mended_plan(nested, "a", model="larger")
