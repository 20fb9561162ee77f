"""Times of schedules, and which of them a firing stands for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ark_temporal.events.backfilling import MOST_SLOTS, TooManySlotsError, slots_of
from ark_temporal.events.cron import Cron, CronError
from ark_temporal.events.slots import NotDueError, key_of, slot_of
from ark_temporal.manifests import ArkEvent
from tests.unit.manifests.marked import document, load_text

NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
"""A Wednesday."""

_MINUTE = timedelta(minutes=1)


def event(cron: str = "0 * * * *", zone: str = "UTC", jitter: int = 0, kind: str = "cron") -> ArkEvent:
    source = f'{{type: {kind}, cron: "{cron}", timeZone: {zone}, jitterSeconds: {jitter}}}'
    found = load_text(document("ArkEvent", f"source: {source}\ntargets: [{{team: t}}]", "e")).find(
        ArkEvent, "e"
    )
    assert found is not None
    return found


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def in_period(cron: str, zone: str, start: str, end: str) -> list[str]:
    there = ZoneInfo(zone)
    found = Cron.parse(cron, zone).between(utc(start), utc(end))
    return [f"{each.astimezone(there):%dT%H:%M%z}" for each in found]


@pytest.mark.parametrize(
    ("cron", "times"),
    [
        ("30 9 * * *", ["18T09:30", "19T09:30", "20T09:30", "21T09:30", "22T09:30", "23T09:30", "24T09:30"]),
        ("0 0 * * 7", ["22T00:00"]),
        ("0 0 * * sat-sun", ["21T00:00", "22T00:00"]),
        ("0 0 20 * 1", ["20T00:00", "23T00:00"]),
        ("0 0 */20 * *", ["21T00:00"]),
        ("0 6/12 20 nov ?", ["20T06:00", "20T18:00"]),
        ("59 23 24 11 *", ["24T23:59"]),
        ("0 0 30 2 *", []),
    ],
)
def test_times_of_expressions(cron: str, times: list[str]) -> None:
    found = Cron.parse(cron).between(utc("2026-11-18T00:00"), utc("2026-11-24T23:59"))
    assert [f"{each:%dT%H:%M}" for each in found] == times


def test_a_time_that_is_skipped_does_not_come_and_one_that_is_shown_twice_comes_twice() -> None:
    spring, autumn = ("2026-03-28T12:00", "2026-03-30T12:00"), ("2026-10-24T12:00", "2026-10-26T12:00")
    assert in_period("30 2 * * *", "Europe/Berlin", *spring) == ["30T02:30+0200"]
    assert in_period("30 2 * * *", "Europe/Berlin", *autumn) == [
        "25T02:30+0200",
        "25T02:30+0100",
        "26T02:30+0100",
    ]
    assert in_period("0 3 * * *", "Europe/Berlin", *spring) == ["29T03:00+0200", "30T03:00+0200"]
    assert len(in_period("*/15 * * * *", "Europe/Berlin", *autumn)) == 48 * 4 + 1
    assert in_period("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T10:00", "2026-04-04T20:00") == [
        "05T01:45+1100",
        "05T01:45+1030",
    ]


@given(
    st.sampled_from(["* * * * *", "*/7 3 * * *", "30 2 * * *", "0 */2 1-7 * 1", "5 1-3 * 3,10,11 0"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.integers(1, 2000),
)
def test_the_latest_is_the_last_of_those_between(cron: str, zone: str, end: datetime, minutes: int) -> None:
    schedule, until = Cron.parse(cron, zone), end.replace(tzinfo=UTC)
    start = until - minutes * _MINUTE
    between = [each for each in schedule.between(start, until) if each > start]
    assert schedule.latest(start, until) == (between[-1] if between else None)
    assert between == sorted(set(between))
    assert all(start <= each <= until and not each.second for each in between)


def test_both_ends_belong_to_a_period() -> None:
    hours = list(Cron.parse("0 * * * *").between(NOON, NOON + timedelta(hours=2)))
    assert hours == [NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=2)]
    second = timedelta(seconds=1)
    assert list(Cron.parse("0 * * * *").between(NOON + second, NOON + timedelta(hours=1) - second)) == []


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("61 * * * *", "UTC", '"61" is not a valid minute'),
        ("@daily", "UTC", "not supported"),
        ("0 0 * * *", "Europe/Berln", 'no time zone "Europe/Berln"'),
        ("0 0 * * *", "../etc/passwd", "no time zone"),
    ],
)
def test_what_is_no_schedule(cron: str, zone: str, said: str) -> None:
    with pytest.raises(CronError, match=said):
        Cron.parse(cron, zone)
    with pytest.raises(CronError, match="source is webhook"):
        Cron.of(event(kind="webhook"))


@pytest.mark.parametrize(
    ("late", "stands_for"),
    [
        (timedelta(), timedelta()),
        (timedelta(seconds=60), timedelta()),
        (timedelta(seconds=61), timedelta()),
        (timedelta(minutes=59, seconds=59), timedelta()),
        (timedelta(minutes=60), timedelta(minutes=60)),
        (timedelta(minutes=60, seconds=1), timedelta(minutes=60)),
        (timedelta(hours=5, minutes=1), timedelta(hours=5)),
        (timedelta(hours=24), timedelta(hours=24)),
        (timedelta(hours=30), timedelta(hours=30)),
    ],
    ids=str,
)
@pytest.mark.parametrize("server_was_away", [True, False])
def test_what_is_late_stands_for_the_latest_slot(
    late: timedelta, stands_for: timedelta, server_was_away: bool
) -> None:
    started = NOON + late if server_was_away else NOON
    if server_was_away and late > timedelta(hours=25):
        stands_for = timedelta()  # Temporal catches up with a day: this is a person's backfill
    assert slot_of(event(), NOON, started_at=started, now=NOON + late) == NOON + stands_for


def test_all_that_were_missed_together_stand_for_one() -> None:
    now = NOON + timedelta(hours=20, minutes=7)
    missed = [NOON + timedelta(hours=n) for n in range(21)]
    slots = {slot_of(event(), each, started_at=each, now=now) for each in missed}
    assert slots == {NOON + timedelta(hours=20)}
    assert {key_of(slot) for slot in slots} == {"2026-11-19T08:00:00+00:00"}


def test_what_was_missed_for_more_than_a_day_is_forgotten() -> None:
    weekly = event("0 12 * * 3")
    a_day = timedelta(hours=24)
    assert slot_of(weekly, NOON, started_at=NOON, now=NOON + a_day) == NOON
    with pytest.raises(NotDueError, match="more than 24 hours"):
        slot_of(weekly, NOON, started_at=NOON, now=NOON + a_day + 2 * _MINUTE)
    assert slot_of(weekly, NOON, started_at=NOON + 2 * a_day, now=NOON + 2 * a_day) == NOON


def test_a_firing_within_its_jitter_is_not_late() -> None:
    jittered = event(jitter=1800)
    assert slot_of(jittered, NOON, started_at=NOON, now=NOON + timedelta(minutes=31)) == NOON
    # The slot at one o'clock may still come by itself: what was missed before stands for one before it.
    for minutes, hours in ((61, 0), (89, 0), (90, 1), (120, 1), (151, 2)):
        now = NOON + timedelta(minutes=minutes)
        assert slot_of(jittered, NOON, started_at=NOON, now=now) == NOON + timedelta(hours=hours)


def test_a_time_that_somebody_chose_stands_for_itself_until_a_slot_has_passed() -> None:
    chosen = NOON + timedelta(minutes=20, seconds=17)
    on_time = slot_of(event(), chosen, started_at=chosen, now=chosen)
    late = slot_of(event(), chosen, started_at=chosen, now=chosen + timedelta(minutes=30))
    assert on_time == late == chosen
    after = slot_of(event(), chosen, started_at=chosen, now=NOON + timedelta(minutes=61))
    assert after == NOON + timedelta(hours=1)


def test_the_hour_that_temporal_counts_wrongly_is_left_out() -> None:
    nightly = event("30 1 * * *", "Europe/Berlin")
    right, wrong = utc("2026-10-24T23:30"), utc("2026-10-25T00:30")
    assert slot_of(nightly, right, started_at=right, now=right) == right
    with pytest.raises(NotDueError, match="clocks were put back"):
        slot_of(nightly, wrong, started_at=wrong, now=wrong)
    by_hand = wrong + timedelta(seconds=5)
    assert slot_of(nightly, by_hand, started_at=by_hand, now=by_hand) == by_hand


@pytest.mark.parametrize(
    ("cron", "zone", "minutes"),
    [
        ("*/15 * * * *", "Europe/Berlin", {0, 15, 30, 45}),
        ("5 * * * *", "Asia/Kolkata", {35}),
        ("5 * * * *", "Australia/Adelaide", {35}),
        ("5 * * * *", "Australia/Lord_Howe", None),
        ("5 */2 * * *", "Europe/Berlin", None),
        ("5 * * * 1-5", "Europe/Berlin", None),
        ("5 * 1 * *", "UTC", None),
    ],
)
def test_times_of_every_hour_need_no_zone(cron: str, zone: str, minutes: set[int] | None) -> None:
    assert Cron.parse(cron, zone).fixed_minutes() == minutes


def test_a_backfill_has_an_end() -> None:
    week = timedelta(days=7)
    assert len(slots_of(event("* * * * *"), NOON, NOON + timedelta(minutes=MOST_SLOTS - 1))) == MOST_SLOTS
    with pytest.raises(TooManySlotsError, match="more than 10000"):
        slots_of(event("* * * * *"), NOON, NOON + week)
