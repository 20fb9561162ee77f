"""Questions of runs far below the one that was submitted."""

import asyncio
from typing import Any

from temporalio.common import SearchAttributeKey

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.runs.inbox import RunsBelow, list_awaiting
from ark_temporal.runs.questions import Question
from tests.integration.gates.asking import BEFORE, about, ended, gated, question, take, until
from tests.integration.lab import Lab, Run
from tests.integration.plans import NAMESPACE, agent, plan, step

AWAITING = SearchAttributeKey.for_keyword_list("ArkAwaiting")
HANDS_ON: Any = {"name": "delegate", "arguments": {"role": "press", "prompt": "Print it."}}
SCRIPT = MockScript.model_validate(
    {"rules": [{"role": "boss", "toolCalls": [HANDS_ON]}, {"role": "boss", "reply": "All done."}]}
)


def supervised() -> Plan:
    """A supervisor, who hands a task to a team, one of whose steps is a team that asks people."""
    kitchen = plan(gated(BEFORE), case=None, team="kitchen")
    press = plan(step("print", role="kitchen"), case=None, team="press", agents={}).model_copy(
        update={"agents": {}, "teams": {"kitchen": kitchen}}
    )
    boss: AgentPlan = agent("boss", None, can_delegate=("press",))
    return Plan(
        team="office",
        namespace=NAMESPACE,
        agents={"boss": boss},
        teams={"press": press},
        entry="boss",
        steps=(StepPlan(name="boss", role="boss"),),
    )


async def found_below(lab: Lab, run: Run) -> Question:
    """What waits under a run, once the index knows."""
    below = RunsBelow(lab.connection, run.id)
    async with asyncio.timeout(20):
        while not (found := await below.look()):
            await asyncio.sleep(0.1)
    [one] = found
    return one


async def test_a_question_of_a_grandchild_is_found_and_decided(lab: Lab) -> None:
    async with lab.working(script=SCRIPT):
        run = await lab.start(supervised())
        asked = await found_below(lab, run)
        assert asked.run == f"{run.id}-press-1-kitchen-1"
        grandchild = lab.run(asked.run)
        assert await question(grandchild) == asked.awaiting
        assert asked.run in {each.run async for each in list_awaiting(lab.connection)}
        query = f"RootWorkflowId = '{run.id}' AND ArkAwaiting = '{asked.awaiting.id}'"
        [listed] = [each async for each in lab.connection.client.list_workflows(query)]
        assert listed.id == asked.run
        assert listed.typed_search_attributes[AWAITING] == [asked.awaiting.id]
        for above in (run, lab.run(f"{run.id}-press-1")):
            await until(above, lambda record: not record.awaiting)
        await take(lab, grandchild, about(asked.awaiting, "approve"))
        records = [await ended(each) for each in (run, lab.run(f"{run.id}-press-1"), grandchild)]
        async with asyncio.timeout(20):
            while [each async for each in lab.connection.client.list_workflows(query)]:
                await asyncio.sleep(0.1)
    assert [record.phase for record in records] == ["Succeeded"] * 3
    assert [len(record.decisions) for record in records] == [0, 0, 1]


async def test_a_rejection_below_is_told_to_whoever_handed_the_task_on(lab: Lab) -> None:
    async with lab.working(script=SCRIPT):
        run = await lab.start(supervised())
        asked = await found_below(lab, run)
        await take(lab, lab.run(asked.run), about(asked.awaiting, "reject", comment="not today"))
        record = await ended(run)
        press = await ended(lab.run(f"{run.id}-press-1"))
    assert (record.phase, record.output) == ("Succeeded", "All done.")
    [call] = record.step("boss").tool_calls
    assert (call.is_error, "not today" in call.result) == (True, True)
    assert press.error is not None
    assert press.error.type == "Rejected"
