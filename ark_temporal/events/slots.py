"""Which of a schedule's times a firing stands for."""

from datetime import UTC, datetime, timedelta

from ark_temporal.events.cron import Cron
from ark_temporal.manifests import ArkEvent

LATE = timedelta(minutes=1)
"""A firing that comes later than this, its jitter apart, was missed."""

CATCH_UP = timedelta(hours=24)
"""What was missed longer ago is forgotten."""


class NotDueError(ValueError):
    """A firing that stands for no time at all; the message says why."""


def slot_of(event: ArkEvent, scheduled_at: datetime, *, started_at: datetime, now: datetime) -> datetime:
    """The time that a firing stands for, in UTC: its own, and the latest that has passed where it was missed.

    So all that were missed together stand for the same time, and start their runs once, whether the server
    was away (their workflows start late) or its workers (they start in time, and wait).

    Args:
        event: As it is in force.
        scheduled_at: When the schedule wanted it fired, before jitter.
        started_at: When its workflow started. Temporal catches up with no more than `CATCH_UP`: what starts
            later was asked for by a person, as a backfill, and stands for itself.
        now: The time.

    Raises:
        NotDueError: It was missed for so long that it is forgotten, or is none of the event's times.
        CronError: The event has no schedule any more, or none that can be understood.
    """
    cron, jitter = Cron.of(event), timedelta(seconds=event.spec.source.jitter_seconds)
    own = scheduled_at.astimezone(UTC)
    if cron.is_misreckoned(own):
        raise NotDueError("It is none of the event's times: clocks were put back in that night.")
    grace = LATE + jitter
    if started_at - own > CATCH_UP + grace or now - own <= grace:
        return own
    passed = now - jitter
    slot = cron.latest(max(own, passed - CATCH_UP), passed) or own
    if now - slot > CATCH_UP + grace:
        raise NotDueError("It was missed for more than 24 hours.")
    return slot


def key_of(slot: datetime) -> str:
    """What names the firing of a slot, so that it starts its runs once."""
    return slot.astimezone(UTC).isoformat()
