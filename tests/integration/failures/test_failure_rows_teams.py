"""Rows about runs below a run: tasks that are handed on, teams that do steps, subtasks."""

import asyncio
import contextlib
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.plan.calls import SubtaskStarted
from ark_temporal.plan.model import InputPlan, Plan
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.tools import ToolPlan
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.retry import read_origin, retry_run
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import NUMBER, called, failing, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab, Run
from tests.integration.plans import step
from tests.unit.plan.driving import Run as DrivenRun


def delegating(role: str = "ann") -> list[dict[str, Any]]:
    """Rules of a leader that hands a task to that role, and then says that it is done."""
    call = {"name": "delegate", "arguments": {"role": role, "prompt": "count"}}
    return [{"role": "lead", "toolCalls": [call]}, {"role": "lead", "reply": "Done."}]


def led(**fields: Any) -> Plan:
    """A leader who may hand tasks to Ann."""
    return team(step("lead"), agents={"lead": {"can_delegate": ("ann",)}, "ann": {}}, entry="lead", **fields)


def with_desk(desk: Plan, **fields: Any) -> Plan:
    """A step, and after it one whose role is a team."""
    last = step("desk", after=["find"], **fields.pop("step", {}))
    return team(step("find"), last, teams={"desk": desk}, **fields)


DESK = team(step("ann"), team="desk")
HANDED = {"lead": 1, "lead#turn-2": 1}

TOLD: dict[str, tuple[Plan, list[dict[str, Any]], str]] = {
    "F701": (led(), delegating("bob"), "you may hand tasks to ann, and not to 'bob'"),
    "F702": (led(max_depth=0), delegating(), "Do it yourself"),
    "F704": (led(), [*delegating(), failing("ann")], 'Role "ann" did not do it'),
}


@proves(*TOLD)
async def test_what_cannot_be_handed_on_is_told(lab: Lab, row: Row) -> None:
    plan, rules, told = TOLD[row.id]
    async with lab.working(script=script(*rules)):
        run = await lab.start(plan)
        record = await ended_alike(run)
    row.check(record)
    [call] = record.step("lead").tool_calls
    assert (call.is_error, told in call.result, record.output) == (True, True, "Done."), call.result
    assert await called(run) == HANDED
    if row.id == "F704":
        assert (await lab.run(f"{run.id}-ann-1").record()).phase == "Failed"


FAILING: dict[str, tuple[Plan, list[dict[str, Any]], str]] = {
    "F703": (with_desk(DESK, max_depth=0), [], "runs go 0 deep at most"),
    "F705": (with_desk(DESK), [failing("ann")], "did not succeed: The mock script makes this call fail"),
    "F709": (
        with_desk(team(step("ann"), team="desk", max_tokens=100)),
        [{"role": "ann", "usage": {"outputTokens": 500}}],
        "did not succeed: The run used",
    ),
    "F710": (
        with_desk(DESK, step={"output_schema": NUMBER}),
        [{"role": "ann", "reply": "many"}],
        "outputSchema",
    ),
    "F711": (
        with_desk(team(step("ann"), team="desk", inputs=(InputPlan(name="topic", required=True),))),
        [],
        'needs the input "topic"',
    ),
}


@proves(*FAILING)
async def test_a_team_that_fails_fails_its_step(lab: Lab, row: Row) -> None:
    plan, rules, told = FAILING[row.id]
    async with lab.working(script=script(*rules)):
        run = await lab.start(plan)
        record = await ended_alike(run)
        row.check(record)
        assert phases(record) == {"find": "Succeeded", "desk": "Failed"}
        assert record.error is not None
        assert told in record.error.message
        if row.id == "F709":
            assert record.token_usage.output_tokens >= 500
        if row.id != "F703":
            assert (await lab.run(record.step("desk").child).record()).ended
        again = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
        await lab.run(again.run.id).ended()
    assert await called(run) == {"find": 1}
    assert await called(lab.run(again.run.id)) == {}


async def child_of(lab: Lab, run: Run, step: str) -> Run:
    """The run that does a step of another one, once it is there."""
    async with asyncio.timeout(20):
        while not (child := (await run.record()).step(step).child):
            await asyncio.sleep(0.05)
    return await until_running(lab.run(child))


async def until_running(run: Run) -> Run:
    """The run, once it is there and one of its steps runs."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(RunNotFoundError):
                if "Running" in phases(await run.record()).values():
                    return run
            await asyncio.sleep(0.05)


@proves("F715")
async def test_a_delegate_that_uses_too_much_is_told_of(lab: Lab, row: Row) -> None:
    """Two at the same time share what is left; one uses more than its share, and not more than all."""
    calls = [{"name": "delegate", "arguments": {"role": role, "prompt": "count"}} for role in ("ann", "bob")]
    rules = [
        {"role": "ann", "reply": "one", "usage": {"inputTokens": 0, "outputTokens": 6000}},
        {"role": "lead", "toolCalls": calls},
        {"role": "lead", "reply": "Done."},
    ]
    agents = {"lead": {"can_delegate": ("ann", "bob")}, "ann": {}, "bob": {}}
    async with lab.working(script=script(*rules)):
        run = await lab.start(team(step("lead"), agents=agents, max_tokens=10_000))
        record = await ended_alike(run)
    row.check(record)
    first, second = record.step("lead").tool_calls
    assert (first.is_error, second.is_error) == (True, False)
    assert "The run used 6000 tokens" in first.result
    assert 6000 < record.token_usage.total_tokens < 10_000


@proves("F716")
async def test_more_tasks_than_may_be_handed_on_are_told(lab: Lab, row: Row) -> None:
    call = {"name": "delegate", "arguments": {"role": "ann", "prompt": "count"}, "repeat": 102}
    rules = [{"role": "lead", "toolCalls": [call]}, {"role": "lead", "reply": "Done."}]
    async with lab.working(script=script(*rules)):
        run = await lab.start(led())
        record = await ended_alike(run, 60)
    row.check(record)
    calls = record.step("lead").tool_calls
    told = [each.result for each in calls if each.is_error]
    assert (len(calls), len(told)) == (102, 2)
    assert all("100 tasks at most are handed on at the same time" in each for each in told)


def test_more_subtasks_than_may_be_started_are_told() -> None:
    """In the pure `Progress`: a hundred runs on a server would say no more."""
    tool = ToolPlan(type="builtin", name="submit_subtask")
    run = DrivenRun(team(step("lead"), agents={"lead": {"tools": (tool,)}}))
    wanted: tuple[str, dict[str, JsonValue]] = ("submit_subtask", {"prompt": "count"})
    first = run.wants("lead", *[wanted] * 99)
    run.settle(*[(id, SubtaskStarted()) for id in first])
    second = run.wants("lead#turn-2", *[wanted] * 2)
    run.settle(*[(id, SubtaskStarted()) for id in second])
    assert (len(first), len(second)) == (99, 1)
    told = [call.result for call in run.step("lead").tool_calls if call.is_error]
    assert told == ["Not started: one task starts 100 subtasks at most."]


async def test_a_teams_result_is_checked_against_the_schema(lab: Lab) -> None:
    async with lab.working(script=script({"role": "ann", "reply": {"n": "many"}})):
        record = await ended_alike(await lab.start(with_desk(DESK, step={"output_schema": NUMBER})))
    assert record.error is not None
    assert (record.error.type, "$.n" in record.error.message) == ("OutputInvalid", True)


SLOW = {"role": "ann", "delaySeconds": 60}
ENDED = {"F706": "cancel", "F707": "terminate", "F708": "cancel", "F713": "cancel", "F714": "terminate"}


async def end(run: Run, how: str) -> None:
    await (run.handle.cancel() if how == "cancel" else run.handle.terminate(reason="enough"))


@proves("F706", "F707")
async def test_a_team_that_somebody_ends_fails_its_step(lab: Lab, row: Row) -> None:
    async with lab.working(script=script(SLOW)):
        run = await lab.start(with_desk(DESK))
        child = await child_of(lab, run, "desk")
        await end(child, ENDED[row.id])
        record = await ended_alike(run)
    row.check(record)
    assert phases(record) == {"find": "Succeeded", "desk": "Failed"}
    assert await called(run) == {"find": 1}


@pytest.mark.parametrize("how", ["cancel", "terminate"])
@proves("F708")
async def test_a_delegate_whom_somebody_ends_is_told_of(lab: Lab, row: Row, how: str) -> None:
    async with lab.working(script=script(*delegating(), SLOW)):
        run = await lab.start(led())
        await end(await until_running(lab.run(f"{run.id}-ann-1")), how)
        record = await ended_alike(run)
    row.check(record)
    [call] = record.step("lead").tool_calls
    assert call.is_error
    assert ("cancelled" if how == "cancel" else "terminated") in call.result
    assert await called(run) == HANDED


@proves("F713", "F714")
async def test_those_below_end_with_their_run(lab: Lab, row: Row) -> None:
    deeper = with_desk(DESK, team="office")
    async with lab.working(script=script(SLOW)):
        run = await lab.start(team(step("front"), teams={"front": deeper}))
        middle = await child_of(lab, run, "front")
        lowest = await child_of(lab, middle, "desk")
        await end(run, ENDED[row.id])
        record = await run.ended()
        others: list[RunRecord] = [await one.ended(20) for one in (middle, lowest)]
        assert await run.record() == record
    row.check(record)
    assert [one.phase for one in others] == ["Cancelled", "Cancelled"]
    assert phases(others[0]) == {"find": "Succeeded", "desk": "Cancelled"}


@proves("F712")
async def test_a_subtask_that_fails_is_a_run_of_its_own(lab: Lab, row: Row) -> None:
    tool = ToolPlan(type="builtin", name="submit_subtask")
    rules = [
        {"contains": "count", "fail": {"type": "ModelBadRequest"}},
        {"toolCalls": [{"name": "submit_subtask", "arguments": {"prompt": "count"}}]},
        {"reply": "It is under way."},
    ]
    async with lab.working(script=script(*rules)):
        run = await lab.start(team(step("lead"), agents={"lead": {"tools": (tool,)}}))
        record = await ended_alike(run)
        subtask = await lab.run(f"{run.id}-sub-1").ended()
        again = await retry_run(lab.connection, await read_origin(lab.connection, subtask.id))
        await lab.run(again.run.id).ended()
    row.check(record)
    assert (subtask.phase, subtask.error.type if subtask.error else "") == ("Failed", "ModelBadRequest")
    assert again.run.id == f"{run.id}-sub-1-retry-1"
