"""Submitting the same run more than once."""

import asyncio

import pytest

from ark_temporal.plan.inputs import InputError
from ark_temporal.runs.submit import submit
from tests.integration.lab import Lab
from tests.integration.plans import chain

PLAN = chain("a", case=None)


async def test_ten_at_once_with_one_id_start_one_run(lab: Lab) -> None:
    id = f"once-{lab.queue}"
    submitted = await asyncio.gather(
        *(submit(lab.connection, PLAN, {}, id=id, task_queue=lab.queue) for _ in range(10))
    )
    assert {each.id for each in submitted} == {id}
    assert [each.existed for each in submitted].count(False) == 1
    assert not any(each.other_plan for each in submitted)
    async with lab.working():
        assert (await lab.run(id).ended()).phase == "Succeeded"
    again = await submit(lab.connection, PLAN, {}, id=id, task_queue=lab.queue)
    assert (again.existed, again.other_plan) == (True, False)
    query = f"WorkflowId = '{id}'"
    assert (await lab.connection.client.count_workflows(query)).count == 1


async def test_the_same_id_with_another_plan_is_told(lab: Lab) -> None:
    run = await lab.start(PLAN)
    other = await submit(lab.connection, chain("b", case=None), {}, id=run.id, task_queue=lab.queue)
    assert (other.id, other.existed, other.other_plan) == (run.id, True, True)
    await run.handle.terminate()


async def test_an_input_that_does_not_fit_starts_nothing(lab: Lab) -> None:
    declared = chain("a", case=None, inputs=({"name": "topic", "required": True},))
    id = f"refused-{lab.queue}"
    with pytest.raises(InputError, match="topic"):
        await submit(lab.connection, declared, {}, id=id, task_queue=lab.queue)
    assert (await lab.connection.client.count_workflows(f"WorkflowId = '{id}'")).count == 0


async def test_without_an_id_each_submission_is_a_run(lab: Lab) -> None:
    first, second = await lab.start(PLAN), await lab.start(PLAN)
    assert first.id != second.id
    async with lab.working():
        assert [(await run.ended()).phase for run in (first, second)] == ["Succeeded", "Succeeded"]
