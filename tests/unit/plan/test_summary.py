"""What Temporal's Web UI is told about a run."""

from ark_temporal.plan.calls import ModelCall
from ark_temporal.plan.record import Awaiting
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
    assert "**a waits for a person** (`a#tool-1.0`): Paid or not?" in text
    assert "`ark-temporal approvals`" in text
    assert len(text.encode()) < DETAILS_LIMIT
