"""Rows about budgets, deadlines, and runs that somebody stops or holds up."""

import asyncio
from datetime import timedelta
from typing import Any

from ark_temporal.plan.calls import ChildOutcome
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Control, RunError
from ark_temporal.runs.end import cancel_run, terminate_run
from ark_temporal.runs.pause import control_run
from ark_temporal.runs.retry import read_origin, retry_run
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import Case, called, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step
from tests.unit.plan.driving import Run as DrivenRun

SLOW = {"role": "slow", "delaySeconds": 60}
MUCH = {"usage": {"outputTokens": 500}}
DESK = team(step("slow"), team="desk")

CASES = {
    "F901": Case(
        team(step("big"), step("also"), step("never", after=["big"]), max_tokens=100),
        [{"role": "big", **MUCH}, {"role": "also", "delaySeconds": 1}],
        {"big": 1, "also": 1},
        {"big": "Cancelled", "also": "Cancelled", "never": "Pending"},
        told="more than its maxTokens of 100",
    ),
    "F902": Case(
        team(step("asked", gates=(GatePlan(),)), step("big"), max_tokens=100),
        [{"role": "big", **MUCH, "delaySeconds": 0.5}],
        {"big": 1},
        {"asked": "Cancelled", "big": "Cancelled"},
    ),
    "F903": Case(
        team(step("big"), step("never", after=["big"]), teams={"big": team(step("ann"))}, max_tokens=100),
        [{"role": "ann", **MUCH}],
        {},
        {"big": "Cancelled", "never": "Pending"},
    ),
    "F904": Case(
        team(step("find"), step("slow", after=["find"]), timeout_seconds=2),
        [SLOW],
        {"find": 1},
        {"find": "Succeeded", "slow": "Cancelled"},
        told="running then: slow",
    ),
    "F905": Case(
        team(step("find"), step("desk", after=["find"]), teams={"desk": DESK}, timeout_seconds=2),
        [SLOW],
        {"find": 1},
        {"find": "Succeeded", "desk": "Cancelled"},
        told="running then: desk",
    ),
    "F906": Case(
        team(step("asked", gates=(GatePlan(),)), timeout_seconds=1),
        [],
        {},
        {"asked": "Cancelled"},
        told="running then: asked",
    ),
}


@proves(*CASES)
async def test_a_bound_that_is_reached(lab: Lab, row: Row) -> None:
    run, record = await CASES[row.id].run(lab)
    row.check(record)
    assert record.awaiting == []
    if row.id == "F905":
        async with lab.working():
            child = await lab.run(f"{run.id}-desk-1").ended(20)
        assert child.phase in ("Failed", "Cancelled")
        assert child.step("slow").phase == "Cancelled"


def test_a_run_that_is_late_ends_for_that_whoever_else_is_late() -> None:
    """The run below has the same deadline, and may be the first to tell."""
    run = DrivenRun(team(step("desk"), teams={"desk": DESK}, timeout_seconds=60))
    [below] = run.open
    run.now += timedelta(seconds=60)
    run.settle((below, ChildOutcome(error=RunError(type="TimedOut", message="It was not done."))))
    assert (run.record.phase, run.record.reason) == ("Failed", "TimedOut")


async def test_a_retry_has_a_budget_of_its_own(lab: Lab) -> None:
    case = CASES["F901"]
    run, _ = await case.run(lab)
    async with lab.working():
        again = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
        record = await ended_alike(lab.run(again.run.id))
    assert record.phase == "Succeeded"
    assert await called(lab.run(again.run.id)) == {"big": 1, "also": 1, "never": 1}


@proves("F907", "F908")
async def test_a_run_is_stopped(lab: Lab, row: Row) -> None:
    plan = team(step("find"), step("slow", after=["find"]), step("never", after=["slow"]))
    async with lab.working(script=script({**SLOW, "times": 1})), asyncio.timeout(30):
        run = await lab.start(plan)
        await run.until_running("slow")
        if row.id == "F907":
            assert await cancel_run(lab.connection, run.id)
        else:
            assert await terminate_run(lab.connection, run.id, "enough")
        record = await run.ended()
        if row.id == "F907":
            assert await run.asked() == record
        again = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
        assert (await ended_alike(lab.run(again.run.id))).phase == "Succeeded"
    row.check(record)
    assert phases(record) == {"find": "Succeeded", "slow": "Cancelled", "never": "Pending"}
    assert await called(lab.run(again.run.id)) == {"slow": 1, "never": 1}


def held_up(**fields: Any) -> Any:
    """Two steps, the first of which takes its time."""
    return team(step("find"), step("write", after=["find"]), **fields)


TAKES_TIME = {"role": "find", "delaySeconds": 1}


@proves("F909")
async def test_a_paused_run_begins_nothing_until_it_may(lab: Lab, row: Row) -> None:
    async with lab.working(script=script(TAKES_TIME)):
        run = await lab.start(held_up())
        await run.until_running("find")
        assert await control_run(lab.connection, run.id, Control(by="ada")) == [run.id]
        while phases(record := await run.record())["find"] != "Succeeded":
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        assert await run.asked() == await run.record() == record
        row.check(record)
        assert (record.paused_since is not None, record.step("write").calls) == (True, [])
        await control_run(lab.connection, run.id, Control(action="resume"))
        assert (await ended_alike(run)).phase == "Succeeded"
    assert await called(run) == {"find": 1, "write": 1}


@proves("F910")
async def test_a_pause_does_not_stop_the_time(lab: Lab, row: Row) -> None:
    async with lab.working(script=script(TAKES_TIME)):
        run = await lab.start(held_up(timeout_seconds=3))
        await run.until_running("find")
        await control_run(lab.connection, run.id, Control())
        record = await ended_alike(run)
    row.check(record)
    assert await called(run) == {"find": 1}
    assert record.step("write").calls == []
