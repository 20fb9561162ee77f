"""An agent that hands tasks to others, and starts tasks that go on by themselves."""

from typing import Any

import pytest

from ark_temporal.plan.calls import CallFailure, ChildRun, SubtaskStart, SubtaskStarted
from ark_temporal.plan.model import InputPlan, Plan
from ark_temporal.plan.tools import ToolPlan
from ark_temporal.plan.wanted import MAX_DELEGATIONS, MAX_SUBTASKS
from tests.unit.plan.crews import CrewRun, crew, step
from tests.unit.plan.driving import said

SUBTASK = ToolPlan(type="builtin", name="submit_subtask")


def led(**fields: Any) -> Plan:
    """A lead, who may hand tasks to a scribe and to a firm; the scribe may hand them to a clerk."""
    firm = crew(step("inner", "{{ .input.topic }}"), inputs=(InputPlan(name="topic", required=True),))
    return crew(
        step("lead"),
        roles=["scribe", "clerk", "outsider"],
        hands={"lead": ["scribe", "firm"], "scribe": ["clerk"]},
        teams={"firm": firm},
        entry="lead",
        **fields,
    )


def hand(role: object, prompt: object = "Do it.") -> tuple[str, dict[str, Any]]:
    return ("delegate", {"role": role, "prompt": prompt})


def test_an_agent_is_offered_those_to_whom_it_may_hand_tasks() -> None:
    run = CrewRun(led())
    [tool] = run.calls[0].tools
    assert tool.name == "delegate"
    assert tool.input_schema["properties"]["role"]["enum"] == ["scribe", "firm"]  # pyright: ignore
    assert "- firm: a team" in tool.description
    assert "- scribe" in tool.description


def test_a_task_is_handed_on_and_its_result_comes_back() -> None:
    run = CrewRun(led())
    assert run.wants("lead", hand("scribe", "Write a haiku.")) == ["crew-1-scribe-1"]
    child = run.child("crew-1-scribe-1")
    assert (child.input, child.depth, child.plan.kind) == ({"task": "Write a haiku."}, 1, "agent")
    assert run.returns("crew-1-scribe-1", "Old pond") == ["lead#turn-2"]
    run.answer("lead#turn-2", "Here: Old pond")
    assert run.record.output == "Here: Old pond"
    [call] = run.step("lead").tool_calls
    assert (call.id, call.tool, call.result, call.is_error) == (
        "crew-1-scribe-1",
        "delegate",
        "Old pond",
        False,
    )


def test_those_who_get_a_task_may_hand_it_on_as_they_may_here() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe"))
    plan = run.child("crew-1-scribe-1").plan
    assert set(plan.agents) == {"scribe", "clerk"}
    assert plan.agents["scribe"].can_delegate == ("clerk",)


def test_tasks_of_one_turn_are_handed_on_together_and_all_waited_for() -> None:
    run = CrewRun(led())
    ids = run.wants("lead", hand("scribe"), hand("firm"), hand("scribe"))
    assert ids == ["crew-1-scribe-1", "crew-1-firm-1", "crew-1-scribe-2"]
    assert run.returns(ids[2]) == []
    assert run.returns(ids[0]) == []
    assert run.returns(ids[1]) == ["lead#turn-2"]


def test_a_team_gets_the_task_as_the_input_that_takes_it() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("firm", "rivers"))
    assert run.child("crew-1-firm-1").input == {"topic": "rivers"}


@pytest.mark.parametrize("prompt", ["", "  ", None, 7])
def test_without_a_prompt_the_agents_own_task_is_handed_on(prompt: object) -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe", prompt))
    assert run.child("crew-1-scribe-1").input == {"task": "task: Work.\n"}


@pytest.mark.parametrize("role", ["outsider", "clerk", "nobody", "lead", None, 3, ["scribe"]])
def test_whoever_else_a_model_names_gets_no_task(role: object) -> None:
    run = CrewRun(led())
    assert run.wants("lead", hand(role)) == ["lead#turn-2"]
    [call] = run.step("lead").tool_calls
    assert call.is_error
    assert f"you may hand tasks to scribe, firm, and not to {role!r}" in call.result
    assert not any(isinstance(one, ChildRun) for one in run.requests)


def test_one_who_may_hand_tasks_to_nobody_has_no_such_tool() -> None:
    run = CrewRun(crew(step("lead")))
    assert run.wants("lead", hand("scribe")) == ["lead#turn-2"]
    assert "There is no tool named 'delegate'" in run.step("lead").tool_calls[0].result


def test_tasks_are_handed_on_only_so_deep() -> None:
    run = CrewRun(led(max_depth=2), depth=2)
    assert run.wants("lead", hand("scribe")) == ["lead#turn-2"]
    assert "tasks are handed on 2 times at most" in run.step("lead").tool_calls[0].result
    assert CrewRun(led(max_depth=2), depth=1).wants("lead", hand("scribe")) == ["crew-1-scribe-1"]


def test_only_so_many_tasks_are_handed_on_at_the_same_time() -> None:
    run = CrewRun(led())
    ids = run.wants("lead", *[hand("scribe")] * (MAX_DELEGATIONS + 2))
    assert len(ids) == MAX_DELEGATIONS
    refused = [call for call in run.step("lead").tool_calls if call.is_error]
    assert len(refused) == 2
    assert "at the same time" in refused[0].result


def test_a_failure_is_told_to_the_model_which_may_go_on() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe"), hand("firm"))
    run.breaks("crew-1-scribe-1", message="No key.", tokens=7)
    run.returns("crew-1-firm-1", "Done.", tokens=5)
    first, second = run.step("lead").tool_calls
    assert (first.is_error, first.result) == (True, 'Role "scribe" did not do it: No key.')
    assert (second.is_error, second.result) == (False, "Done.")
    run.answer("lead#turn-2", "Half of it.")
    assert (run.record.phase, run.record.output) == ("Succeeded", "Half of it.")


def test_a_run_that_could_not_be_started_is_told_too() -> None:
    run = CrewRun(led())
    [id] = run.wants("lead", hand("scribe"))
    assert run.settle((id, CallFailure(type="SubtaskNotStarted", message="Its id is taken."))) == [
        "lead#turn-2"
    ]
    assert "Its id is taken." in run.step("lead").tool_calls[0].result


def test_what_others_use_the_run_uses() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe"), hand("firm"))
    run.returns("crew-1-scribe-1", tokens=100, cost=0.25)
    run.returns("crew-1-firm-1", tokens=30, cost=0.5)
    run.answer("lead#turn-2")
    assert run.record.token_usage.total_tokens == run.step("lead").token_usage.total_tokens == 150
    assert (run.record.cost_usd, run.step("lead").cost_usd) == (0.75, 0.75)


def test_time_that_others_take_is_not_the_agents() -> None:
    run = CrewRun(led(agents={"timeout_seconds": 5}))
    run.wants("lead", hand("scribe"))
    for _ in range(60):
        run.settle()
    assert run.returns("crew-1-scribe-1") == ["lead#turn-2"]


def test_results_are_not_lost_where_the_run_continues_as_new() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe"), hand("outsider"))
    run.holds = True
    run.returns("crew-1-scribe-1", "Old pond")
    run.holds = False
    assert run.continue_as_new() == ["lead#turn-2"]
    results = {one.index: one.content for one in run.call("lead#turn-2").results}
    assert results[0] == "Old pond"
    assert "not to 'outsider'" in results[1]


def test_ids_of_runs_below_stay_unique_where_the_run_continues_as_new() -> None:
    run = CrewRun(led())
    run.wants("lead", hand("scribe"))
    run.holds = True
    run.returns("crew-1-scribe-1")
    run.holds = False
    run.continue_as_new()
    assert run.wants("lead#turn-2", hand("scribe")) == ["crew-1-scribe-2"]


# Tasks that go on by themselves


def submits(*tools: ToolPlan, **fields: Any) -> Plan:
    given = {"tools": tools or (SUBTASK,), "max_turns": 5} | fields
    return crew(step("lead"), roles=["scribe"], hands={"lead": ["scribe"]}, agents=given)


def subtask(**arguments: Any) -> tuple[str, dict[str, Any]]:
    return ("submit_subtask", {"prompt": "Count.", **arguments})


def test_a_subtask_may_be_for_a_role_to_which_tasks_may_be_handed() -> None:
    run = CrewRun(submits())
    offered = {tool.name: tool for tool in run.calls[0].tools}
    assert offered["submit_subtask"].input_schema["properties"]["role"]["enum"] == ["lead", "scribe"]  # pyright: ignore
    [id] = run.wants("lead", subtask(role="scribe"))
    started = next(one for one in run.requests if one.id == id)
    assert isinstance(started, SubtaskStart)
    assert list(started.plan.agents) == ["scribe"]
    assert run.settle((id, SubtaskStarted())) == ["lead#turn-2"]
    assert run.step("lead").tool_calls[0].result == f"subtask submitted with id: {id}"


def test_one_who_may_hand_tasks_to_nobody_is_offered_no_roles() -> None:
    run = CrewRun(crew(step("lead"), agents={"tools": (SUBTASK,)}))
    assert "role" not in run.calls[0].tools[0].input_schema["properties"]  # pyright: ignore


def test_a_subtask_without_a_role_is_the_agents_own() -> None:
    run = CrewRun(submits())
    [id] = run.wants("lead", subtask())
    started = next(one for one in run.requests if one.id == id)
    assert isinstance(started, SubtaskStart)
    assert "lead" in started.plan.agents


@pytest.mark.parametrize("arguments", [{"role": "boss"}, {"role": 4}, {"prompt": " "}, {"prompt": None}])
def test_a_subtask_that_is_not_allowed_is_not_started(arguments: dict[str, Any]) -> None:
    run = CrewRun(submits())
    assert run.wants("lead", subtask(**arguments)) == ["lead#turn-2"]
    assert run.step("lead").tool_calls[0].result.startswith("Not started: ")


def test_no_more_subtasks_are_started_than_may_be_in_one_turn_or_in_several() -> None:
    run = CrewRun(submits())
    ids = run.wants("lead", *[subtask()] * (MAX_SUBTASKS - 1))
    run.settle(*((id, SubtaskStarted()) for id in ids))
    more = run.wants("lead#turn-2", *[subtask()] * 20)
    assert (len(ids), len(more)) == (MAX_SUBTASKS - 1, 1)


def test_a_subtask_that_was_not_started_does_not_count() -> None:
    run = CrewRun(submits())
    ids = run.wants("lead", *[subtask()] * MAX_SUBTASKS)
    run.settle(*((id, CallFailure(type="SubtaskNotStarted", message="Taken.")) for id in ids))
    assert len(run.wants("lead#turn-2", *[subtask()] * 5)) == 5


def test_an_answer_that_was_said_while_tasks_are_handed_on_is_kept() -> None:
    run = CrewRun(led())
    run.settle(("lead", said("").model_copy(update={"text": "I will ask."})))
    assert run.record.output == "I will ask."


def test_tasks_that_are_about_to_be_handed_on_stay_so_where_the_run_continues_as_new() -> None:
    run = CrewRun(led())
    run.holds = True
    run.wants("lead", hand("scribe"), hand("scribe"))
    run.holds = False
    ids = run.continue_as_new()
    assert ids == ["crew-1-scribe-1", "crew-1-scribe-2"]
    assert [type(run.progress.request(id)) for id in ids] == [ChildRun, ChildRun]
