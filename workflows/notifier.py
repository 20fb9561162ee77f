"""The workflow behind an event of a team that people are told of: it bounds messages, and sends them."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, RetryState
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.calls import Notification, Notified
    from ark_temporal.plan.notices import Notices, NotifierResult, NotifierStart, NotifierState, Waiting
    from ark_temporal.plan.record import at_nanoseconds
    from ark_temporal.plan.summary import describe_request
    from ark_temporal.runs.failures import call_failure
    from ark_temporal.runs.names import NOTIFY_ACTIVITY, STATE_QUERY, TELL_SIGNAL

PATIENCE = timedelta(hours=12)
"""For how long a message is tried again that nobody takes."""

_ATTEMPT = timedelta(seconds=30)
_LEAST = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=1)


@workflow.defn(name="Notifier")
class Notifier:
    """Sends what it is told, as many in a window as it may, each by each channel apart."""

    @workflow.init
    def __init__(self, start: NotifierStart) -> None:
        self._notices = Notices(start.state or NotifierState())
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._alarm: tuple[datetime, asyncio.Task[None]] | None = None
        self._has_news = False
        self._is_leaving = False
        if start.first is not None:
            self._notices.take(start.first, _now())

    @workflow.run
    async def run(self, start: NotifierStart) -> NotifierResult:
        """Go on until the window is over and all is sent or given up."""
        notices = self._notices
        while not notices.is_done(_now()):
            self._has_news = False
            for each in notices.ready():
                self._sending[each.number] = asyncio.create_task(self._send(each))
            workflow.set_current_details(notices.describe())
            self._set_alarm(notices.closes_at)
            if workflow.info().is_continue_as_new_suggested():
                await self._continue(start)
            await workflow.wait_condition(lambda: self._has_news)
        self._set_alarm(None)
        workflow.set_current_details(notices.describe())
        return notices.result()

    @workflow.query(name=STATE_QUERY)
    def state(self) -> NotifierState:
        """What was told, held back, and is on its way."""
        return self._notices.state

    @workflow.signal(name=TELL_SIGNAL)
    def tell(self, *said: object) -> None:
        """Send one more, unless it is over the bound."""
        notification = _read(said)
        if notification is None:
            workflow.logger.warning("A signal was dropped: what it says is no notification.")
            return
        self._notices.take(notification, _now())
        self._has_news = True

    async def _send(self, waiting: Waiting) -> None:
        """Have a channel told; what it leaves behind waits for the next execution."""
        left = waiting.since + PATIENCE - _now()
        try:
            notified = await workflow.execute_activity(
                NOTIFY_ACTIVITY,
                waiting.notification,
                result_type=Notified,
                activity_id=str(waiting.number),
                start_to_close_timeout=_ATTEMPT,
                schedule_to_close_timeout=max(left, _LEAST),
                retry_policy=RetryPolicy(maximum_interval=_LONGEST_PAUSE),
                cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                summary=describe_request(waiting.notification),
            )
        except ActivityError as error:
            if self._is_leaving and error.retry_state != RetryState.NON_RETRYABLE_FAILURE:
                return
            self._notices.failed(waiting.number, call_failure(error.cause, waiting.notification).message)
        else:
            self._notices.delivered(waiting.number, notified.warnings)
        self._sending.pop(waiting.number, None)
        self._has_news = True

    def _set_alarm(self, time: datetime | None) -> None:
        """Have one timer, for the window's end."""
        if self._alarm is not None:
            at, waits = self._alarm
            if at == time and not waits.done():
                return
            waits.cancel()
        due = time is None or time <= _now()
        self._alarm = None if time is None or due else (time, asyncio.create_task(self._wake_at(time)))

    async def _wake_at(self, time: datetime) -> None:
        left = (time - _now()).total_seconds()
        await workflow.sleep(left, summary=f"the window ends at {time:%Y-%m-%d %H:%M:%S} UTC")
        self._has_news = True

    async def _continue(self, start: NotifierStart) -> NoReturn:
        """Go on in another execution; what is just being sent comes to its end first."""
        self._is_leaving = True
        tasks = [*self._sending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        workflow.continue_as_new(start.model_copy(update={"first": None, "state": self._notices.state}))


def _read(said: Sequence[object]) -> Notification | None:
    """What a signal says. It comes from anybody's hands, and what cannot be read must stop nothing."""
    try:
        [notification] = said
        return Notification.model_validate(notification)
    except ValueError:
        return None


def _now() -> datetime:
    return at_nanoseconds(workflow.time_ns())
