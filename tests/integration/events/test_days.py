"""Schedules that fire for a year, on a real Temporal whose time is skipped, over both changes of clocks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ark_temporal.events.model import BUSY, FiringResult
from ark_temporal.events.schedules import schedule_id
from tests.integration.days import lab_of_days, skip
from tests.integration.events.desk import EVENT, Desk, desk, event, worker_team
from tests.integration.lab import Lab

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)

AUTUMN = {
    "Europe/Berlin": ["01:30", "02:30", "03:30"],
    "America/New_York": ["01:30", "01:30", "02:30", "03:30"],
}
"""The night in which an hour is repeated, as docs/events.md has it for either continent."""


def changes(zone: str) -> Iterator[tuple[date, timedelta]]:
    """The next days on which clocks are put forward or back, and how far."""
    noons = [datetime.now(ZoneInfo(zone)).replace(hour=12, fold=0) + n * DAY for n in range(400)]
    for before, after in pairwise(noons):
        moved = (after.utcoffset() or timedelta()) - (before.utcoffset() or timedelta())
        if moved:
            yield after.date(), moved


async def skipped(lab: Lab, here: Desk, time: timedelta) -> dict[str, FiringResult]:
    """What came of all firings in a time that is skipped."""
    await skip(lab, f"temporal-sys-scheduler:{schedule_id(here.namespace, EVENT)}", time)
    schedule = await here.schedule()
    assert schedule is not None
    return await here.firings(schedule.fired)


@pytest.mark.parametrize("zone", AUTUMN)
async def test_a_year_of_nights(home: Path, zone: str) -> None:
    """Runs are for the times that the wall clock shows, in the nights in which it jumps as in others."""
    space = zone.partition("/")[2].lower().replace("_", "-")
    nights = dict(islice(changes(zone), 2))
    assert sorted(nights.values()) == [-timedelta(hours=1), timedelta(hours=1)]
    days, months = ({str(getattr(night, part)) for night in nights} for part in ("day", "month"))
    cron = f"30 1-3 {','.join(sorted(days))} {','.join(sorted(months))} *"
    async with lab_of_days(home) as lab:
        here = desk(lab, space)
        async with here.working():
            source = f"{{type: cron, cron: '{cron}', timeZone: {zone}}}"
            await here.apply(worker_team(space), event(source, namespace=space))
            await here.in_step(1)
            today, end = datetime.now(ZoneInfo(zone)).date(), max(nights) + 2 * DAY
            results = await skipped(lab, here, datetime.combine(end, time(), UTC) - datetime.now(UTC))
            runs = [run for each in results.values() for run in each.runs]
            records = [await here.record(run) for run in runs]
    fired = sorted(record.cause.fired_at for record in records if record.cause)
    walls = [each.astimezone(ZoneInfo(zone)) for each in fired]
    shown = [f"{wall:%m-%d %H:%M}" for wall in walls if wall.date() > today]
    expected: list[str] = []
    for day in (today + n * DAY for n in range(1, (end - today).days)):
        if str(day.day) in days and str(day.month) in months:
            moved = nights.get(day, timedelta())
            spring = ["01:30", "03:30"]
            night = AUTUMN[zone] if moved < timedelta() else spring if moved else ["01:30", "02:30", "03:30"]
            expected += [f"{day:%m-%d} {wall}" for wall in night]
    assert shown == expected
    assert all(record.phase == "Succeeded" for record in records)
    assert all("clocks were put back" in each.reason for each in results.values() if not each.fired)


async def test_forbid_through_an_hour(home: Path) -> None:
    """Six firings, a second of ours apart: none starts a run while one of four seconds goes on."""
    async with lab_of_days(home) as lab:
        here = desk(lab, "busy")
        async with here.working({"role": "w", "delaySeconds": 4}):
            source = "{type: cron, cron: '*/10 * * * *'}"
            await here.apply(
                worker_team("busy"), event(source, "concurrencyPolicy: Forbid", namespace="busy")
            )
            await here.in_step(1)
            results = await skipped(lab, here, timedelta(hours=1))
            records = [await here.record(run) for each in results.values() for run in each.runs]
    assert len(results) == 6
    assert {each.reason for each in results.values() if not each.fired} == {BUSY}
    assert 1 <= len(records) <= 3
    for before, after in pairwise(sorted(records, key=lambda record: record.start_time)):
        assert before.completion_time is not None
        assert before.completion_time <= after.start_time
