"""What a real Temporal makes of a schedule in the nights in which clocks change, against what we promise."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import ScheduleBackfill

from ark_temporal.events.cron import Cron
from ark_temporal.events.schedules import put_schedule, remove_schedule, schedule_id
from ark_temporal.manifests import ArkEvent, load
from tests.integration.events.desk import EVENT, desk, event, worker_team
from tests.integration.lab import Lab

SPRING = {"Europe/Berlin": "2025-03-29", "America/New_York": "2025-03-08"}
AUTUMN = {"Europe/Berlin": "2025-10-25", "America/New_York": "2025-11-01"}
"""The days before; what is told is about three days."""

EVERY_HOUR = ("*/15 * * * *", "0 * * * *")
AT_A_TIME = ("30 1 * * *", "30 2 * * *", "0 3 * * *", "0 0 * * *", "15 4 * * 0", "0 9 13 * 6-7")


class Times:
    """The times of schedules, as the server tells them."""

    def __init__(self, lab: Lab) -> None:
        self._client = lab.connection.client

    async def of(self, cron: str, zone: str, day: str) -> tuple[list[datetime], list[datetime]]:
        """The server's and ours, of three days."""
        found = parsed(cron, zone)
        await put_schedule(self._client, found, 1)
        start = datetime.fromisoformat(day).replace(tzinfo=UTC)
        end = start + timedelta(days=3)
        told = await self._client.workflow_service.list_schedule_matching_times(
            ListScheduleMatchingTimesRequest(
                namespace=self._client.namespace,
                schedule_id=schedule_id("clocks", EVENT),
                start_time=timestamp(start),
                end_time=timestamp(end),
            )
        )
        ours = [each for each in Cron.of(found).between(start, end) if each > start]
        return [each.ToDatetime().replace(tzinfo=UTC) for each in told.start_time], ours


@pytest.fixture
async def times(lab: Lab) -> AsyncGenerator[Times]:
    yield Times(lab)
    await remove_schedule(lab.connection.client, "clocks", EVENT)


@pytest.mark.parametrize("zone", SPRING)
async def test_in_spring_a_time_that_is_skipped_does_not_come(times: Times, zone: str) -> None:
    for cron in (*EVERY_HOUR, *AT_A_TIME, "*/15 0-5 * * *"):
        told, ours = await times.of(cron, zone, SPRING[zone])
        assert told == ours, cron
    told, _ = await times.of("30 2 * * *", zone, SPRING[zone])
    assert len(told) == 2


@pytest.mark.parametrize("zone", AUTUMN)
async def test_in_autumn_what_comes_every_hour_goes_on(times: Times, zone: str) -> None:
    for cron in EVERY_HOUR:
        told, ours = await times.of(cron, zone, AUTUMN[zone])
        assert told == ours, cron


@pytest.mark.parametrize("zone", AUTUMN)
async def test_in_autumn_every_time_comes_and_what_is_wrong_is_left_out(times: Times, zone: str) -> None:
    for cron in AT_A_TIME:
        told, ours = await times.of(cron, zone, AUTUMN[zone])
        schedule = Cron.parse(cron, zone)
        kept = [each for each in told if not schedule.is_misreckoned(each)]
        assert set(kept) <= set(ours), cron
        walls = {f"{each.astimezone(schedule.zone):%dT%H:%M}" for each in ours}
        assert {f"{each.astimezone(schedule.zone):%dT%H:%M}" for each in kept} == walls, cron


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
async def test_firing_over_an_autumn_night(lab: Lab, times: Times, zone: str) -> None:
    """Every run is for a time that the wall clock showed, and no two are for the same moment."""
    space = zone.partition("/")[2].lower().replace("_", "-")
    here = desk(lab, space)
    async with here.working():
        source = f"{{type: cron, cron: '30 1 * * *', timeZone: {zone}}}"
        await here.apply(worker_team(space), event(source, namespace=space))
        await here.in_step(1)
        told, expected = await times.of("30 1 * * *", zone, AUTUMN[zone])
        start = datetime.fromisoformat(AUTUMN[zone]).replace(tzinfo=UTC)
        end = start + timedelta(days=3)
        await here.handle.backfill(ScheduleBackfill(start_at=start, end_at=end))
        results = await here.firings(len(told))
        runs = [run for each in results.values() for run in each.runs]
        causes = [(await here.record(run)).cause for run in runs]
        assert sorted(each.fired_at for each in causes if each) == expected
        skipped = [each.reason for each in results.values() if not each.fired]
        assert all("clocks were put back" in each for each in skipped)


def parsed(cron: str, zone: str) -> ArkEvent:
    text = event(f"{{type: cron, cron: '{cron}', timeZone: {zone}}}", namespace="clocks")
    found = load([], texts={"text": text}).find(ArkEvent, EVENT, "clocks")
    assert found is not None
    return found


def timestamp(moment: datetime) -> Timestamp:
    told = Timestamp()
    told.FromDatetime(moment)
    return told
