"""How runs end."""

from datetime import timedelta

import pytest

from ark_temporal.plan.model import LoopPlan, ValidationPlan
from tests.unit.plan.driving import OBJECT, START, Run, plan, said, step

TWO = (step("a"), step("b"))


def test_a_failed_call_fails_its_step_and_the_run_at_once() -> None:
    run = Run(plan(*TWO, step("c", after=("a",))))
    run.fail("b", "ModelAuth", "The key is wrong.")
    record = run.record
    assert (record.phase, record.reason, record.completion_time) == ("Failed", "StepFailed", run.now)
    assert record.error == run.step("b").error
    assert record.error is not None
    assert record.error.model_dump(exclude_defaults=True) == {
        "type": "ModelAuth",
        "message": "The key is wrong.",
        "step": "b",
        "call": "b",
        "attempt": 3,
    }
    assert [step.phase for step in record.steps] == ["Cancelled", "Failed", "Pending"]
    assert "StepFailed" in run.step("a").message
    assert run.step("b").calls[0].error == record.error
    assert run.open == []


def test_what_a_sibling_says_after_a_failure_changes_nothing() -> None:
    run = Run(plan(*TWO))
    run.fail("b")
    before = run.record.model_copy(deep=True)
    assert run.answer("a") == []
    assert run.record == before


def test_a_run_without_an_output_template_gives_the_last_step_that_succeeded() -> None:
    run = Run(plan(step("a"), step("b"), step("c", condition="no", after=("a", "b"))))
    run.answer("b", "From b")
    run.answer("a", "From a")
    assert (run.record.phase, run.record.output) == ("Succeeded", "From b")


def test_a_run_in_which_all_was_skipped_succeeds_with_nothing() -> None:
    run = Run(plan(step("a", condition="no")))
    assert (run.record.phase, run.record.output, run.record.completion_time) == ("Succeeded", "", START)


def test_the_output_template_is_rendered_without_envelopes() -> None:
    run = Run(
        plan(*TWO, output="# {{ .input.topic }}\n{{ .steps.a.output }}+{{ .steps.b.data.n }}\n"),
        {"topic": "T"},
    )
    run.settle(("a", said("<b>A</b>")), ("b", said("B")))
    assert run.record.output == "# T\n<b>A</b>+\n"


def test_an_output_template_that_does_not_render_fails_the_run_by_name() -> None:
    run = Run(plan(step("a"), output="{{ index .steps.a.output 99 }}"))
    run.answer("a", "short")
    error = run.record.error
    assert (run.record.phase, run.record.reason) == ("Failed", "OutputFailed")
    assert error is not None
    assert error.type == "TemplateError"
    assert '"desk"' in error.message
    assert run.step("a").phase == "Succeeded"


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        ("inputs", step("b", '{{ fail "stop" }}', after=("a",))),
        ("if", step("b", condition='{{ fail "stop" }}', after=("a",))),
        ("loop.condition", step("b", loop=LoopPlan(condition='{{ fail "stop" }}'), after=("a",))),
    ],
)
def test_a_template_that_does_not_render_names_its_step_and_place(place: str, broken: object) -> None:
    run = Run(plan(step("a"), step("other"), step("b").model_validate(broken)))
    run.answer("a")
    if place == "loop.condition":
        run.answer("b")
    error = run.record.error
    assert error is not None
    assert (error.type, error.step) == ("TemplateError", "b")
    assert '"b"' in error.message
    assert f"`{place}`" in error.message
    assert "stop" in error.message
    assert ".." not in error.message
    assert [step.phase for step in run.record.steps] == ["Succeeded", "Cancelled", "Failed"]
    assert run.open == []


def test_a_step_that_fails_on_its_start_takes_back_what_was_to_start_with_it() -> None:
    run = Run(plan(step("a"), step("b", '{{ fail "stop" }}'), step("c")))
    assert run.calls == []
    assert [step.phase for step in run.record.steps] == ["Cancelled", "Failed", "Pending"]


def test_the_deadline_ends_the_run_and_names_what_was_running() -> None:
    run = Run(plan(*TWO, step("c", after=("a", "b")), timeout_seconds=90))
    run.answer("a")
    run.progress.wake(run.now + timedelta(days=1))
    error = run.record.error
    assert (run.record.phase, run.record.reason) == ("Failed", "TimedOut")
    assert error is not None
    assert error.type == "TimedOut"
    assert "timeoutSeconds of 90; running then: b." in error.message
    assert [step.phase for step in run.record.steps] == ["Succeeded", "Cancelled", "Pending"]
    assert run.advance() == []


def test_a_cancelled_run_cancels_what_runs() -> None:
    run = Run(plan(*TWO))
    run.answer("a")
    run.progress.cancel(run.now)
    assert (run.record.phase, run.record.reason) == ("Cancelled", "Cancelled")
    assert [step.phase for step in run.record.steps] == ["Succeeded", "Cancelled"]


def test_a_run_that_has_ended_is_neither_cancelled_nor_late() -> None:
    run = Run(plan(step("a")))
    run.answer("a")
    before = run.record.model_copy(deep=True)
    run.progress.cancel(run.now)
    run.progress.wake(run.now + timedelta(days=1))
    assert run.record == before


def test_as_many_tokens_as_the_limit_are_allowed() -> None:
    run = Run(plan(step("a"), max_tokens=100))
    run.settle(("a", said(tokens=100)))
    assert run.record.phase == "Succeeded"


def test_one_token_over_the_limit_ends_the_run_and_starts_nothing() -> None:
    run = Run(plan(*TWO, step("c", after=("a",)), max_tokens=100))
    assert run.settle(("a", said(tokens=101))) == []
    assert run.record.phase == "Running"
    assert run.open == ["b"]
    run.answer("b")
    error = run.record.error
    assert (run.record.phase, run.record.reason) == ("Failed", "BudgetExceeded")
    assert error is not None
    assert (error.type, error.step, error.call) == ("BudgetExceeded", "a", "a")
    assert "used 101 tokens, more than its maxTokens of 100" in error.message
    assert run.record.token_usage.total_tokens == 111
    assert [step.phase for step in run.record.steps] == ["Cancelled", "Cancelled", "Pending"]


def test_a_repair_asked_for_in_the_same_moment_is_not_made_over_budget() -> None:
    run = Run(plan(step("a", schema=OBJECT), step("b"), max_tokens=100))
    handed_out = run.settle(
        ("a", said("bad", problems=("Bad.",), schema_problem=True)), ("b", said(tokens=200))
    )
    assert handed_out == []
    assert run.record.reason == "BudgetExceeded"
    assert run.step("a").phase == "Cancelled"


def test_a_run_over_budget_ends_for_that_even_if_its_last_call_fails_or_is_late() -> None:
    for end in ("fail", "expire"):
        run = Run(plan(*TWO, max_tokens=100, timeout_seconds=60))
        run.settle(("a", said(tokens=200)))
        if end == "fail":
            run.fail("b")
            assert run.step("b").calls[0].error is not None
        else:
            run.progress.wake(run.now + timedelta(days=1))
        assert run.record.reason == "BudgetExceeded"
        assert [step.phase for step in run.record.steps] == ["Cancelled", "Cancelled"]


def test_costs_are_summed_where_they_are_known() -> None:
    run = Run(plan(*TWO, step("c")))
    run.settle(("a", said(cost=0.25)), ("b", said()), ("c", said(cost=0.5)))
    assert [step.cost_usd for step in run.record.steps] == [0.25, None, 0.5]
    assert (run.record.cost_usd, run.record.prices_as_of) == (0.75, "2026-01-01")


def test_a_prompt_that_does_not_fit_a_payload_fails_its_step() -> None:
    run = Run(plan(step("a"), step("b", "{{ .steps.a.output }}", after=("a",))), payload_limit=2000)
    assert run.answer("a", "x" * 1900) == []
    error = run.step("b").error
    assert error is not None
    assert (error.type, run.record.reason) == ("PayloadTooLarge", "StepFailed")
    assert '"b"' in error.message
    assert "2000" in error.message
    assert "--storage" in error.message


def test_all_of_a_call_counts_and_as_it_is_written_in_json() -> None:
    agent = {"system": [{"text": "s" * 900}]}
    small = plan(step("a", "x" * 900))
    agents = {
        "worker": small.agents["worker"].model_validate({**small.agents["worker"].model_dump(), **agent})
    }
    assert Run(small, payload_limit=1500).open == ["a"]
    assert Run(small.model_copy(update={"agents": agents}), payload_limit=1500).open == []
    assert Run(plan(step("a", "\n" * 900)), payload_limit=1500).open == []


def test_a_repair_is_small_however_large_the_answer() -> None:
    run = Run(plan(step("a", schema=OBJECT)), payload_limit=2000)
    assert run.reject("a", "Bad.", text="x" * 1900) == ["a#repair-1"]


def test_a_judgement_must_fit_too() -> None:
    validation = ValidationPlan(semantic="Is it kind?")
    run = Run(plan(step("a", validation=validation)), payload_limit=2000)
    assert run.answer("a", "x" * 1900) == []
    assert run.record.error is not None
    assert run.record.error.type == "PayloadTooLarge"


def test_a_result_that_does_not_fit_a_payload_fails_the_run() -> None:
    run = Run(plan(step("a"), output="{{ .steps.a.output }}{{ .steps.a.output }}"), payload_limit=2000)
    run.answer("a", "x" * 1500)
    error = run.record.error
    assert error is not None
    assert (error.type, run.record.reason) == ("PayloadTooLarge", "OutputFailed")


def test_a_result_is_measured_as_it_is_written_in_json() -> None:
    run = Run(plan(step("a")), payload_limit=1000)
    run.answer("a", '"' * 600)
    assert run.record.reason == "OutputFailed"
