"""Steps that are done in parts: by several at once, by one role after the other."""

import json
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.plan.model import LoopPlan, Plan
from ark_temporal.plan.record import Decision
from tests.unit.plan.crews import CrewRun, crew, step, together
from tests.unit.plan.driving import OBJECT

LETTERS: dict[str, JsonValue] = {"items": ["a", "b", "c"]}


def listed(count: int) -> dict[str, Any]:
    return {"items": list(range(count))}


def decide(run: CrewRun, verdict: Any, **about: Any) -> list[str]:
    """Decide what is waited for."""
    [waited] = run.record.awaiting
    return run.settle(("", Decision(id=waited.id, digest=waited.digest, decision=verdict, by="ann", **about)))


# Several at once


def test_all_members_are_asked_the_same_at_once() -> None:
    run = CrewRun(crew(together("ann", "bob", "ann")))
    assert run.open == ["together[0]", "together[1]", "together[2]"]
    assert [call.role for call in run.calls] == ["ann", "bob", "ann"]
    assert {call.prompt for call in run.calls} == {"task: Work.\n"}


def test_the_others_are_cancelled_once_it_is_decided() -> None:
    run = CrewRun(crew(together("ann", "bob", "cy", join="any")))
    run.answer("together[1]", "quick")
    assert [part.phase for part in run.step("together").branches] == ["Cancelled", "Succeeded", "Cancelled"]
    assert (run.open, run.record.phase, run.record.output) == ([], "Succeeded", "quick")


def test_one_failure_is_enough_where_all_must_succeed() -> None:
    run = CrewRun(crew(together("ann", "bob")))
    run.fail("together[0]", message="No.")
    assert run.record.error is not None
    assert (run.record.error.message, run.record.error.step) == ("No.", "together")


@pytest.mark.parametrize("quorum", [2, 3])
def test_votes_without_a_majority_fail_the_step(quorum: int) -> None:
    run = CrewRun(crew(together("ann", "bob", join="quorum", quorum=quorum, select="vote")))
    if quorum == 2:
        run.answer("together[0]", "yes")
        run.answer("together[1]", "no")
    assert run.record.error is not None
    assert (run.record.phase, run.record.error.type) == ("Failed", "NoQuorum")


def judged(run: CrewRun, choice: object) -> None:
    run.answer("together[judge]", json.dumps({"choice": choice, "reason": "It rhymes."}))


def test_a_judge_picks_by_the_place_and_not_by_the_time() -> None:
    run = CrewRun(crew(together("ann", "bob", select="judge", judge="zoe")))
    run.answer("together[1]", "from bob")
    assert run.answer("together[0]", "from ann") == ["together[judge]"]
    prompt = run.call("together[judge]").prompt
    assert prompt.index("from ann") < prompt.index("from bob")
    judged(run, 2)
    record = run.step("together")
    assert (record.output, record.resolved_agent, record.routing_reason) == ("from bob", "bob", "It rhymes.")
    assert record.token_usage.total_tokens == run.record.token_usage.total_tokens == 30


def test_a_judge_means_the_same_after_the_run_continued_as_new() -> None:
    run = CrewRun(crew(together("ann", "bob", select="judge", judge="zoe")))
    run.answer("together[1]", "from bob")
    run.arrives("together[0]", "from ann")
    assert run.continue_as_new() == ["together[judge]"]
    judged(run, 1)
    assert run.record.output == "from ann"


def test_the_first_stays_the_first_after_the_run_continued_as_new() -> None:
    members = together("ann", "bob", "cy", join="bestEffort", select="first", output_schema=OBJECT)
    run = CrewRun(crew(members))
    run.answer("together[2]", '{"n": 3}')
    run.answer("together[0]", '{"n": 1}')
    run.arrives("together[1]", "none", problems=("No n.",), schema_problem=True)
    assert run.continue_as_new() == ["together[1]#repair-1"]
    run.fail("together[1]#repair-1")
    assert run.step("together").data == {"n": 3}


def test_a_choice_that_is_none_of_the_answers_fails_the_step() -> None:
    run = CrewRun(crew(together("ann", "bob", select="judge", judge="zoe")))
    run.answer("together[0]", "a")
    run.answer("together[1]", "b")
    judged(run, 3)
    assert run.record.error is not None
    assert (run.record.error.type, run.record.error.step) == ("OutputInvalid", "together")


def test_a_judge_that_fails_fails_the_step() -> None:
    run = CrewRun(crew(together("ann", "bob", select="judge", judge="zoe")))
    run.answer("together[0]", "a")
    run.answer("together[1]", "b")
    run.fail("together[judge]", message="No.")
    assert run.record.error is not None
    assert (run.record.error.message, run.record.error.step) == ("No.", "together")


def test_a_judge_is_asked_anew_in_every_round_under_another_id() -> None:
    loop = LoopPlan(condition="yes", max_iterations=1)
    run = CrewRun(crew(together("ann", "bob", select="judge", judge="zoe", loop=loop)))
    run.answer("together[0]", "a")
    run.answer("together[1]", "b")
    judged(run, 1)
    run.answer("together[0]#2", "a2")
    assert run.answer("together[1]#2", "b2") == ["together[judge]#2"]
    run.answer("together[judge]#2", '{"choice": 2}')
    assert run.record.output == "b2"


def test_with_one_answer_there_is_nothing_to_judge() -> None:
    run = CrewRun(crew(together("ann", "bob", join="bestEffort", select="judge", judge="zoe")))
    run.fail("together[0]")
    run.answer("together[1]", "alone")
    assert (run.record.phase, run.record.output) == ("Succeeded", "alone")


def test_a_member_may_be_a_team() -> None:
    plan = crew(together("ann", "firm", join="any"), teams={"firm": crew(step("inner"))})
    run = CrewRun(plan)
    assert run.open == ["together[0]", "crew-1-firm-1"]
    run.answer("together[0]", "quick")
    assert (run.record.phase, run.open) == ("Succeeded", [])


# One role after the other


def chain(**fields: Any) -> Plan:
    return crew(step("ann", fallback=("bob", "cy"), **fields))


def test_the_next_role_tries_what_the_one_before_could_not() -> None:
    run = CrewRun(chain())
    assert run.open == ["ann[0]"]
    assert run.fail("ann[0]", message="No key.") == ["ann[1]"]
    run.answer("ann[1]", "from bob")
    record = run.step("ann")
    assert (record.output, record.role, record.resolved_agent) == ("from bob", "bob", "bob")
    assert record.routing_reason == "No key."
    assert record.warnings == ['Role "bob" did it after others had failed: No key.']
    assert [call.role for call in run.calls] == ["ann", "bob"]


def test_a_first_role_that_does_it_leaves_the_others_alone() -> None:
    run = CrewRun(chain())
    run.answer("ann[0]", "from ann")
    assert (run.record.output, run.step("ann").warnings) == ("from ann", [])


def test_when_nobody_could_all_reasons_are_told() -> None:
    run = CrewRun(chain())
    for place, why in enumerate(["One.", "Two.", "Three."]):
        run.fail(f"ann[{place}]", message=why)
    assert run.record.error is not None
    assert run.record.error.message == '3 of 3 roles of step "ann" failed. ann: One. bob: Two. cy: Three.'


def test_what_would_fail_for_everybody_is_not_tried_by_everybody() -> None:
    run = CrewRun(
        crew(step("ann", "{{ .input.x.y.z }} {{ index .input.list 3 }}", fallback=("bob",))), {"list": []}
    )
    assert run.record.error is not None
    assert run.record.error.type == "TemplateError"
    assert len(run.step("ann").branches) <= 1


def test_a_chain_goes_on_where_it_was_when_the_run_continues_as_new() -> None:
    run = CrewRun(crew(step("ann", fallback=("bob",), output_schema=OBJECT)))
    run.fail("ann[0]", message="No key.")
    run.arrives("ann[1]", "no JSON", problems=("No n.",), schema_problem=True)
    assert run.continue_as_new() == ["ann[1]#repair-1"]
    run.answer("ann[1]#repair-1", '{"n": 1}')
    assert run.step("ann").data == {"n": 1}
    assert run.step("ann").routing_reason == "No key."
