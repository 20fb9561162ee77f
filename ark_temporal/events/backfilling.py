"""Firing an event for times of its schedule that have passed."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from ark_temporal.events.cron import Cron
from ark_temporal.events.firing import fire_slot, until_free
from ark_temporal.events.model import BUSY, FiringResult
from ark_temporal.manifests import ArkEvent
from ark_temporal.runs.connection import Connection

MOST_SLOTS = 10_000
"""Of one backfill: each is a workflow, and its runs."""


class TooManySlotsError(ValueError):
    """The period has more times of a schedule than are fired at once."""


def slots_of(event: ArkEvent, start: datetime, end: datetime) -> list[datetime]:
    """The times of an event's schedule in a period, both ends included, in UTC.

    Raises:
        CronError: It has no schedule.
        TooManySlotsError: They are too many.
    """
    slots: list[datetime] = []
    for slot in Cron.of(event).between(start, end):
        if len(slots) == MOST_SLOTS:
            raise TooManySlotsError(
                f"The schedule has more than {MOST_SLOTS} times in that period; choose a shorter one."
            )
        slots.append(slot)
    return slots


async def backfill(
    connection: Connection, event: ArkEvent, slots: Sequence[datetime], *, by: str = ""
) -> AsyncIterator[tuple[datetime, FiringResult]]:
    """Fire an event for one time after another.

    Where its runs must not overlap, each waits for those of the one before. A time for which it has fired
    already starts nothing again, so that a backfill can be repeated.

    Raises:
        FiringFailedError: Its runs cannot be started.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    namespace, name = event.metadata.namespace, event.metadata.name
    for slot in slots:
        result = await fire_slot(connection, namespace, name, slot, by=by)
        while result.reason == BUSY:
            await until_free(connection, namespace, name)
            result = await fire_slot(connection, namespace, name, slot, by=by)
        yield slot, result
