"""The frozen plan."""

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from ark_temporal.plan.model import AgentPlan, LoopPlan, Plan, ValidationPlan
from tests.unit.plan.driving import OBJECT, plan, step

FULL = plan(
    step("a", schema=OBJECT, validation=ValidationPlan(semantic="Good?", reject_patterns=("x",))),
    step("b", after=("a",), condition="yes", loop=LoopPlan(condition="no")),
    output="{{ .steps.b.output }}",
    max_tokens=1000,
)


def test_a_digest_is_the_same_for_every_hash_seed_and_order_of_keys() -> None:
    code = (
        "import sys; from ark_temporal.plan.model import Plan;"
        "print(Plan.model_validate_json(sys.stdin.read()).digest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=FULL.model_dump_json(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    turned = plan(*FULL.steps, output=FULL.output, max_tokens=1000).model_copy(
        update={"agents": dict(reversed(two_agents().items()))}
    )
    assert digests == {FULL.digest()}
    assert turned.digest() == turned.model_copy(update={"agents": two_agents()}).digest()


def two_agents() -> dict[str, AgentPlan]:
    return {
        **FULL.agents,
        "other": AgentPlan(role="other", agent="desk-other", model="m"),
    }


def test_the_order_of_keys_in_a_schema_is_not_the_plans_identity() -> None:
    one = plan(step("a", schema={"type": "object", "required": ["n"]}))
    assert one.digest() == plan(step("a", schema={"required": ["n"], "type": "object"})).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"team": "other"},
        {"namespace": "press"},
        {"max_tokens": 1001},
        {"output": None},
        {"steps": FULL.steps[::-1]},
        {"steps": (step("a", "Other words."), FULL.steps[1])},
        {"agents": {"worker": AgentPlan(role="worker", agent="desk-worker", model="small-2")}},
    ],
)
def test_any_change_changes_the_digest(change: dict[str, object]) -> None:
    assert FULL.model_copy(update=change).digest() != FULL.digest()


def test_a_field_that_says_what_is_the_default_anyway_does_not_change_the_digest() -> None:
    spelled = plan(step("a", loop=LoopPlan(condition="x", max_iterations=10))).model_copy(
        update={"namespace": "default"}
    )
    assert spelled.digest() == plan(step("a", loop=LoopPlan(condition="x"))).digest()


def test_a_field_added_later_with_a_default_does_not_change_the_digest() -> None:
    class LaterPlan(Plan):
        later: int = 5

    assert LaterPlan.model_validate(FULL.model_dump()).digest() == FULL.digest()


def test_a_plan_of_another_version_or_with_unknown_fields_is_refused() -> None:
    written = FULL.model_dump()
    for change in ({"version": 2}, {"tomorrow": True}):
        with pytest.raises(ValidationError):
            Plan.model_validate({**written, **change})


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((), "needs steps"),
        ((step("a"), step("a")), "name of its own"),
        ((step("a", after=("a",)),), "wait for each other: a"),
        (
            (step("a", after=("b",)), step("b", after=("c",)), step("c", after=("b",))),
            "wait for each other: ",
        ),
        ((step("a", after=("ghost",)),), '"a" depends on "ghost"'),
        ((step("a").model_copy(update={"role": "nobody"}),), '"nobody"'),
    ],
)
def test_a_plan_that_could_never_end_is_refused(steps: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Plan.model_validate({"team": "desk", "agents": FULL.agents, "steps": steps})


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        FULL.team = "other"  # pyright: ignore[reportAttributeAccessIssue]
