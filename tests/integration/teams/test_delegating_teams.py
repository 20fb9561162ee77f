"""Supervisors on a real Temporal: each task that is handed on is a child workflow."""

import asyncio
import time
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus

from ark_temporal.plan.model import InputPlan
from ark_temporal.plan.tools import ToolPlan
from tests.integration.agents.crew import ended_alike
from tests.integration.lab import Lab, Run
from tests.integration.plans import step
from tests.integration.teams.squads import children, ended, hands, led, script, squad, status


async def test_a_lead_hands_a_task_on_and_answers_with_its_result(lab: Lab) -> None:
    mock = script(
        hands(("scribe", "Write a haiku.")),
        {"role": "scribe", "reply": "Old pond"},
        {"role": "lead", "reply": "Here."},
    )
    async with lab.working(script=mock):
        run = await lab.start(led("scribe"))
        record = await ended_alike(run)
        below = await ended_alike(lab.run(f"{run.id}-scribe-1"))
    assert (record.phase, record.output) == ("Succeeded", "Here.")
    [call] = record.step("lead").tool_calls
    assert (call.id, call.result) == (f"{run.id}-scribe-1", "Old pond")
    assert (below.phase, below.output, below.input) == ("Succeeded", "Old pond", {"task": "Write a haiku."})
    described = await run.handle.describe()
    assert described.workflow_type == "Supervisor"
    assert (await lab.run(below.id).handle.describe()).workflow_type == "AgentTask"


async def test_tasks_of_one_turn_are_done_at_the_same_time(lab: Lab) -> None:
    three = [("scribe", f"part {n}") for n in range(3)]
    mock = script(hands(*three), {"role": "scribe", "reply": "x", "delaySeconds": 1.5})
    async with lab.working(script=mock):
        run = await lab.start(led("scribe"))
        record = await ended_alike(run)
        parts = [await lab.run(f"{run.id}-scribe-{n}").record() for n in (1, 2, 3)]
    assert record.phase == "Succeeded"
    began = max(part.start_time for part in parts)
    first_done = min(part.completion_time for part in parts if part.completion_time)
    assert began < first_done, "they did not overlap"


async def test_a_role_that_may_not_be_handed_tasks_gets_none_though_the_model_asks(lab: Lab) -> None:
    plan = squad(step("lead"), roles=["scribe", "boss"], hands={"lead": ["scribe"]}, entry="lead")
    async with lab.working(script=script(hands(("boss", "Pay me.")), {"role": "lead", "reply": "Well."})):
        run = await lab.start(plan)
        record = await ended_alike(run)
        assert await children(run) == []
    [call] = record.step("lead").tool_calls
    assert call.is_error
    assert "not to 'boss'" in call.result
    assert record.output == "Well."


async def test_without_a_prompt_the_leads_own_task_is_handed_on(lab: Lab) -> None:
    mock = script({"role": "lead", "toolCalls": [{"name": "delegate", "arguments": {"role": "scribe"}}]})
    async with lab.working(script=mock):
        run = await lab.start(led("scribe"))
        await ended_alike(run)
        below = await lab.run(f"{run.id}-scribe-1").record()
    assert "lead, please" in str(below.input["task"])


async def test_tasks_are_handed_on_only_so_deep(lab: Lab) -> None:
    """Everybody hands everything on to himself; the bound ends it, and all of them answer."""
    plan = squad(step("lead"), hands={"lead": ["lead"]}, entry="lead", max_depth=2)
    async with lab.working(script=script(hands(("lead", "You do it.")))):
        run = await lab.start(plan)
        record = await ended_alike(run)
        deepest = await lab.run(f"{run.id}-lead-1-lead-1").record()
    assert record.phase == "Succeeded"
    assert "handed on 2 times at most" in deepest.step("lead").tool_calls[0].result


async def test_a_failure_below_is_told_to_the_model(lab: Lab) -> None:
    mock = script(
        hands(("scribe", "Write."), ("clerk", "Count.")),
        {"role": "scribe", "fail": {"type": "ModelBadRequest", "message": "It does not want to."}},
        {"role": "clerk", "reply": "three"},
        {"role": "lead", "contains": "did not do it", "reply": "Half of it."},
    )
    record = await ended(lab, led("scribe", "clerk"), mock)
    first, second = record.step("lead").tool_calls
    assert (first.is_error, second.is_error, second.result) == (True, False, "three")
    assert 'Role "scribe" did not do it: ' in first.result
    assert "It does not want to." in first.result
    assert (record.phase, record.output) == ("Succeeded", "Half of it.")


USED = {"inputTokens": 90, "outputTokens": 10}


async def test_tokens_of_runs_below_count_in_those_above(lab: Lab) -> None:
    plan = squad(
        step("lead"), roles=["scribe", "clerk"], hands={"lead": ["scribe"], "scribe": ["clerk"]}, entry="lead"
    )
    mock = script(
        hands(("scribe", "x"), usage=USED),
        hands(("clerk", "y"), role="scribe", usage=USED),
        {"role": "*", "usage": USED},
    )
    record = await ended(lab, plan, mock)
    assert record.token_usage.total_tokens == record.step("lead").token_usage.total_tokens == 500


async def test_a_budget_bounds_all_the_runs_below(lab: Lab) -> None:
    mock = script(
        hands(("scribe", "a"), ("scribe", "b"), ("scribe", "c"), usage=USED),
        {"role": "scribe", "toolCalls": [{"name": "add", "arguments": {}}], "turns": 50, "usage": USED},
        {"role": "lead", "usage": USED, "reply": "Done."},
    )
    async with lab.working(script=mock):
        run = await lab.start(led("scribe", max_tokens=1000))
        record = await ended_alike(run)
        parts = [await lab.run(f"{run.id}-scribe-{n}").record() for n in (1, 2, 3)]
    assert [part.reason for part in parts] == ["BudgetExceeded"] * 3
    assert [part.token_usage.total_tokens for part in parts] == [
        400
    ] * 3  # 300 each, and the answer that met it
    assert (record.phase, record.reason) == ("Failed", "BudgetExceeded")
    assert record.token_usage.total_tokens == 1300


async def test_the_deadline_ends_the_runs_below(lab: Lab) -> None:
    mock = script(hands(("scribe", "x")), {"role": "scribe", "reply": "late", "delaySeconds": 60})
    async with lab.working(script=mock):
        run = await lab.start(led("scribe", timeout_seconds=2))
        record = await ended_alike(run, 20)
        below = await ended_alike(lab.run(f"{run.id}-scribe-1"), 10)
    assert (record.reason, below.phase) == ("TimedOut", below.phase)
    assert below.reason in ("TimedOut", "Cancelled")


async def deep(lab: Lab) -> Run:
    """A run whose grandchild waits for its model."""
    plan = squad(
        step("lead"), roles=["scribe", "clerk"], hands={"lead": ["scribe"], "scribe": ["clerk"]}, entry="lead"
    )
    run = await lab.start(plan)
    await lab.run(f"{run.id}-scribe-1-clerk-1").until_running("clerk") if await _appears(
        lab, f"{run.id}-scribe-1-clerk-1"
    ) else None
    return run


async def _appears(lab: Lab, id: str) -> bool:
    """Wait until there is a workflow."""
    from ark_temporal.runs.watch import RunNotFoundError

    async with asyncio.timeout(20):
        while True:
            try:
                await lab.run(id).record()
                return True
            except RunNotFoundError:
                await asyncio.sleep(0.05)


SLOW = script(
    hands(("scribe", "x")),
    hands(("clerk", "y"), role="scribe"),
    {"role": "clerk", "reply": "late", "delaySeconds": 60},
)


async def test_cancelling_the_root_reaches_grandchildren(lab: Lab) -> None:
    async with lab.working(script=SLOW):
        run = await deep(lab)
        began = time.monotonic()
        await run.handle.cancel()
        records = [
            await ended_alike(lab.run(id), 15)
            for id in (run.id, f"{run.id}-scribe-1", f"{run.id}-scribe-1-clerk-1")
        ]
    assert [record.phase for record in records] == ["Cancelled"] * 3
    assert time.monotonic() - began < 10


async def test_a_child_that_is_terminated_is_told_to_the_one_above(lab: Lab) -> None:
    async with lab.working(script=SLOW):
        run = await deep(lab)
        await lab.run(f"{run.id}-scribe-1-clerk-1").handle.terminate("enough")
        record = await ended_alike(run)
        between = await ended_alike(lab.run(f"{run.id}-scribe-1"))
        below = await lab.run(f"{run.id}-scribe-1-clerk-1").record()
    assert below.phase == "Terminated"
    assert between.step("scribe").tool_calls[0].result == 'Role "clerk" did not do it: It was terminated.'
    assert record.phase == "Succeeded"


async def test_terminating_the_root_stops_those_below(lab: Lab) -> None:
    async with lab.working(script=SLOW):
        run = await deep(lab)
        await run.handle.terminate("enough")
        between = await ended_alike(lab.run(f"{run.id}-scribe-1"), 15)
        below = await ended_alike(lab.run(f"{run.id}-scribe-1-clerk-1"), 15)
    assert (between.phase, below.phase) == ("Cancelled", "Cancelled")
    assert await status(lab, run.id) == WorkflowExecutionStatus.TERMINATED


async def test_a_step_of_a_pipeline_may_hand_tasks_on(lab: Lab) -> None:
    plan = squad(
        step("plan"),
        step("write", "{{ .steps.plan.output }}", after=["plan"]),
        roles=["scribe"],
        hands={"write": ["scribe"]},
    )
    mock = script(
        {"role": "plan", "reply": "two parts"},
        hands(("scribe", "one"), ("scribe", "two"), role="write"),
        {"role": "write", "reply": "both parts"},
    )
    async with lab.working(script=mock):
        run = await lab.start(plan)
        record = await ended_alike(run)
        assert (await run.handle.describe()).workflow_type == "Pipeline"
    assert (record.output, len(record.step("write").tool_calls)) == ("both parts", 2)


def firm(**fields: Any) -> Any:
    """A team of two steps that takes a topic."""
    return squad(
        step("draft", "About {{ .input.topic }}"),
        step("polish", "{{ .steps.draft.output }}", after=["draft"]),
        team="firm",
        inputs=(InputPlan(name="topic", required=True),),
        **fields,
    )


async def test_a_role_may_be_a_team_as_a_step_and_as_one_who_gets_tasks(lab: Lab) -> None:
    topic = {"inputs": ({"name": "topic", "template": "rivers"},)}
    steps = (step("firm").model_copy(update={}), step("lead", after=["firm"]))
    first = type(steps[0]).model_validate(steps[0].model_dump() | topic)
    plan = squad(first, steps[1], teams={"firm": firm()}, hands={"lead": ["firm"]})
    mock = script(
        {"role": "draft", "contains": "rivers", "reply": "a draft of rivers"},
        {"role": "draft", "contains": "lakes", "reply": "a draft of lakes"},
        {"role": "polish", "contains": "rivers", "reply": "rivers, polished"},
        {"role": "polish", "contains": "lakes", "reply": "lakes, polished"},
        hands(("firm", "lakes")),
        {"role": "lead", "contains": "lakes, polished", "reply": "Both."},
    )
    async with lab.working(script=mock):
        run = await lab.start(plan)
        record = await ended_alike(run)
        below = await ended_alike(lab.run(f"{run.id}-firm-1"))
    assert record.step("firm").output == "rivers, polished"
    assert record.step("firm").child == f"{run.id}-firm-1"
    assert [each.phase for each in below.steps] == ["Succeeded", "Succeeded"]
    assert record.output == "Both."
    assert record.step("lead").tool_calls[0].result == "lakes, polished"


async def test_a_subtask_may_be_for_another_role_and_goes_on_by_itself(lab: Lab) -> None:
    tool = ToolPlan(type="builtin", name="submit_subtask")
    call = {"name": "submit_subtask", "arguments": {"prompt": "Count.", "role": "scribe"}}
    mock = script(
        {"role": "lead", "toolCalls": [call]},
        {"role": "lead", "reply": "It is under way."},
        {"role": "scribe", "reply": "three", "delaySeconds": 1},
    )
    async with lab.working(script=mock):
        run = await lab.start(led("scribe", agents={"tools": (tool,)}))
        record = await ended_alike(run)
        below = await ended_alike(lab.run(f"{run.id}-sub-1"))
    assert record.output == "It is under way."
    assert (below.output, below.steps[0].role) == ("three", "scribe")
    assert record.completion_time is not None
    assert below.completion_time is not None
    assert record.completion_time < below.completion_time


@pytest.mark.parametrize("times", [3])
async def test_a_lead_may_hand_on_again_and_again(lab: Lab, times: int) -> None:
    mock = script(hands(("scribe", "part $turn"), turns=times), {"role": "lead", "reply": "All."})
    async with lab.working(script=mock):
        run = await lab.start(led("scribe"))
        record = await ended_alike(run)
        tasks = [(await lab.run(id).record()).input["task"] for id in await children(run)]
    assert tasks == [f"part {n}" for n in range(times)]
    assert record.output == "All."
