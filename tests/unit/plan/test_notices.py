"""What a notifier lets out and what it drops, and which moments of a run are told, without any server."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from ark_temporal.plan.announcing import Announcer
from ark_temporal.plan.calls import CallFailure, Notification
from ark_temporal.plan.notices import (
    AT_ONCE,
    MAX_WAITING,
    Notices,
    NotifierState,
    notifier_id,
)
from ark_temporal.plan.people import ChannelPlan, NotifyPlan
from ark_temporal.plan.references import KeyRef
from ark_temporal.plan.telling import about_run
from tests.unit.plan.driving import Run, plan, said, step

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SLACK = ChannelPlan(type="slack", url=KeyRef(name="slack", key="url"))
HOOK = ChannelPlan(type="webhook", url=KeyRef(name="hook", key="url"))


def notification(number: int = 0, *channels: ChannelPlan, **fields: Any) -> Notification:
    return Notification(
        id="TeamFailed",
        step="",
        team="menu",
        run=f"run-{number}",
        event="TeamFailed",
        notify=NotifyPlan(name="pager", channels=channels or (SLACK,), **fields),
        message="Alas.",
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(
    bound=st.integers(1, 5),
    window=st.integers(1, 50),
    times=st.lists(st.floats(0, 300, allow_nan=False), max_size=60).map(sorted),
)
def test_no_window_lets_out_more_than_it_may(bound: int, window: int, times: list[float]) -> None:
    notices = Notices(NotifierState())
    out: list[float] = []
    for number, time in enumerate(times):
        before = notices.state.told
        notices.take(notification(number, window_seconds=window, max_per_window=bound), at(time))
        out += [time] * (notices.state.told - before)
    state = notices.state
    assert state.told + state.suppressed == len(times)
    assert state.told == len(out) == len(state.waiting)
    for first in range(len(out) - 2 * bound):
        assert out[first + 2 * bound] - out[first] >= window - 0.001, "at most twice the bound across an edge"
    if times:
        assert out[0] == times[0]


def test_it_is_done_when_the_window_is_over_and_nothing_is_on_its_way() -> None:
    notices = Notices(NotifierState())
    notices.take(notification(window_seconds=10), at(0))
    [waiting] = notices.ready()
    assert notices.ready() == []
    assert not notices.is_done(at(20))
    notices.delivered(waiting.number)
    assert not notices.is_done(at(9.9))
    assert notices.is_done(at(10))
    assert notices.result().delivered == 1


def test_a_channel_that_takes_nothing_holds_up_no_other() -> None:
    notices = Notices(NotifierState())
    for number in range(AT_ONCE + 5):
        notices.take(notification(number, HOOK, SLACK, window_seconds=0), at(0))
    out = notices.ready()
    assert len(out) == 2 * AT_ONCE
    for each in out:
        if each.notification.notify.channels == (SLACK,):
            notices.delivered(each.number)
    assert [each.notification.notify.channels for each in notices.ready()] == [(SLACK,)] * 5


def test_what_waits_has_a_bound_and_what_is_dropped_is_counted() -> None:
    notices = Notices(NotifierState())
    for number in range(MAX_WAITING + 3):
        notices.take(notification(number, window_seconds=0), at(0))
    assert (notices.state.told, notices.state.overflowed) == (MAX_WAITING, 3)
    assert "For 3 there was no room" in notices.describe()
    large = notification().model_copy(update={"message": "x" * 400_000})
    notices = Notices(NotifierState())
    for _ in range(5):
        notices.take(large.model_copy(update={"notify": notification(window_seconds=0).notify}), at(0))
    assert (notices.state.told, notices.state.overflowed) == (3, 2)


def test_what_is_carried_over_is_sent_by_the_next_execution() -> None:
    notices = Notices(NotifierState())
    notices.take(notification(1, HOOK, SLACK, window_seconds=60), at(0))
    first, second = notices.ready()
    notices.failed(first.number, "It answered HTTP 404.")
    state = NotifierState.model_validate_json(notices.state.model_dump_json())
    again = Notices(state)
    assert [each.number for each in again.ready()] == [second.number]
    again.take(notification(2, window_seconds=60), at(1))
    assert (again.state.suppressed, again.state.problems) == (1, ["It answered HTTP 404."])


def test_keys_of_channels_differ_and_names_are_the_events() -> None:
    notices = Notices(NotifierState())
    notices.take(notification(1, HOOK, SLACK), at(0))
    assert [each.notification.id for each in notices.ready()] == ["TeamFailed#1", "TeamFailed#2"]
    assert notifier_id("ns", "menu", "TeamFailed") == "notify/ns/menu/TeamFailed"


# Moments of a run

PAGER = NotifyPlan(name="pager", channels=(SLACK,))


def driven(notify: NotifyPlan | None = PAGER, **fields: Any) -> Run:
    steps = step("a"), step("b", after=("a",)), step("c", after=("b",))
    return Run(plan(*steps).model_copy(update={"notify": notify, **fields}))


def tokens(run: Run, step: str, count: int) -> list[str]:
    """The events that people are told of when a step has used so many tokens."""
    answer = said("ok")
    usage = answer.usage.model_copy(update={"input_tokens": count, "output_tokens": 0})
    run.settle((step, answer.model_copy(update={"usage": usage})))
    return [each.event for each in run.progress.take_announcements()]


def test_a_budget_is_warned_of_once_at_eighty_percent() -> None:
    run = driven(max_tokens=1000)
    assert [tokens(run, "a", 799), tokens(run, "b", 1), tokens(run, "c", 50)] == [[], ["BudgetWarning"], []]
    assert run.record.phase == "Succeeded"


def test_a_budget_that_is_used_up_at_once_needs_no_warning() -> None:
    assert tokens(driven(max_tokens=1000), "a", 1001) == []


def test_without_a_budget_or_anybody_to_tell_there_is_no_warning() -> None:
    assert tokens(driven(), "a", 10**9) == []
    assert tokens(driven(None, max_tokens=1000), "a", 900) == []
    quiet = NotifyPlan(name="pager", channels=(SLACK,), events=("TeamFailed",))
    assert tokens(driven(quiet, max_tokens=1000), "a", 900) == []


@pytest.mark.parametrize(
    ("type", "events"),
    [("ModelAuthenticationError", ["AgentDegraded"]), ("ModelRateLimited", ["AgentDegraded"])]
    + [(type, []) for type in ("ModelBadRequest", "ModelBadReply", "ModelRefused", "ModelContextTooLong")],
)
def test_an_agent_is_degraded_where_its_provider_is_at_fault(type: str, events: list[str]) -> None:
    run = driven()
    run.settle(("a", CallFailure(type=type, message="No.")))
    told = run.progress.take_announcements()
    assert [each.event for each in told] == events
    assert run.progress.take_announcements() == []


def test_what_was_told_before_a_run_continued_as_new_is_not_told_again() -> None:
    run = driven(max_tokens=1000)
    for announced, events in (([], ["BudgetWarning"]), (["BudgetWarning"], [])):
        run.record.token_usage.total_tokens = 900
        announcer = Announcer(run.progress.plan, run.record, is_root=True, announced=announced)
        announcer.spent(1000, START)
        assert [each.event for each in announcer.take()] == events
        assert announcer.announced == ["BudgetWarning"]
    below = Announcer(run.progress.plan, run.record, is_root=False, announced=())
    below.spent(1000, START)
    assert below.take() == []


def test_a_run_in_a_message_has_bounds() -> None:
    run = driven()
    long: dict[str, JsonValue] = {f"i{number}": "x" * 5000 for number in range(100)}
    run.record.input = {"list": ["y" * 5000], "number": 7, "small": {"a": [1]}, **long}
    run.record.output = "o" * 50_000
    about = about_run(run.record, at(90.4))
    assert len(json.dumps(about)) < 16_000
    told = about["spec"]
    assert isinstance(told, dict)
    given = told["input"]
    assert isinstance(given, dict)
    assert (given["number"], given["small"]) == (7, {"a": [1]})
    status = about["status"]
    assert isinstance(status, dict)
    assert (status["durationSeconds"], status["phase"]) == (90, "Running")
    assert "completionTime" not in status
