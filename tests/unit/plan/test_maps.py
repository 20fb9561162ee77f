"""Steps that are done once for every item of a list."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.plan.calls import ChildOutcome, ChildRun, ItemResult, ModelCall, Page
from ark_temporal.plan.model import LoopPlan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Decision, RunError, StepRecord
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.plan.steps.listing import PAGE
from tests.unit.plan.crews import CrewRun, crew, each, seeded, step, used
from tests.unit.plan.driving import OBJECT, START, said

LETTERS: dict[str, JsonValue] = {"items": ["a", "b", "c"]}


def listed(count: int) -> dict[str, Any]:
    return {"items": list(range(count))}


def decide(run: CrewRun, verdict: Any, **about: Any) -> list[str]:
    """Decide what is waited for."""
    [waited] = run.record.awaiting
    return run.settle(("", Decision(id=waited.id, digest=waited.digest, decision=verdict, by="ann", **about)))


# A list


def test_every_item_is_asked_for_with_its_place() -> None:
    run = CrewRun(crew(each()), LETTERS)
    assert run.open == ["each[0]", "each[1]", "each[2]"]
    assert [call.prompt for call in run.calls] == ["task: 0: a\n", "task: 1: b\n", "task: 2: c\n"]


def test_results_stand_in_the_order_of_the_list_whatever_came_first() -> None:
    run = CrewRun(crew(each()), LETTERS)
    for id, text in (("each[2]", "C"), ("each[0]", "A"), ("each[1]", "B")):
        run.answer(id, text)
    assert run.step("each").data == ["A", "B", "C"]
    assert run.record.output == '["A", "B", "C"]'
    assert run.record.phase == "Succeeded"


def test_no_more_items_are_under_way_than_may_be() -> None:
    run = CrewRun(crew(each(max_concurrency=2)), listed(5))
    assert run.open == ["each[0]", "each[1]"]
    assert run.answer("each[1]") == ["each[2]"]
    assert run.settle(("each[0]", said()), ("each[2]", said())) == ["each[3]", "each[4]"]


def test_items_may_be_objects_and_results_data() -> None:
    plan = crew(each(prompt="{{ .item.name }}", output_schema=OBJECT))
    run = CrewRun(plan, {"items": [{"name": "x"}, {"name": "y"}]})
    assert run.calls[0].prompt.startswith("task: x\n")
    run.answer("each[0]", '{"n": 1}')
    run.answer("each[1]", '{"n": 2}')
    assert run.step("each").data == [{"n": 1}, {"n": 2}]


def test_an_empty_list_is_done_at_once() -> None:
    run = CrewRun(crew(each()), {"items": []})
    assert (run.record.phase, run.step("each").data, run.record.output) == ("Succeeded", [], "[]")
    assert run.requests == []


@pytest.mark.parametrize(
    ("items", "kind"), [("no list", "str"), ({"a": 1}, "dict"), (7, "int"), ("", "nothing")]
)
def test_what_is_no_list_fails_the_step(items: Any, kind: str) -> None:
    run = CrewRun(crew(each()), {"items": items})
    assert run.record.error is not None
    assert (run.record.reason, run.record.error.type) == ("StepFailed", "NotAList")
    assert f"gives {kind} and not a list" in run.record.error.message


def test_a_list_may_be_text_that_is_json() -> None:
    plan = crew(step("find"), each(over="{{ .steps.find.output }}", depends_on=("find",)))
    run = CrewRun(plan)
    assert run.answer("find", 'Here:\n```json\n["x", "y"]\n```') == ["each[0]", "each[1]"]


def test_a_list_that_is_too_long_begins_nothing() -> None:
    run = CrewRun(crew(each(max_items=2)), LETTERS)
    assert run.record.error is not None
    assert run.record.error.type == "TooManyItems"
    assert "3 items are more than its map.maxItems of 2" in run.record.error.message
    assert run.requests == []


def test_a_template_that_does_not_render_fails_the_step() -> None:
    run = CrewRun(crew(each(over="{{ index .input.items 9 }}")), LETTERS)
    assert run.record.error is not None
    assert run.record.error.type == "TemplateError"


def test_an_item_that_fails_fails_the_step_and_cancels_the_others() -> None:
    run = CrewRun(crew(each()), LETTERS)
    run.answer("each[0]")
    run.fail("each[1]", message="No.")
    record = run.step("each")
    assert record.error is not None
    assert (record.error.type, record.error.message, record.error.step) == (
        "ModelAuth",
        "Item 1: No.",
        "each",
    )
    assert [part.phase for part in record.branches] == ["Succeeded", "Failed", "Cancelled"]
    assert (run.record.phase, run.open) == ("Failed", [])


def test_failed_items_are_null_where_they_are_collected() -> None:
    run = CrewRun(crew(each(on_failure="collect")), LETTERS)
    run.fail("each[1]", message="No.")
    run.answer("each[0]", "A")
    run.answer("each[2]", "C")
    record = run.step("each")
    assert (run.record.phase, record.data) == ("Succeeded", ["A", None, "C"])
    assert record.warnings == ["1 of 3 items were not done, and are null: Item 1: No."]


def test_where_not_one_item_was_done_the_step_fails() -> None:
    run = CrewRun(crew(each(on_failure="collect")), LETTERS)
    for place in range(3):
        run.fail(f"each[{place}]", message=f"No {place}.")
    assert run.record.error is not None
    assert run.record.error.type == "NoItemDone"
    assert "Not one of the 3 items" in run.record.error.message


def test_a_step_that_is_retried_asks_only_for_the_items_that_were_not_done() -> None:
    run = CrewRun(crew(each(parks=True)), LETTERS)
    run.answer("each[0]", "A")
    run.fail("each[1]")
    assert run.record.awaiting[0].kind == "failed-step"
    assert decide(run, "retry") == ["each[1]~2", "each[2]~2"]
    assert [part.name for part in run.step("each").branches] == ["each[0]", "each[1]", "each[2]"]
    run.answer("each[2]~2", "C")
    run.answer("each[1]~2", "B")
    assert run.step("each").data == ["A", "B", "C"]


def test_a_retried_step_that_continues_as_new_knows_what_was_done_before() -> None:
    run = CrewRun(crew(each(max_concurrency=1, parks=True)), LETTERS)
    run.answer("each[0]", "A")
    run.fail("each[1]")
    decide(run, "retry")
    run.arrives("each[1]~2", "B")
    assert run.continue_as_new() == ["each[2]~2"]
    run.answer("each[2]~2", "C")
    assert (run.record.phase, run.step("each").data) == ("Succeeded", ["A", "B", "C"])


def test_another_list_is_done_from_its_beginning() -> None:
    run = CrewRun(crew(each(parks=True)), LETTERS)
    run.answer("each[0]", "A")
    run.fail("each[1]")
    assert decide(run, "retry", value=["x", "y"]) == ["each[0]~2", "each[1]~2"]
    assert [call.prompt for call in run.calls[-2:]] == ["task: 0: x\n", "task: 1: y\n"]


def test_another_model_answers_for_every_item_that_is_left() -> None:
    run = CrewRun(crew(each(parks=True)), LETTERS)
    run.answer("each[0]", "A")
    run.fail("each[1]")
    decide(run, "retry", model="large-1")
    assert [call.model for call in run.calls] == ["small-1"] * 3 + ["large-1"] * 2


def test_every_round_of_a_loop_does_the_whole_list_even_after_a_retry() -> None:
    again = each(loop=LoopPlan(condition="yes", max_iterations=1), parks=True)
    run = CrewRun(crew(again), {"items": ["a", "b"]})
    run.answer("each[0]", "A")
    run.fail("each[1]")
    decide(run, "retry")
    assert run.answer("each[1]~2", "B") == ["each[0]#2~2", "each[1]#2~2"]
    run.answer("each[0]#2~2", "A2")
    run.answer("each[1]#2~2", "B2")
    assert run.step("each").data == ["A2", "B2"]


def test_a_run_that_takes_over_a_failed_step_asks_only_for_what_was_not_done() -> None:
    first = CrewRun(crew(each()), LETTERS)
    first.answer("each[0]", "A")
    first.fail("each[1]")
    run = seeded(crew(each()), LETTERS, first.record.steps)
    assert run.open == ["each[1]", "each[2]"]
    run.answer("each[1]", "B")
    run.answer("each[2]", "C")
    record = run.step("each")
    assert (record.data, record.reused_from) == (["A", "B", "C"], "crew-0")
    assert record.token_usage.total_tokens == 20


def test_tokens_of_the_items_are_those_of_the_step() -> None:
    run = CrewRun(crew(each()), LETTERS)
    for place in range(3):
        run.answer(f"each[{place}]", cost_usd=0.5, prices_as_of="2026-01-01")
    step_, parts = run.step("each"), run.step("each").branches
    assert [part.token_usage.total_tokens for part in parts] == [10, 10, 10]
    assert (step_.token_usage.total_tokens, run.record.token_usage.total_tokens) == (30, 30)
    assert (step_.cost_usd, run.record.cost_usd) == (1.5, 1.5)


def test_people_are_asked_about_the_list_as_it_is() -> None:
    run = CrewRun(crew(each(gates=(GatePlan(),))), LETTERS)
    [waited] = run.record.awaiting
    assert json.loads(waited.subject) == ["a", "b", "c"]
    assert decide(run, "approve") == ["each[0]", "each[1]", "each[2]"]


@pytest.mark.parametrize("done", range(4))
def test_a_list_goes_on_where_it_was_when_the_run_continues_as_new(done: int) -> None:
    run = CrewRun(crew(each(max_concurrency=1)), listed(5))
    for place in range(done):
        run.answer(f"each[{place}]", f"<{place}>")
    run.arrives(f"each[{done}]", f"<{done}>")
    assert run.continue_as_new() == [f"each[{done + 1}]"]
    for place in range(done + 1, 5):
        run.answer(f"each[{place}]", f"<{place}>")
    assert run.step("each").data == [f"<{place}>" for place in range(5)]
    assert run.record.token_usage.total_tokens == 50


def test_collected_failures_outlast_a_run_that_continues_as_new() -> None:
    run = CrewRun(crew(each(max_concurrency=1, on_failure="collect")), LETTERS)
    run.fail("each[0]", message="No.")
    run.arrives("each[1]", "B")
    assert run.continue_as_new() == ["each[2]"]
    run.answer("each[2]", "C")
    assert run.step("each").data == [None, "B", "C"]


# A long list


def pages(run: CrewRun) -> list[ChildRun]:
    return [one for one in run.requests if isinstance(one, ChildRun)]


def page_of(child: ChildRun) -> Page:
    assert child.page is not None
    return child.page


def brings(*values: object, tokens: int = 5) -> ChildOutcome:
    items = tuple(ItemResult.model_validate({"value": value}) for value in values)
    return ChildOutcome(items=items, token_usage=used(tokens))


def test_a_long_list_is_divided_and_put_together_again() -> None:
    run = CrewRun(crew(each(max_items=1000)), listed(250))
    first, second = pages(run)
    assert [(page_of(one).offset, len(page_of(one).items)) for one in (first, second)] == [
        (0, 100),
        (100, 100),
    ]
    run.settle((second.id, brings(*range(100, 200))))
    third = pages(run)[2]
    assert (page_of(third).offset, page_of(third).items) == (200, list(range(200, 250)))
    run.settle((third.id, brings(*range(200, 250))), (first.id, brings(*range(100))))
    assert run.step("each").data == list(range(250))
    assert run.record.token_usage.total_tokens == 15
    assert run.step("each").token_usage.total_tokens == 15


@pytest.mark.parametrize("width", [1, 2, 10, 99, 100, 101, 333, 500])
def test_no_more_items_of_a_long_list_are_under_way_than_may_be(width: int) -> None:
    run = CrewRun(crew(each(max_concurrency=width, max_items=5000)), listed(5000))
    windows = [one.plan.steps[0].map for one in pages(run)]
    assert sum(window.max_concurrency for window in windows if window) <= width
    assert len(windows) * 2 >= min(width, 2)


def test_a_part_does_its_items_under_their_places_in_the_whole_list() -> None:
    whole = CrewRun(crew(each(max_items=1000)), listed(150))
    child = pages(whole)[1]
    part = CrewRun(child.plan, child.input, depth=child.depth, page=child.page)
    assert part.calls[0].prompt == "task: 100: 100\n"
    while part.open:
        part.answer(part.open[0], f"did {part.call(part.open[0]).prompt.split()[-1]}")
    assert part.record.phase == "Succeeded"
    assert [item.value for item in part.progress.items] == [f"did {place}" for place in range(100, 150)]


def test_a_part_reads_what_other_steps_havesaid() -> None:
    reads = each(prompt="{{ .steps.plan.data.n }} {{ .item }}", depends_on=("plan",), max_items=500)
    whole = CrewRun(crew(step("plan", output_schema=OBJECT), reads), listed(101))
    whole.answer("plan", '{"n": 7}')
    child = pages(whole)[0]
    part = CrewRun(child.plan, child.input, page=child.page)
    assert part.calls[0].prompt == "task: 7 0\n"


def test_a_part_all_of_whose_items_fail_fails_nothing_where_failures_are_collected() -> None:
    whole = CrewRun(crew(each(on_failure="collect", max_items=500)), listed(101))
    child = pages(whole)[1]
    part = CrewRun(child.plan, child.input, page=child.page)
    part.fail("each[0]", message="No.")
    assert part.record.phase == "Succeeded"
    [item] = part.progress.items
    assert item.error is not None
    assert item.error.message == "Item 100: No."
    outcome = ChildOutcome(items=tuple(part.progress.items))
    whole.settle((pages(whole)[0].id, brings(*range(100))), (child.id, outcome))
    assert (whole.record.phase, whole.step("each").data) == ("Succeeded", [*range(100), None])


def test_a_part_that_fails_fails_the_step() -> None:
    run = CrewRun(crew(each(max_items=500)), listed(150))
    error = RunError(type="ModelAuth", message="Item 103: No.")
    run.settle((pages(run)[1].id, ChildOutcome(error=error, token_usage=used(9))))
    assert run.record.error is not None
    assert (run.record.error.type, run.record.error.step) == ("ModelAuth", "each")
    assert "Item 103: No." in run.record.error.message
    assert run.record.token_usage.total_tokens == 9
    assert [part.phase for part in run.step("each").branches] == ["Cancelled", "Failed"]


def test_of_a_long_list_that_is_retried_the_parts_that_were_done_stay() -> None:
    run = CrewRun(crew(each(max_items=500, parks=True)), listed(250))
    first, second = pages(run)
    run.settle((first.id, brings(*range(100))))
    run.breaks(second.id)
    decide(run, "retry", model="large-1")
    again = pages(run)[3:]
    assert [page_of(one).offset for one in again] == [100, 200]
    assert {one.plan.agents["clerk"].model for one in again} == {"large-1"}
    assert len({one.id for one in pages(run)}) == 5
    for one in again:
        run.settle((one.id, brings(*page_of(one).items)))
    assert run.step("each").data == list(range(250))


def test_a_long_list_is_no_level_of_its_own() -> None:
    """A list's length must not decide how deep teams may go."""
    inner = crew(step("inner"))
    plan = crew(each(role="inner", max_items=500), teams={"inner": inner}, max_depth=1)
    whole = CrewRun(plan, listed(101))
    child = pages(whole)[0]
    part = CrewRun(child.plan, child.input, depth=child.depth, page=child.page)
    assert isinstance(part.requests[0], ChildRun)
    assert part.requests[0].depth == 1


def test_a_list_may_be_done_by_a_team() -> None:
    inner = crew(step("inner", "{{ .input.task }}"))
    run = CrewRun(crew(each(role="inner", prompt="{{ .item }}"), teams={"inner": inner}), LETTERS)
    assert [run.child(id).input for id in run.open] == [{"task": "a"}, {"task": "b"}, {"task": "c"}]
    for id in reversed(run.open):
        run.returns(id, f"<{run.child(id).input['task']}>")
    assert run.step("each").data == ["<a>", "<b>", "<c>"]
    assert [part.child for part in run.step("each").branches] == [
        "crew-1-inner-1",
        "crew-1-inner-2",
        "crew-1-inner-3",
    ]


def test_pages_hold_a_hundred_items() -> None:
    assert PAGE == 100
    run = CrewRun(crew(each()), listed(100))
    assert all(isinstance(one, ModelCall) for one in run.requests)


def test_parts_that_were_taken_over_from_another_round_do_not_count() -> None:
    """A step that failed in its second round begins with the first again."""
    done = StepRecord(
        name="each[0]", role="clerk", phase="Succeeded", iterations=2, start_time=START, output="old"
    )
    failed = StepRecord(name="each", role="clerk", phase="Failed", branches=[done])
    run = seeded(crew(each()), {"items": ["a"]}, [failed])
    assert run.open == ["each[0]"]


def test_a_plan_for_a_list_has_its_bounds() -> None:
    with pytest.raises(ValueError, match="500"):
        MapPlan(over="x", max_concurrency=501)
