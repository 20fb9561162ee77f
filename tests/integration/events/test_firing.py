"""Events that are fired on a real Temporal: by their schedule, by a person, and for times gone by."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from temporalio.client import ScheduleBackfill

from ark_temporal.events.backfilling import backfill, slots_of
from ark_temporal.events.firing import FiringFailedError, fire, fire_by_hand
from ark_temporal.events.model import BUSY, FiringResult, FiringStart
from ark_temporal.events.prepare import GONE, SUSPENDED
from ark_temporal.manifests import ArkEvent
from ark_temporal.plan.causes import Trigger
from ark_temporal.resources.applying import load_applied
from ark_temporal.runs.connection import ConnectionFailedError
from tests.integration.events.desk import EVENT, Desk, desk, event, worker_team
from tests.integration.lab import Lab

HOUR = timedelta(hours=1)


def between_hours() -> tuple[str, datetime]:
    """A schedule that fires hourly, half an hour away from now, and when it did last."""
    last = (datetime.now(UTC) - HOUR / 2).replace(second=0, microsecond=0)
    return f"{{type: cron, cron: '{last.minute} * * * *'}}", last


async def test_a_schedule_fires_with_its_time_what_is_in_force_then(lab: Lab) -> None:
    here = desk(lab, "fires")
    async with here.working():
        await here.apply(worker_team("fires"), event(namespace="fires"))
        await here.in_step(1)
        await here.handle.trigger()
        [(id, first)] = (await here.firings(1)).items()
        record = await here.record(first.runs[0])
        fired_at = datetime.fromisoformat(id[-20:])
        assert record.cause is not None
        assert (record.cause.event, record.cause.source) == (EVENT, "cron")
        assert record.cause.fired_at == fired_at
        assert record.phase == "Succeeded"
        assert f"at: {fired_at:%Y-%m-%dT%H:%M:%SZ}" in record.steps[0].prompt

        await here.apply(worker_team("fires", "Work harder."))
        await asyncio.sleep(1.1)  # what is applied is known everywhere a second later
        await here.handle.trigger()
        runs = {run for result in (await here.firings(2)).values() for run in result.runs}
        [second] = runs - set(first.runs)
        assert (await here.record(second)).plan != record.plan
        schedule = await here.schedule()
        assert schedule is not None
        assert schedule.fired == len(schedule.last) == 2


async def test_forbid_skips_what_overlaps_and_fires_again_after(lab: Lab) -> None:
    here = desk(lab, "forbids")
    async with here.working({"role": "w", "contains": "slowly", "delaySeconds": 5}):
        await here.apply(worker_team("forbids"), event(more="concurrencyPolicy: Forbid", namespace="forbids"))
        await here.in_step(1)
        held = await fire_by_hand(lab.connection, "forbids", EVENT, body={"say": "slowly"}, by="ann")
        assert held.fired
        for _ in range(2):
            await here.handle.trigger()
            await asyncio.sleep(1.1)  # two within one second are one
        skipped = await here.firings(2)
        assert [(each.fired, each.reason) for each in skipped.values()] == [(False, BUSY)] * 2
        by_hand = await fire_by_hand(lab.connection, "forbids", EVENT, by="bob")
        assert (by_hand.fired, by_hand.reason) == (False, BUSY)
        assert (await here.record(held.runs[0])).phase == "Succeeded"

        await here.handle.trigger()
        fired = [each for each in (await here.firings(3)).values() if each.fired]
        assert len(fired) == 1
        assert (await here.record(fired[0].runs[0])).phase == "Succeeded"


async def test_a_suspended_event_is_fired_by_nobody_but_a_person(lab: Lab) -> None:
    here = desk(lab, "suspended")
    async with here.working():
        await here.apply(worker_team("suspended"), event(more="suspended: true", namespace="suspended"))
        schedule = await here.in_step(1)
        assert schedule is not None
        assert schedule.paused
        await here.handle.trigger()
        [result] = (await here.firings(1)).values()
        assert (result.fired, result.reason, result.runs) == (False, SUSPENDED, [])
        by_hand = await fire_by_hand(lab.connection, "suspended", EVENT, by="ann")
        record = await here.record(by_hand.runs[0])
        assert record.cause is not None
        assert (record.cause.source, record.submitted_by) == ("manual", "ann")


async def test_a_key_fires_once(lab: Lab) -> None:
    here = desk(lab, "keys")
    async with here.working():
        await here.apply(worker_team("keys"), event("{type: webhook}", namespace="keys"))
        told = await asyncio.gather(
            *(fire_by_hand(lab.connection, "keys", EVENT, key="order-7", by=f"p{n}") for n in range(8))
        )
        assert len({tuple(each.runs) for each in told}) == 1
        assert all(each.fired for each in told)
        other = await fire_by_hand(lab.connection, "keys", EVENT, body={"say": "hello"})
        assert set(other.runs).isdisjoint(told[0].runs)
        assert "say: hello" in (await here.record(other.runs[0])).steps[0].prompt


async def test_what_cannot_be_started_says_why_and_can_be_tried_again(lab: Lab) -> None:
    here = desk(lab, "fails")
    async with here.working():
        await here.apply(event("{type: webhook}", namespace="fails"))
        with pytest.raises(FiringFailedError, match=r"The event .tick. cannot start its targets"):
            await fire_by_hand(lab.connection, "fails", EVENT, key="k")
        await here.apply(worker_team("fails"))
        await asyncio.sleep(1.1)
        assert (await fire_by_hand(lab.connection, "fails", EVENT, key="k")).fired


async def test_what_workers_missed_starts_once(lab: Lab) -> None:
    """The server was there and fired; nobody worked."""
    here = desk(lab, "missed")
    source, last = between_hours()
    async with here.working():
        await here.apply(worker_team("missed"), event(source, namespace="missed"))
        await here.in_step(1)
    await here.handle.backfill(ScheduleBackfill(start_at=last - 5 * HOUR - HOUR / 2, end_at=last))
    async with here.working():
        results = await here.firings(6)
        assert {id[-20:] for id in results} == {f"{last - n * HOUR:%Y-%m-%dT%H:%M:%SZ}" for n in range(6)}
        assert all(each.fired for each in results.values())
        [run] = {run for each in results.values() for run in each.runs}
        record = await here.record(run)
        assert record.cause is not None
        assert record.cause.fired_at == last


async def test_each_time_of_a_backfill_is_fired_once(lab: Lab) -> None:
    here = desk(lab, "backfill")
    source, last = between_hours()
    async with here.working():
        await here.apply(worker_team("backfill"), event(source, namespace="backfill"))
        await here.in_step(1)
        first = await fill(here, last - 2 * HOUR, last)
        assert list(first) == [last - 2 * HOUR, last - HOUR, last]
        more = await fill(here, last - 3 * HOUR, last)
        assert {slot: more[slot] for slot in first} == first
        runs = [run for result in more.values() for run in result.runs]
        assert len(set(runs)) == len(runs) == 4
        fired_at = [(await here.record(run)).cause for run in runs]
        assert [each.fired_at for each in fired_at if each] == list(more)
        # The schedule itself fires for none of them again.
        await here.handle.backfill(ScheduleBackfill(start_at=last - HOUR / 2, end_at=last))
        [again] = (await here.firings(1)).values()
        assert again.runs == more[last].runs


async def test_a_backfill_waits_where_runs_must_not_overlap(lab: Lab) -> None:
    here = desk(lab, "queue")
    source, last = between_hours()
    async with here.working({"role": "w", "delaySeconds": 0.3}):
        await here.apply(worker_team("queue"), event(source, "concurrencyPolicy: Forbid", namespace="queue"))
        filled = await fill(here, last - 2 * HOUR, last)
        assert all(each.fired for each in filled.values())
        records = [await here.record(each.runs[0]) for each in filled.values()]
        for before, after in pairwise(records):
            assert before.completion_time is not None
            assert before.completion_time <= after.start_time


async def fill(here: Desk, start: datetime, end: datetime) -> dict[datetime, FiringResult]:
    bundle = await load_applied(here.connection, here.namespace)
    found = bundle.find(ArkEvent, EVENT, here.namespace)
    assert found is not None
    slots = slots_of(found, start, end)
    return {slot: result async for slot, result in backfill(here.connection, found, slots, by="ann")}


async def test_nobody_who_works_is_said(lab: Lab) -> None:
    trigger = Trigger(name=EVENT, source="manual", fired_at=datetime.now(UTC))
    start = FiringStart(namespace="nobody", event=EVENT, trigger=trigger, key="k")
    with pytest.raises(ConnectionFailedError, match="Start one with"):
        await fire(lab.connection, start, patience=0.5)
    async with desk(lab, "nobody").working():
        handle = lab.connection.client.get_workflow_handle("firing/nobody/tick/k", result_type=FiringResult)
        assert (await handle.result()).reason == GONE
