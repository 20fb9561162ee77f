"""Which steps run, when, and how often."""

import time
from itertools import pairwise

import pytest

from ark_temporal.plan.model import LoopPlan
from tests.unit.plan.driving import OBJECT, Run, plan, said, step


@pytest.mark.parametrize("word", ["", "  \n", "false", " FALSE\n", "0", "no", "No ", "{{ .input.missing }}"])
def test_a_falsy_condition_skips_the_step(word: str) -> None:
    run = Run(plan(step("a", condition=word)))
    assert run.calls == []
    assert run.step("a").phase == "Skipped"
    assert run.record.phase == "Succeeded"


@pytest.mark.parametrize(
    "word", ["true", "yes", "1", "00", "0.0", "nope", "none", "null", "{{ .input.topic }}"]
)
def test_any_other_condition_runs_it(word: str) -> None:
    assert Run(plan(step("a", condition=word)), {"topic": "tides"}).open == ["a"]


def test_a_condition_reads_the_data_of_steps_before() -> None:
    run = Run(
        plan(
            step("count", schema=OBJECT),
            step("many", after=("count",), condition="{{ gt .steps.count.data.n 5 }}"),
            step("few", after=("count",), condition="{{ le .steps.count.data.n 5 }}"),
        )
    )
    assert run.answer("count", '{"n": 7}') == ["many"]
    assert run.step("few").phase == "Skipped"
    assert "'false'" in run.step("few").message


def test_a_skipped_step_satisfies_those_that_wait_for_it_with_an_empty_output() -> None:
    run = Run(
        plan(
            step("last", "[{{ .steps.middle.output }}][{{ .steps.first.output }}]", after=("middle",)),
            step("middle", after=("first",), condition="no"),
            step("first", condition="no"),
        )
    )
    assert run.open == ["last"]
    assert run.call("last").prompt == "prompt: [][]\n"


def test_independent_steps_are_handed_out_together_in_the_plans_order() -> None:
    run = Run(
        plan(
            step("join", after=("right", "left")),
            step("right", after=("root",)),
            step("left", after=("root",)),
            step("root"),
            step("alone"),
        )
    )
    assert run.open == ["root", "alone"]
    assert run.answer("root") == ["right", "left"]
    assert run.answer("left") == []
    assert run.answer("alone") == []
    assert run.answer("right") == ["join"]
    assert run.answer("join") == []
    assert run.record.phase == "Succeeded"


def test_what_is_set_free_together_starts_in_the_plans_order() -> None:
    run = Run(plan(step("y", after=("b",)), step("x", after=("a",)), step("a"), step("b")))
    assert run.settle(("a", said()), ("b", said())) == ["y", "x"]


def test_a_long_pipeline_costs_little() -> None:
    began = time.process_time()
    names = [f"s{number}" for number in range(1200)]
    links = [
        step(name, f"{{{{ .steps.{before}.output }}}}", after=(before,)) for before, name in pairwise(names)
    ]
    run = Run(plan(step(names[0]), *links))
    for name in names:
        run.answer(name, "x" * 1000)
    assert run.record.phase == "Succeeded"
    assert time.process_time() - began < 4


def test_a_branch_goes_on_while_another_waits() -> None:
    run = Run(plan(step("slow"), step("a"), step("b", after=("a",)), step("c", after=("b",))))
    assert run.answer("a") == ["b"]
    assert run.answer("b") == ["c"]
    assert run.open == ["slow", "c"]


def test_a_loop_runs_at_most_once_and_its_repeats() -> None:
    run = Run(plan(step("a", loop=LoopPlan(condition="yes", max_iterations=3)), step("b", after=("a",))))
    for id in ("a", "a#2", "a#3"):
        assert run.open == [id]
        run.answer(id, f"Answer of {id}", usage=said(tokens=7).usage)
    assert run.answer("a#4", "At last", usage=said(tokens=7).usage) == ["b"]
    a = run.step("a")
    assert (a.iterations, a.output, a.token_usage.total_tokens) == (4, "At last", 28)
    assert [(call.id, call.iteration) for call in a.calls] == [("a", 1), ("a#2", 2), ("a#3", 3), ("a#4", 4)]


def test_a_loops_condition_and_prompt_see_its_own_latest_answer() -> None:
    looping = step(
        "a",
        "Before: {{ .steps.a.data.n }}",
        schema=OBJECT,
        loop=LoopPlan(condition="{{ lt .steps.a.data.n 3 }}"),
    )
    run = Run(plan(looping))
    assert run.answer("a", '{"n": 1}') == ["a#2"]
    assert run.call("a#2").prompt.startswith("prompt: Before: 1\n")
    assert run.answer("a#2", '{"n": 3}') == []
    assert run.record.phase == "Succeeded"
    assert run.step("a").iterations == 2


def test_a_looping_step_that_fails_shows_no_data_of_an_earlier_round() -> None:
    run = Run(plan(step("a", schema=OBJECT, loop=LoopPlan(condition="yes"))))
    run.answer("a", '{"n": 1}')
    run.answer("a#2", "I would rather not.", stop_reason="refusal")
    assert (run.step("a").output, run.step("a").data) == ("I would rather not.", None)


def test_a_repeat_gets_all_its_repairs_anew() -> None:
    run = Run(plan(step("a", schema=OBJECT, loop=LoopPlan(condition="yes", max_iterations=1))))
    run.reject("a", "Bad.")
    run.reject("a#repair-1", "Bad.")
    assert run.answer("a#repair-2", '{"n": 1}') == ["a#2"]
    assert run.reject("a#2", "Bad.") == ["a#2#repair-1"]
    assert run.reject("a#2#repair-1", "Bad.") == ["a#2#repair-2"]


def test_other_steps_see_an_answer_only_once_it_is_accepted() -> None:
    run = Run(plan(step("a", schema=OBJECT), step("b"), step("c", "{{ .steps.a.output }}", after=("b",))))
    run.reject("a", "It is no JSON.", text="half done")
    assert run.answer("b") == ["c"]
    assert "half done" not in run.call("c").prompt


def test_names_with_hashes_make_ids_that_differ() -> None:
    names = ["a", "a#2", "a##2", "a#repair-1", "a#", "a#validate-1", "a#2#repair-1"]
    run = Run(plan(*(step(name, schema=OBJECT, loop=LoopPlan(condition="yes")) for name in names)))
    for _ in range(2):
        run.settle(*((id, said("bad", problems=("Bad.",), schema_problem=True)) for id in run.open))
    for _ in range(2):
        run.settle(*((id, said('{"n": 1}')) for id in run.open))
    ids = [call.id for call in run.calls]
    assert len(ids) == len(set(ids)) == 5 * len(names)


def test_calls_of_a_role_are_counted_by_their_purpose() -> None:
    run = Run(plan(step("a", schema=OBJECT), step("b", schema=OBJECT), step("c", after=("a",))))
    run.reject("b", "Bad.")
    run.answer("a", '{"n": 1}')
    assert [(call.id, call.call) for call in run.calls] == [("a", 0), ("b", 1), ("b#repair-1", 0), ("c", 2)]
