"""How many tokens a run may use, with all the runs below it."""

from typing import Any

import pytest

from ark_temporal.plan.budget import Budget
from ark_temporal.plan.calls import ChildRun, ModelCall, Request
from ark_temporal.plan.model import Plan
from ark_temporal.plan.shapes import EnsemblePlan
from tests.unit.plan.crews import CrewRun, crew, each, step
from tests.unit.plan.driving import said

INNER = crew(step("inner"))


def led(max_tokens: int, **fields: Any) -> Plan:
    return crew(step("lead"), roles=["scribe"], hands={"lead": ["scribe"]}, max_tokens=max_tokens, **fields)


def hand() -> tuple[str, dict[str, Any]]:
    return ("delegate", {"role": "scribe", "prompt": "Do it."})


def shares(run: CrewRun) -> list[int | None]:
    return [one.max_tokens for one in run.requests if isinstance(one, ChildRun)]


def test_one_run_below_may_use_what_is_left() -> None:
    run = CrewRun(led(1000))
    run.wants("lead", hand())
    assert shares(run) == [990]


def test_runs_that_start_together_share_what_is_left() -> None:
    run = CrewRun(led(1000))
    run.wants("lead", hand(), hand(), hand())
    assert shares(run) == [330, 330, 330]


def test_without_a_budget_nothing_is_shared() -> None:
    run = CrewRun(led(1000).model_copy(update={"max_tokens": None}))
    run.wants("lead", hand())
    assert shares(run) == [None]


def test_of_its_own_budget_and_that_of_the_run_above_the_smaller_counts() -> None:
    assert Budget(500, 300).limit == 300
    assert Budget(200, 300).limit == 200
    assert Budget(None, 300).limit == 300
    assert Budget(None, None).limit is None


def test_a_run_below_that_is_over_its_share_is_told_and_the_run_goes_on() -> None:
    run = CrewRun(led(1000))
    run.wants("lead", hand(), hand())
    run.breaks("crew-1-scribe-1", "BudgetExceeded", "Too much.", tokens=480)
    assert run.returns("crew-1-scribe-2", tokens=100) == ["lead#turn-2"]
    run.answer("lead#turn-2", "Half of it.")
    assert (run.record.phase, run.record.token_usage.total_tokens) == ("Succeeded", 600)


def test_what_the_runs_below_used_together_may_use_the_run_up() -> None:
    run = CrewRun(led(1000))
    run.wants("lead", hand(), hand())
    run.returns("crew-1-scribe-1", tokens=495)
    assert run.returns("crew-1-scribe-2", tokens=500) == []
    assert run.record.error is not None
    assert (run.record.reason, run.record.error.type) == ("BudgetExceeded", "BudgetExceeded")
    assert "1005 tokens, more than its maxTokens of 1000" in run.record.error.message


def test_a_run_below_names_the_bound_that_it_inherited() -> None:
    run = CrewRun(crew(step("inner")), max_tokens=5)
    run.answer("inner")
    assert run.record.error is not None
    assert "more than what the run above left it: 5" in run.record.error.message


def test_later_runs_wait_until_others_have_given_back_what_they_did_not_use() -> None:
    plan = crew(each(role="firm", max_concurrency=1), teams={"firm": INNER}, max_tokens=100)
    run = CrewRun(plan, {"items": ["a", "b"]})
    assert shares(run) == [100]
    run.returns("crew-1-firm-1", tokens=40)
    assert shares(run) == [100, 60]


def test_a_run_that_starts_while_another_has_all_waits_for_it() -> None:
    plan = crew(
        step("a", role="firm"),
        step("b"),
        step("c", role="firm", depends_on=("b",)),
        teams={"firm": INNER},
        max_tokens=101,
    )
    run = CrewRun(plan)
    assert shares(run) == [50]
    run.settle(("b", said("Done.", tokens=51)))
    assert (run.open, run.record.phase) == (["crew-1-firm-1"], "Running")
    assert run.returns("crew-1-firm-1", tokens=10) == ["crew-1-firm-2"]
    assert shares(run) == [50, 40]


def test_the_runs_own_calls_wait_too_where_runs_below_may_use_all_there_is() -> None:
    plan = crew(
        step("a", role="firm"), step("b"), step("c", depends_on=("b",)), teams={"firm": INNER}, max_tokens=100
    )
    run = CrewRun(plan)
    assert run.settle(("b", said("Done.", tokens=50))) == []
    assert run.returns("crew-1-firm-1", tokens=50) == ["c"]


def test_own_calls_go_on_as_long_as_there_is_something_besides() -> None:
    plan = crew(
        step("a", role="firm"), step("b"), step("c", depends_on=("b",)), teams={"firm": INNER}, max_tokens=100
    )
    run = CrewRun(plan)
    assert run.settle(("b", said("Done.", tokens=49))) == ["c"]


def test_a_run_that_is_let_go_gives_its_share_back() -> None:
    members = step("pair", role="firm", ensemble=EnsemblePlan(roles=("firm", "quick"), join="any"))
    plan = crew(
        members, step("next", role="firm", depends_on=("pair",)), teams={"firm": INNER}, max_tokens=1000
    )
    run = CrewRun(plan)
    run.answer("pair[1]")
    assert shares(run) == [500, 990]


@pytest.mark.parametrize("starts", range(1, 6))
@pytest.mark.parametrize("left", [0, 1, 2, 7, 100])
def test_shares_are_never_more_than_there_is(starts: int, left: int) -> None:
    due: list[Request] = [
        ChildRun(id=f"run-{number}", step="s", role="r", plan=INNER, depth=1) for number in range(starts)
    ]
    out, waiting = Budget(1000, None).hand_out(due, 1000 - left)
    given = [one.max_tokens or 0 for one in out if isinstance(one, ChildRun)]
    assert (len(given), len(waiting)) == (starts, 0)
    assert sum(given) <= left


def test_what_needs_no_tokens_never_waits() -> None:
    budget = Budget(100, None)
    child = ChildRun(id="run", step="s", role="r", plan=INNER, depth=1)
    budget.hand_out([child], 0)
    call = ModelCall(id="call", step="s", role="r", model="m")
    other = child.model_copy(update={"id": "other"})
    assert budget.hand_out([call, other], 0) == ([], [call, other])
    budget.take_back("run")
    out, waiting = budget.hand_out([call, other], 30)
    assert [one.id for one in out] == ["call", "other"]
    assert not waiting


def test_what_is_held_back_outlasts_a_run_that_continues_as_new() -> None:
    plan = crew(
        step("a", role="firm"), step("b"), step("c", depends_on=("b",)), teams={"firm": INNER}, max_tokens=100
    )
    run = CrewRun(plan)
    run.settle(("b", said("Done.", tokens=50)))
    run.holds = True
    run.returns("crew-1-firm-1", tokens=10)
    run.holds = False
    assert run.continue_as_new() == ["c"]
