"""The activity that tells people."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import httpx2
from temporalio import activity
from temporalio.exceptions import ApplicationError

from ark_temporal.foreign_errors import one_line
from ark_temporal.notify import Happening, NotSentError, send, slack_body, webhook_body
from ark_temporal.plan.calls import Notification, Notified
from ark_temporal.plan.people import ChannelPlan
from ark_temporal.plan.references import KeyRef
from ark_temporal.runs.names import NOTIFY_ACTIVITY
from ark_temporal.secrets import Secrets, redact

_LOG = logging.getLogger(__name__)


class Notifications:
    """The activity `notify`.

    Args:
        http: Reaches what the operator's egress policy lets it reach.
        secrets: Values behind the names that a plan carries.
    """

    def __init__(self, http: httpx2.AsyncClient, secrets: Secrets) -> None:
        self._http = http
        self._secrets = secrets

    @activity.defn(name=NOTIFY_ACTIVITY)
    async def notify(self, notification: Notification) -> Notified:
        """Tell all channels once. Temporal owns all retries, which leave out the channels that are done."""
        if activity.info().attempt == 1:
            _log(notification)
        if notification.notify.events and notification.event not in notification.notify.events:
            return Notified()
        channels = notification.notify.channels
        rounds = _Rounds.resumed(len(channels))
        await asyncio.gather(*(self._tell(notification, index, rounds) for index in rounds.open))
        return rounds.result()

    async def _tell(self, notification: Notification, index: int, rounds: "_Rounds") -> None:
        channel = notification.notify.channels[index]
        label = _label(notification, index)
        used: set[str] = set()
        try:
            warning = await self._send(notification, channel, _key(notification, index), used)
        except NotSentError as error:
            rounds.fail(index, f"{label}: {redact(str(error), used)}", error)
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            why = redact(f"{type(error).__name__}: {error}", used)
            rounds.fail(index, f"{label}: {why}", NotSentError(why, retryable=True))
        else:
            rounds.settle(index, f"{label}: {warning}" if warning else "")

    async def _send(self, notification: Notification, channel: ChannelPlan, key: str, used: set[str]) -> str:
        """Tell one channel; what must not be repeated of that goes into `used`.

        Returns:
            Why it was not told in the words of its template, where it was not.

        Raises:
            NotSentError: It was not told.
        """
        url = self._secret(channel.url, notification.namespace, used).strip()
        used.update((url, *_parts(url)))
        headers = {
            name: given.value or ""
            if given.ref is None
            else self._secret(given.ref, notification.namespace, used)
            for name, given in channel.headers.items()
        }
        write = slack_body if channel.type == "slack" else webhook_body
        body = await asyncio.to_thread(write, channel.template, _happening(notification))
        await send(self._http, url, body, headers=headers, key=key)
        return body.warning

    def _secret(self, ref: KeyRef, namespace: str, used: set[str]) -> str:
        try:
            value = self._secrets.text(ref, namespace)
        except ValueError as error:
            raise NotSentError(str(error), retryable=False) from None
        if value is None:
            raise NotSentError(
                f'Key "{ref.key}" of {ref.kind} "{namespace}/{ref.name}" is not known to this worker: mount '
                "it, or give its directory with --secrets-dir.",
                retryable=False,
            )
        used.add(value)
        return value


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


def _happening(notification: Notification) -> Happening:
    return Happening(
        event=notification.event,
        team=notification.team,
        run=notification.run,
        step=notification.step,
        message=notification.message,
        about=notification.about,
    )


def _label(notification: Notification, index: int) -> str:
    channel = notification.notify.channels[index]
    return (
        f'ArkNotify "{notification.notify.name}", channel {index + 1} ({channel.type}, by key '
        f'"{channel.url.key}" of {channel.url.kind} "{channel.url.name}")'
    )


def _key(notification: Notification, index: int) -> str:
    """The same for every attempt, and for no other message."""
    parts = (notification.namespace, notification.run, notification.id, str(index))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _parts(url: str) -> tuple[str, str]:
    """The host of an address, and what comes after it; some services put their secret into the host."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return "", ""
    return parsed.host, parsed.raw_path.decode("ascii")
