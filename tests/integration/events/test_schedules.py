"""The schedule of an event on a real Temporal: in step with what is applied, whoever applies it."""

import asyncio

import pytest
from temporalio.client import ScheduleOverlapPolicy

from ark_temporal.events.status import view_event
from ark_temporal.events.suspending import set_suspended
from ark_temporal.resources import store
from ark_temporal.resources.model import ApplyRequest, RollbackRequest
from tests.integration.events.desk import EVENT, HOURLY, desk, event, until, worker_team
from tests.integration.lab import Lab
from tests.replay.test_replay import replayer

DAILY = "{type: cron, cron: '30 6 * * *', timeZone: Europe/Berlin, jitterSeconds: 60}"


async def test_a_schedule_follows_its_event(lab: Lab) -> None:
    here = desk(lab, "follow")
    async with here.working():
        await here.apply(worker_team("follow"), event(namespace="follow"))
        made = await here.in_step(1)
        assert made is not None
        assert (made.note, made.paused, len(made.next)) == ("revision 1", False, 10)
        assert all(moment.minute == moment.second == 0 for moment in made.next)

        await here.change(DAILY, "concurrencyPolicy: Forbid")
        changed = await here.in_step(2)
        assert changed is not None
        assert changed.note == "revision 2"
        told = (await here.handle.describe()).schedule
        assert (told.spec.time_zone_name, told.policy.overlap) == (
            "Europe/Berlin",
            ScheduleOverlapPolicy.SKIP,
        )
        assert all(moment.minute in (30, 31) for moment in changed.next)

        await store.rollback(lab.connection, here.name, RollbackRequest(to=1, by="bob"))
        back = await here.in_step(3)
        assert back is not None
        assert (back.note, back.next[0].minute) == ("revision 3", 0)
        assert (await here.handle.describe()).schedule.policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL

        await here.change("{type: webhook}")
        assert await here.in_step(4) is None
        await here.change()
        assert await here.in_step(5) is not None
        await store.delete(lab.connection, here.name)
        assert await here.schedule() is None
    handle = lab.connection.client.get_workflow_handle(here.name.workflow_id)
    await replayer().replay_workflow(await handle.fetch_history())


async def test_pausing_and_resuming_are_revisions(lab: Lab) -> None:
    here = desk(lab, "pausing")
    async with here.working():
        await here.apply(worker_team("pausing"), event(namespace="pausing"))
        paused = await set_suspended(lab.connection, "pausing", EVENT, True, by="bob", comment="holiday")
        assert (paused.revision, paused.change) == (2, "configured")
        schedule = await here.in_step(2)
        assert schedule is not None
        assert (schedule.paused, schedule.next, schedule.note) == (True, [], "revision 2, suspended")
        status = (await view_event(lab.connection, "pausing", EVENT)).status
        assert (status.conditions[0].reason, status.next_fire_at) == ("Suspended", None)
        again = await set_suspended(lab.connection, "pausing", EVENT, True, by="bob")
        assert (again.revision, again.change) == (2, "unchanged")
        await set_suspended(lab.connection, "pausing", EVENT, False, by="eve")
        resumed = await here.in_step(3)
        assert resumed is not None
        assert not resumed.paused
        revisions = (await store.read_state(lab.connection, here.name)).revisions
        assert [(each.by, each.comment) for each in revisions[1:]] == [("bob", "holiday"), ("eve", "")]
        first, last = revisions[0].manifest["spec"], revisions[2].manifest["spec"]
        assert isinstance(first, dict)
        assert last == {**first, "suspended": False}
        await store.delete(lab.connection, here.name)


async def test_many_changes_at_once_end_in_step_with_the_last(lab: Lab) -> None:
    here = desk(lab, "crowd")
    async with here.working():
        await here.apply(worker_team("crowd"), event(namespace="crowd"))
        changes = [here.change(f"{{type: cron, cron: '{minute} * * * *'}}") for minute in range(1, 21)]
        done = await asyncio.gather(*changes)
        assert sorted(each.revision for each in done) == list(range(2, 22))
        schedule = await here.in_step(21)
        last = next(minute for minute, each in enumerate(done, 1) if each.revision == 21)
        assert schedule is not None
        assert (schedule.note, schedule.next[0].minute) == ("revision 21", last)
        # A change that comes while the schedule is being changed waits for no more than that.
        handle = lab.connection.client.get_workflow_handle(here.name.workflow_id)
        events = [each async for each in handle.fetch_history_events()]
        synced = [each for each in events if each.HasField("activity_task_scheduled_event_attributes")]
        assert len(synced) < 21
        await store.delete(lab.connection, here.name)


async def test_who_is_overtaken_is_told(lab: Lab) -> None:
    here = desk(lab, "overtaken")
    async with here.working():
        await here.apply(worker_team("overtaken"), event(namespace="overtaken"))
        request = ApplyRequest(manifest={"kind": "ArkEvent"}, only_after=7)
        with pytest.raises(store.OvertakenError, match="Revision 1 is in force, and not 7"):
            await store.apply(lab.connection, here.name, request)
        await asyncio.gather(
            *(set_suspended(lab.connection, "overtaken", EVENT, n % 2 == 0, by=f"p{n}") for n in range(4))
        )
        state = await store.read_state(lab.connection, here.name)
        specs = [each.manifest["spec"] for each in state.revisions]
        assert all(isinstance(spec, dict) and spec["targets"] for spec in specs)
        await store.delete(lab.connection, here.name)


async def test_times_that_got_past_the_check_are_told_and_leave_no_schedule(lab: Lab) -> None:
    here = desk(lab, "unchecked")
    async with here.working():
        await here.apply(worker_team("unchecked"), event(namespace="unchecked"))
        assert await here.in_step(1) is not None
        await here.change("{type: cron, cron: 'every day'}")
        assert await here.in_step(2) is None
        view = await view_event(lab.connection, "unchecked", EVENT)
        condition = view.status.conditions[0]
        assert (condition.status, condition.reason) == ("False", "InvalidCron")
        assert "2 fields; five are expected" in condition.message
        scheduled = (await store.read_state(lab.connection, here.name)).scheduled
        assert scheduled is not None
        assert (scheduled.revision, scheduled.reason) == (2, "InvalidCron")
        await store.apply(lab.connection, here.name, ApplyRequest(manifest={"kind": "ArkTeam"}))
        assert await here.in_step(3) is None
        scheduled = (await store.read_state(lab.connection, here.name)).scheduled
        assert scheduled is not None
        assert scheduled.reason == "InvalidSource"
        await here.change(HOURLY)
        assert await here.in_step(4) is not None
        await store.delete(lab.connection, here.name)


async def test_an_event_that_is_applied_while_it_is_deleted_begins_anew(lab: Lab) -> None:
    here = desk(lab, "again")
    async with here.working():
        await here.apply(worker_team("again"), event(namespace="again"))
        await here.in_step(1)
        for _ in range(3):
            _, again = await asyncio.gather(
                store.delete(lab.connection, here.name), here.change(DAILY, "suspended: true")
            )
            state = await _read(lab, here.name)
            if state == "gone":
                assert again.change != "created"  # it came first
                await here.change()
            else:
                assert again.change == "created"
            assert await here.in_step(1) is not None
        await store.delete(lab.connection, here.name)
        assert await here.schedule() is None


async def _read(lab: Lab, name: store.ResourceName) -> str:
    try:
        await store.read_state(lab.connection, name)
    except store.ResourceNotFoundError:
        return "gone"
    return "there"


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_an_event_that_was_changed_often_goes_on_with_its_schedule(lab: Lab) -> None:
    here = desk(lab, "often")
    async with here.working():
        await here.apply(worker_team("often"), event(namespace="often"))
        for batch in range(64):
            sources = (
                f"{{type: cron, cron: '{n % 60} {n // 60} * * *'}}" for n in range(batch * 8, batch * 8 + 8)
            )
            await asyncio.gather(*(here.change(source) for source in sources))
        handle = lab.connection.client.get_workflow_handle(here.name.workflow_id)

        async def has_gone_on() -> bool:
            now = await handle.describe()
            return now.run_id != now.raw_description.workflow_execution_info.first_run_id

        await until(has_gone_on)
        await here.change("{type: cron, cron: '59 23 31 12 *'}")
        schedule = await here.in_step(514)
        assert schedule is not None
        assert f"{schedule.next[0]:%m-%dT%H:%M}" == "12-31T23:59"
        await store.delete(lab.connection, here.name)
        assert await here.schedule() is None
