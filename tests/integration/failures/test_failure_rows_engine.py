"""Rows about what runs rely on: workers, storage, secrets, and the ways to tell people."""

import asyncio
import shutil
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import TimeoutError as TemporalTimeout
from temporalio.exceptions import TimeoutType

from ark_temporal.plan.calls import ModelCall
from ark_temporal.plan.model import EnvSource
from ark_temporal.plan.people import ChannelPlan, GatePlan, NotifyPlan
from ark_temporal.plan.record import Decision
from ark_temporal.plan.references import KeyRef
from ark_temporal.runs.decide import decide
from ark_temporal.runs.failures import call_failure
from ark_temporal.runs.pending import look_at_pending
from ark_temporal.runs.watch import read_record
from ark_temporal.storage.errors import PayloadMissingError
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import Case, asks, called, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step
from tests.integration.processes import free_port
from tests.unit.plan.driving import Run as DrivenRun
from tests.unit.plan.driving import plan as driven_plan
from tests.unit.plan.driving import said
from tests.unit.plan.driving import step as driven_step


@proves("F1004")
async def test_a_call_does_not_wait_for_a_worker_for_ever(lab: Lab, row: Row) -> None:
    """How long, Temporal has in writing; what follows, the pure `Progress` says without the wait."""
    async with lab.working():
        run = await lab.start(team(step("find"), agents={"find": {"timeout_seconds": 60}}))
        await run.ended()
    [scheduled] = [
        event.activity_task_scheduled_event_attributes
        for event in await run.events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]
    four_attempts = 4 * timedelta(seconds=60 + 10)
    assert scheduled.schedule_to_close_timeout.ToTimedelta() == four_attempts + timedelta(minutes=30)
    driven = DrivenRun(driven_plan(driven_step("a"), driven_step("b", after=("a",))))
    driven.answer("a")
    late = TemporalTimeout("", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
    request = driven.progress.request("b")
    assert isinstance(request, ModelCall)
    driven.settle(("b", call_failure(late, request)))
    row.check(driven.record)
    assert phases(driven.record) == {"a": "Succeeded", "b": "Failed"}


LONG = {"role": "find", "reply": "long " * 40_000}
READS = team(
    step("find"),
    step("write", "about {{ .steps.find.output }}", after=["find"], gates=(GatePlan(),)),
)


@pytest.mark.slow
@proves("F1007")
async def test_a_run_whose_payload_is_gone_waits_until_it_is_back(lab: Lab, row: Row) -> None:
    async with lab.working(script=script(LONG)):
        run = await lab.start(READS)
        waits = await asks(run)
    away = lab.directory.with_name("away")
    lab.directory.rename(away)
    with pytest.raises(PayloadMissingError, match="storage directory"):
        await read_record(lab.connection, run.id)
    approval = Decision(id=waits.id, decision="approve", digest=waits.digest)
    async with lab.working(script=script(LONG)):
        await run.handle.signal("approve", {"id": approval.id, "digest": approval.digest})
        async with asyncio.timeout(40):
            while (await look_at_pending(lab.connection, run.id)).stuck_task < 2:
                await asyncio.sleep(0.2)
        shutil.copytree(away, lab.directory, dirs_exist_ok=True)
        record = await ended_alike(run, 60, replayed=True)
    assert row.words == ["Running"]
    assert (record.phase, await called(run)) == ("Succeeded", {"find": 1, "write": 1})


SECRET = Case(
    team(
        step("find"),
        step("write", after=["find"]),
        agents={
            "write": {"model": "gpt-5-mini", "provider": "openai", "env_from": (EnvSource(name="absent"),)}
        },
    ),
    called={"find": 1, "write": 1},
    phases={"find": "Succeeded", "write": "Failed"},
    told="OPENAI_API_KEY",
)


@proves("F1008")
async def test_what_a_missing_secret_should_have_held_is_named(lab: Lab, row: Row) -> None:
    _, record = await SECRET.run(lab)
    row.check(record)


def telling(name: str) -> NotifyPlan:
    return NotifyPlan(name="ops", channels=(ChannelPlan(type="webhook", url=KeyRef(name=name, key="url")),))


@proves("F1010")
async def test_nobody_waits_until_people_are_told(lab: Lab, row: Row) -> None:
    """One sink is down, and is tried again while the run goes on; one has no address, and is given up."""
    down = {"down": {"url": f"http://127.0.0.1:{free_port()}"}}
    plan = team(
        step("find", gates=(GatePlan(notify=telling("down")),)),
        step("write", after=["find"], gates=(GatePlan(notify=telling("nowhere")),)),
    )
    async with lab.working(secrets=down):
        run = await lab.start(plan)
        for name in ("find", "write"):
            waits = await asks(run)
            assert waits.step == name
            if name == "write":
                async with asyncio.timeout(20):
                    while not (await run.record()).step("write").warnings:
                        await asyncio.sleep(0.05)
            await decide(
                lab.connection, run.id, Decision(id=waits.id, decision="approve", digest=waits.digest)
            )
            while (await run.record()).step(name).phase == "Running":
                await asyncio.sleep(0.05)
        record = await ended_alike(run)
    row.check(record)
    [told] = record.step("write").warnings
    assert told.startswith('"ops" told nobody of ApprovalRequested.')
    made = await called(run)
    assert (made["find"], made["write"]) == (1, 1)


@proves("F1012", how="progress")
def test_a_state_that_cannot_be_carried_over_goes_on_where_it_is(row: Row) -> None:
    """A server would only suggest to continue, after thousands of events."""
    run = DrivenRun(driven_plan(driven_step("a"), driven_step("b", after=("a",))), payload_limit=1500)
    run.progress.take_in([("a", said("x" * 1200))], run.now)
    assert [request.id for request in run.progress.advance(run.now, hold=True)] == ["b"]
    assert not run.progress.can_continue
    assert row.words == [run.record.phase]
    small = DrivenRun(driven_plan(driven_step("a"), driven_step("b", after=("a",))))
    small.progress.take_in([("a", said("x"))], small.now)
    assert small.progress.advance(small.now, hold=True) == []
    assert small.progress.can_continue
