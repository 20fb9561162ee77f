"""What Temporal's Web UI is told about a run."""

from typing import Any

import pytest

from ark_temporal.plan.calls import ChildRun, ModelCall, Notification, Page
from ark_temporal.plan.model import Plan
from ark_temporal.plan.people import NotifyPlan
from ark_temporal.plan.record import Awaiting, AwaitingKind, RunRecord, StepRecord, Verdict
from ark_temporal.plan.summary import describe_request, describe_run, detail_plan, summarize_plan
from tests.unit.plan.driving import START, Run, plan, said, step

SUMMARY_LIMIT, DETAILS_LIMIT = 400, 20_000
"""Bytes that Temporal takes."""


def test_a_plan_is_one_line() -> None:
    desk = plan(step("a"), step("b"))
    assert summarize_plan(desk, desk.digest()) == f"team desk · 2 steps · plan {desk.digest()[:8]}"
    assert "· 1 step ·" in summarize_plan(plan(step("a")), "abc")


def test_a_call_says_its_step_purpose_model_and_round() -> None:
    call = ModelCall(id="x", step="a", role="r", model="m", prompt="p")
    assert describe_request(call) == "a · m"
    again = call.model_copy(update={"purpose": "repair", "iteration": 3})
    assert describe_request(again) == "a (repair) · m · iteration 3"


def test_nothing_is_longer_than_temporal_takes() -> None:
    names = [f"{number:03}{'漢' * 200}" for number in range(120)]
    wide = plan(*(step(name) for name in names), step("end", after=tuple(names)))
    wide = wide.model_copy(update={"team": "漢" * 400})
    call = ModelCall(id="x", step=names[0], role="r", model="m" * 300, prompt="p")
    for summary in (summarize_plan(wide, wide.digest()), describe_request(call)):
        assert 200 < len(summary.encode()) < SUMMARY_LIMIT
    assert 10_000 < len(detail_plan(wide).encode()) < DETAILS_LIMIT


def test_a_run_is_a_table_of_its_steps_with_its_error() -> None:
    run = Run(plan(step("a"), step("b", condition="no"), step("c")))
    run.settle(("a", said(tokens=321, cost=0.5)))
    text = describe_run(run.record)
    assert text.startswith("**Running** · 321 tokens · $0.5000\n")
    assert "| ✓ | a | 1.0 s | 321 |" in text
    assert "| ⊘ | b — Its condition `if` was 'no'. |" in text
    run.fail("c", message="The key is wrong.")
    text = describe_run(run.record)
    assert text.startswith("**Failed**")
    assert text.endswith("The key is wrong.")


def test_what_waits_for_a_person_is_told() -> None:
    run = Run(plan(step("a")))
    assert "waits for a person" not in describe_run(run.record)
    run.record.awaiting = [
        Awaiting(id=f"a#tool-1.{n}", step="a", message="Paid or not? " * 200, since=START) for n in range(50)
    ]
    text = describe_run(run.record)
    assert "**a waits for a person** (tool-outcome `a#tool-1.0`): Paid or not?" in text
    assert "40 more wait: `ark-temporal approvals list desk-run-1`" in text
    assert len(text.encode()) < DETAILS_LIMIT


DIGEST = "3fa9c1d2e4b5" + "0" * 52


def waiting(kind: AwaitingKind, *decisions: Verdict, **more: Any) -> str:
    """What is told about a run that waits for one decision."""
    asked = Awaiting(id="a#x", step="a", kind=kind, message="Well?", decisions=decisions, since=START, **more)
    record = RunRecord(id="run-1", team="desk", plan="", start_time=START, steps=[], awaiting=[asked])
    return describe_run(record)


def test_what_is_to_be_approved_is_named_by_its_digest_with_the_commands() -> None:
    text = waiting("approval", "approve", "edit", "reject", digest=DIGEST, approvers=("ann", "bob"))
    assert "(approval `a#x`, `3fa9c1d2e4b5`): Well?" in text
    assert "May decide: ann, bob." in text
    assert "`ark-temporal approvals approve run-1 --digest 3fa9c1d2e4b5`" in text
    signal = '{"digest": "3fa9c1d2e4b5", "by": "NAME"}'
    assert f"`temporal workflow signal --workflow-id run-1 --name approve --input '{signal}'`" in text
    assert "Or: edit, reject." in text


def test_other_questions_are_decided_by_the_update() -> None:
    text = waiting("question", "answer", "reject")
    assert "`ark-temporal approvals answer run-1 'a#x' --text TEXT`" in text
    assert "update execute --workflow-id run-1 --name decide" in text
    assert '{"id": "a#x", "decision": "answer", "text": "TEXT", "by": "NAME"}' in text
    failed = waiting("failed-step", "retry", "answer", "reject")
    assert "`ark-temporal approvals retry run-1 'a#x'`" in failed


def test_a_run_that_is_held_up_says_so_and_how_to_let_it_go_on() -> None:
    record = RunRecord(
        id="run-1", team="desk", plan="", phase="Running", start_time=START, paused_since=START, steps=[]
    )
    assert describe_run(record).startswith("**Running** · **paused** · ")
    assert "`ark-temporal runs resume run-1`" in describe_run(record)
    record.phase = "Failed"
    assert "paused" not in describe_run(record)


def test_of_the_parts_of_a_step_their_number_is_told() -> None:
    step = StepRecord(name="each", role="a", phase="Running", parts=9)
    phases: list[Any] = ["Succeeded"] * 3 + ["Running", "Failed"]
    step.branches = [StepRecord(name=f"each[{n}]", role="a", phase=phase) for n, phase in enumerate(phases)]
    record = RunRecord(team="desk", plan="", start_time=START, steps=[step])
    assert "| ▸ | each — 3 of 9 parts done, 1 under way, 1 failed |" in describe_run(record)


def many() -> Plan:
    """A plan with a step of every shape."""
    agent: dict[str, Any] = {"agent": "x", "maxTokensPerCall": 10}
    agents = {role: {"role": role, "model": f"model-{role}", **agent} for role in "ab"}
    agents["a"] = {**agents["a"], "canDelegate": ["b", "t"]}
    inner = {"team": "inner", "agents": {"b": agents["b"]}, "steps": [{"name": "one", "role": "b"}]}
    return Plan.model_validate(
        {
            "team": "desk",
            "agents": agents,
            "teams": {"t": inner},
            "steps": [
                {"name": "team", "role": "t"},
                {"name": "map", "role": "a", "map": {"over": "x"}},
                {"name": "all", "role": "a", "ensemble": {"roles": ["a", "a", "b"]}},
                {"name": "safe", "role": "a", "fallback": ["b", "t"]},
                {"name": "one", "role": "a", "switch": {"value": "x", "cases": {"x": "a", "y": "b"}}},
            ],
        }
    )


def test_a_plan_in_detail_says_who_works_in_each_step_and_who_delegates() -> None:
    text = detail_plan(many())
    assert "| team | team inner | – |" in text
    assert "| map | model-a · for each item | – |" in text
    assert "| all | model-a, model-b · 3 at once | – |" in text
    assert "| safe | model-a, model-b, team inner · one after the other | – |" in text
    assert "| one | model-a, model-b · one of them | – |" in text
    assert "- a may delegate to b, t" in text


def test_a_plan_that_is_led_or_routed_says_so() -> None:
    led = plan(step("worker")).model_copy(update={"entry": "worker"})
    assert summarize_plan(led, "abc") == "team desk · led by worker · plan abc"
    routed = many().model_dump()
    routing = {"router": "a", "capabilities": [{"id": "i", "roles": ["b"]}]}
    routed["steps"] = [{"name": "route", "role": "b", "routing": routing}]
    assert summarize_plan(Plan.model_validate(routed), "abc") == "team desk · routed · plan abc"


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"plan": many().teams["t"]}, "s · team inner: Do\u2026 it."),
        ({"plan": many(), "model_call": "m"}, 's · hands "a": Do\u2026 it.'),
        ({"page": Page(items=[1, 2, 3], offset=100)}, "s · items 100 to 102"),
        ({"page": Page(items=[1], offset=3)}, "s · item 3"),
        ({"plan": many().model_copy(update={"kind": "agent"})}, "s · a: Do\u2026 it."),
    ],
)
def test_a_run_of_its_own_says_what_it_is_to_do(about: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {
        "id": "x",
        "step": "s",
        "role": "a",
        "plan": many(),
        "depth": 1,
        "task": "Do…\n it.",
        **about,
    }
    assert describe_request(ChildRun(**given)) == told


def test_a_notification_says_whom_it_tells_what() -> None:
    told = Notification(
        id="x",
        step="s",
        team="desk",
        run="r",
        event="ApprovalRequested",
        notify=NotifyPlan(name="pager"),
        message="Well?",
    )
    assert describe_request(told) == "s · ApprovalRequested: tells pager"
