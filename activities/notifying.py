"""The activity that tells people."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.messaging import Messenger, label
from ark_temporal.foreign_errors import one_line
from ark_temporal.notify import NotSentError
from ark_temporal.plan.calls import Notification, Notified
from ark_temporal.runs.names import NOTIFY_ACTIVITY

_LOG = logging.getLogger(__name__)


class Notifications:
    """The activity `notify`.

    Args:
        messenger: Sends them.
    """

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger

    @activity.defn(name=NOTIFY_ACTIVITY)
    async def notify(self, notification: Notification) -> Notified:
        """Tell all channels once. Temporal owns all retries, which leave out the channels that are done."""
        if activity.info().attempt == 1:
            _log(notification)
        if not notification.notify.tells(notification.event):
            return Notified()
        channels = notification.notify.channels
        rounds = _Rounds.resumed(len(channels))
        await asyncio.gather(*(self._tell(notification, index, rounds) for index in rounds.open))
        return rounds.result()

    async def _tell(self, notification: Notification, index: int, rounds: "_Rounds") -> None:
        name = label(notification, index)
        try:
            warning = await self._messenger.send(notification, index)
        except NotSentError as error:
            rounds.fail(index, f"{name}: {error}", error)
        else:
            rounds.settle(index, f"{name}: {warning}" if warning else "")


@dataclass
class _Rounds:
    """Which channels are done, over all attempts: Temporal keeps it with the heartbeats.

    Attributes:
        settled: By channel, what there is to say about it, and whether it was told.
    """

    count: int
    settled: dict[str, tuple[bool, str]] = field(default_factory=dict[str, tuple[bool, str]])
    failed: list[str] = field(default_factory=list[str])
    waits: list[timedelta] = field(default_factory=list[timedelta])

    @classmethod
    def resumed(cls, count: int) -> "_Rounds":
        """As the attempt before left it."""
        details = activity.info().heartbeat_details
        kept = cast(dict[str, tuple[bool, str]], details[0]) if details else {}
        return cls(count, dict(kept))

    @property
    def open(self) -> list[int]:
        """The channels that are still to be told."""
        return [index for index in range(self.count) if str(index) not in self.settled]

    def settle(self, index: int, warning: str, *, told: bool = True) -> None:
        """A channel is not tried again."""
        self.settled[str(index)] = (told, warning)
        if self.count > 1:  # else there is nothing that another attempt could leave out
            activity.heartbeat(self.settled)

    def fail(self, index: int, message: str, error: NotSentError) -> None:
        """A channel was not told."""
        if not error.retryable:
            self.settle(index, message, told=False)
            return
        self.failed.append(message)
        if error.wait is not None:
            self.waits.append(error.wait)

    def result(self) -> Notified:
        """How it came out.

        Raises:
            ApplicationError: Some channels are to be tried again, or none could be told.
        """
        settled = [self.settled[str(index)] for index in range(self.count) if str(index) in self.settled]
        said = [warning for _, warning in settled if warning]
        nobody = self.count > 0 and not any(told for told, _ in settled)
        if self.failed or nobody:
            raise ApplicationError(
                " ".join([*said, *self.failed]),
                activity.info().attempt,
                type="NotificationFailed",
                non_retryable=not self.failed,
                next_retry_delay=max(self.waits, default=None),
            )
        return Notified(warnings=tuple(said))


def _log(notification: Notification) -> None:
    _LOG.info(
        "%s: team %s, run %s, step %s: %s",
        notification.event,
        one_line(notification.team),
        one_line(notification.run),
        one_line(notification.step),
        one_line(notification.message),
    )
