"""The schedule that an event asks for."""

from datetime import timedelta

import pytest
from temporalio.client import ScheduleActionStartWorkflow, ScheduleOverlapPolicy, ScheduleRange

from ark_temporal.events.cron import CronError
from ark_temporal.events.model import FiringStart
from ark_temporal.events.schedules import schedule_id, schedule_of
from ark_temporal.manifests import ArkEvent
from tests.unit.manifests.marked import document, load_text


def event(spec: str) -> ArkEvent:
    text = document("ArkEvent", f"{spec}\ntargets: [{{team: t}}]", "nightly", "press")
    found = load_text(text).find(ArkEvent, "nightly", "press")
    assert found is not None
    return found


def test_all_that_an_event_says_is_in_its_schedule() -> None:
    source = '{type: cron, cron: "30 8,9,12 * * 1-5", timeZone: Europe/Berlin, jitterSeconds: 90}'
    schedule = schedule_of(event(f"source: {source}\nconcurrencyPolicy: Forbid\nsuspended: true"), 7)
    action = schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id, action.task_queue) == ("EventFiring", "firing/press/nightly", "ark")
    assert list(action.args) == [FiringStart(namespace="press", event="nightly")]
    assert action.static_summary == "nightly: by its schedule"
    [calendar] = schedule.spec.calendars
    assert calendar.hour == [ScheduleRange(8, 9), ScheduleRange(12, 12)]
    assert calendar.minute == [ScheduleRange(30, 30)]
    assert calendar.day_of_week == [ScheduleRange(1, 5)]
    assert calendar.comment == "30 8,9,12 * * 1-5"
    assert (schedule.spec.time_zone_name, schedule.spec.jitter) == ("Europe/Berlin", timedelta(seconds=90))
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(hours=24)
    assert (schedule.state.paused, schedule.state.note) == (True, "revision 7, suspended")
    assert schedule_id("press", "nightly") == "arkevent/press/nightly"


def test_what_an_event_leaves_out() -> None:
    schedule = schedule_of(event('source: {type: cron, cron: "*/5 * * * *"}'), 1)
    assert schedule.policy.overlap is ScheduleOverlapPolicy.ALLOW_ALL
    assert (schedule.spec.time_zone_name, schedule.spec.jitter) == ("UTC", None)
    assert (schedule.state.paused, schedule.state.note) == (False, "revision 1")


def test_either_day_is_enough_as_in_every_cron() -> None:
    spec = schedule_of(event('source: {type: cron, cron: "0 0 13 * 5"}'), 1).spec
    by_day = [(each.day_of_month, each.day_of_week) for each in spec.calendars]
    everything = [ScheduleRange(1, 31)], [ScheduleRange(0, 6)]
    assert by_day == [([ScheduleRange(13, 13)], everything[1]), (everything[0], [ScheduleRange(5, 5)])]


def test_only_a_cron_has_one() -> None:
    with pytest.raises(CronError, match="its source is webhook"):
        schedule_of(event("source: {type: webhook}"), 1)
