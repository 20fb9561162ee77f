"""What a notifier sends of what it is told, and what it drops: no clock, no I/O. Public: it travels.

A notifier is the workflow behind one event of one team; its window bounds how many messages go out.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from pydantic import Field

from ark_temporal.plan.calls import Notification
from ark_temporal.wire import FrozenWire, Wire

MAX_WAITING: Final = 200
MAX_WAITING_BYTES: Final = 1_500_000
"""What a notifier keeps while nobody takes it: a workflow carries no more from one execution to the next."""

AT_ONCE: Final = 20
"""Messages under way by one channel at the same time; further ones wait, and hold up no other channel."""

_MOST_PROBLEMS: Final = 20


class Waiting(FrozenWire):
    """A message that goes out by one channel.

    Attributes:
        number: Tells it from others of the notifier.
        notification: With that one channel.
        since: When it was told.
        size: Its bytes.
    """

    number: int
    notification: Notification
    since: datetime
    size: int

    @property
    def channel(self) -> str:
        """Which one: the same for all messages by it."""
        return self.notification.notify.channels[0].model_dump_json()


class NotifierState(Wire):
    """How far a notifier is.

    Attributes:
        window_seconds: The bound in force, the newest that it was told; 0 is none.
        since: When the window has begun; None before the first message.
        in_window: Messages that the window has let out.
        told: Messages that were let out in all.
        suppressed: Messages over the bound, which nobody gets.
        overflowed: Messages for which there was no room, since what came before was not taken.
        delivered: How often a channel has taken one.
        failed: How often one was given up.
        problems: Why, of the latest.
        numbered: Messages by channel so far.
    """

    window_seconds: int = 0
    max_per_window: int = 1
    since: datetime | None = None
    in_window: int = 0
    told: int = 0
    suppressed: int = 0
    overflowed: int = 0
    delivered: int = 0
    failed: int = 0
    problems: list[str] = Field(default_factory=list[str])
    numbered: int = 0
    waiting: list[Waiting] = Field(default_factory=list[Waiting])


class NotifierStart(FrozenWire):
    """The argument of the workflow `Notifier`.

    Attributes:
        first: What is told first.
        state: How far it is, where it continues as new.
    """

    namespace: str
    team: str
    event: str
    first: Notification | None = None
    state: NotifierState | None = None


class NotifierResult(FrozenWire):
    """The result of the workflow `Notifier`; as in its state."""

    told: int = 0
    suppressed: int = 0
    overflowed: int = 0
    delivered: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()


def notifier_id(namespace: str, team: str, event: str) -> str:
    """The workflow behind an event of a team."""
    return f"notify/{namespace}/{team}/{event}"


class Notices:
    """The messages of a notifier.

    Args:
        state: How far it is; changed in place.
    """

    def __init__(self, state: NotifierState) -> None:
        self.state = state
        self._under_way: dict[int, Waiting] = {}

    @property
    def closes_at(self) -> datetime | None:
        """When the window ends; None where there is none."""
        if self.state.since is None or not self.state.window_seconds:
            return None
        return self.state.since + timedelta(seconds=self.state.window_seconds)

    def is_done(self, now: datetime) -> bool:
        """Whether nothing is left to be sent or to be held back."""
        closes_at = self.closes_at
        return not self.state.waiting and (closes_at is None or now >= closes_at)

    def take(self, notification: Notification, now: datetime) -> None:
        """Take in what is to be told: it goes out, or it is over the bound."""
        state, notify = self.state, notification.notify
        if not notify.tells(notification.event):
            return
        state.window_seconds, state.max_per_window = notify.window_seconds, notify.max_per_window
        closes_at = self.closes_at
        if closes_at is None or now >= closes_at:
            state.since, state.in_window = now, 0
        if state.window_seconds and state.in_window >= state.max_per_window:
            state.suppressed += 1
            return
        state.in_window += 1
        self._let_out(notification, now)

    def ready(self) -> list[Waiting]:
        """What can go out now; it is under way then."""
        busy = Counter(each.channel for each in self._under_way.values())
        out: list[Waiting] = []
        for each in self.state.waiting:
            if each.number not in self._under_way and busy[each.channel] < AT_ONCE:
                busy[each.channel] += 1
                out.append(each)
        self._under_way.update({each.number: each for each in out})
        return out

    def delivered(self, number: int, warnings: tuple[str, ...] = ()) -> None:
        """A channel has taken its message."""
        self._settle(number, *warnings)
        self.state.delivered += 1

    def failed(self, number: int, problem: str) -> None:
        """A message was given up."""
        self._settle(number, problem)
        self.state.failed += 1

    def result(self) -> NotifierResult:
        """What came of it all."""
        return NotifierResult(
            told=self.state.told,
            suppressed=self.state.suppressed,
            overflowed=self.state.overflowed,
            delivered=self.state.delivered,
            failed=self.state.failed,
            problems=tuple(self.state.problems),
        )

    def describe(self) -> str:
        """Markdown for Temporal's Web UI."""
        state, closes_at = self.state, self.closes_at
        lines = [f"**{state.told} told** · {state.suppressed} held back · {len(state.waiting)} on their way"]
        if closes_at is not None:
            bound = f"{state.max_per_window} in {state.window_seconds} s"
            lines.append(f"At most {bound}; the window ends at {closes_at:%Y-%m-%d %H:%M:%S} UTC.")
        if state.overflowed:
            lines.append(f"For {state.overflowed} there was no room: what came before them was not taken.")
        lines += [f"- {each.notification.run}: {_by(each)}" for each in state.waiting[:20]]
        lines += [f"- {problem}" for problem in state.problems]
        return "\n\n".join(lines[:2]) + "".join(f"\n{line}" for line in lines[2:])

    def _let_out(self, notification: Notification, now: datetime) -> None:
        state, channels = self.state, notification.notify.channels
        size = len(notification.model_dump_json().encode())
        room = MAX_WAITING_BYTES - sum(each.size for each in state.waiting)
        if len(state.waiting) + len(channels) > MAX_WAITING or size * len(channels) > room:
            state.overflowed += 1
            return
        state.told += 1
        for place, channel in enumerate(channels, 1):
            one = notification.notify.model_copy(update={"channels": (channel,)})
            by_it = notification.model_copy(update={"id": f"{notification.id}#{place}", "notify": one})
            state.numbered += 1
            state.waiting.append(
                Waiting(number=state.numbered, notification=by_it, since=now, size=size),
            )

    def _settle(self, number: int, *said: str) -> None:
        state = self.state
        self._under_way.pop(number, None)
        state.waiting = [each for each in state.waiting if each.number != number]
        state.problems = [*state.problems, *said][-_MOST_PROBLEMS:]


def _by(waiting: Waiting) -> str:
    """How a message goes out, without anything secret."""
    notify = waiting.notification.notify
    return f"{notify.channels[0].type} of {notify.name}, since {waiting.since:%Y-%m-%d %H:%M:%S} UTC"
