"""Which moments a cron expression means, in its time zone, as Temporal's schedules see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.checks.events import cron_problem, time_zone_problem

_MINUTE = timedelta(minutes=1)
_CHANGE = timedelta(hours=3)
"""So long after clocks are put back, Temporal's schedules may be an hour off."""

_EVERYTHING = (range(60), range(24), range(1, 32), range(1, 13), range(7))


class CronError(ValueError):
    """An event's schedule cannot be understood."""


@dataclass(frozen=True)
class Cron:
    """A cron expression: a moment is one of its times when the clock on the wall there shows a match.

    So a time that the clocks skip in spring does not come that day, and one that they show twice in autumn
    comes twice.

    Attributes:
        days: Of the month.
        weekdays: 0 is Sunday.
        either_day: Whether one of both is enough: where both are given, as in every cron.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo

    @classmethod
    def of(cls, event: ArkEvent) -> "Cron":
        """The schedule of an event.

        Raises:
            CronError: It has none, or one that cannot be understood.
        """
        source = event.spec.source
        if source.type != "cron" or source.cron is None:
            raise CronError(f"The event is not fired by a schedule: its source is {source.type}.")
        return cls.parse(source.cron, source.time_zone)

    @classmethod
    def parse(cls, text: str, time_zone: str = "UTC") -> "Cron":
        """Understand an expression of five fields.

        Raises:
            CronError: The expression or the time zone is none.
        """
        if problem := cron_problem(text) or time_zone_problem(time_zone):
            raise CronError(problem)
        from croniter import croniter

        fields, _ = croniter.expand(text)
        minutes, hours, days, months, weekdays = (
            _values(field, everything) for field, everything in zip(fields, _EVERYTHING, strict=True)
        )
        return cls(
            minutes,
            hours,
            days,
            months,
            weekdays,
            either_day=fields[2] != ["*"] and fields[4] != ["*"],
            zone=UTC if time_zone == "UTC" else ZoneInfo(time_zone),
        )

    def latest(self, after: datetime, until: datetime) -> datetime | None:
        """The last of its times after one moment and up to another, in UTC; None where there is none."""
        moment = until.astimezone(UTC).replace(second=0, microsecond=0)
        while moment > after:
            if self._matches(moment.astimezone(self.zone)):
                return moment
            moment -= _MINUTE
        return None

    def between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Its times from one moment to another, both included, in UTC."""
        moment = start.astimezone(UTC).replace(second=0, microsecond=0)
        moment += _MINUTE if moment < start else timedelta()
        while moment <= end:
            wall = moment.astimezone(self.zone)
            if wall.hour not in self.hours or not self._is_day(wall):
                moment += timedelta(minutes=60 - wall.minute)
                continue
            if wall.minute in self.minutes:
                yield moment
            moment += _MINUTE

    def is_misreckoned(self, moment: datetime) -> bool:
        """Whether a schedule's time is none of ours, in a night in which clocks are put back.

        Temporal takes a time in the hour before the repeated one for a time that comes twice, in zones such
        as those of Europe, and fires an hour later once more.
        """
        wall = moment.astimezone(self.zone)
        before = (moment - _CHANGE).astimezone(self.zone)
        after = (moment + _CHANGE).astimezone(self.zone)
        is_changing = _offset(before) > _offset(after)
        return is_changing and not (moment.second or moment.microsecond) and not self._matches(wall)

    def fixed_minutes(self) -> frozenset[int] | None:
        """The minutes of each hour in UTC, for times that are the same in every hour of every day.

        None for other times, and where the zone changes by less than an hour.
        """
        given = (self.hours, self.days, self.months, self.weekdays)
        if any(each != frozenset(all_) for each, all_ in zip(given, _EVERYTHING[1:], strict=True)):
            return None
        year = datetime.now(UTC).year
        moments = (datetime(year + n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in range(36))
        offsets = {_offset(each.astimezone(self.zone)) % timedelta(hours=1) for each in moments}
        if len(offsets) > 1:
            return None
        shift = offsets.pop() // _MINUTE
        return frozenset((minute - shift) % 60 for minute in self.minutes)

    def _matches(self, wall: datetime) -> bool:
        return wall.minute in self.minutes and wall.hour in self.hours and self._is_day(wall)

    def _is_day(self, wall: datetime) -> bool:
        if wall.month not in self.months:
            return False
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return day or weekday if self.either_day else day and weekday


def _offset(wall: datetime) -> timedelta:
    return wall.utcoffset() or timedelta()


def _values(field: Sequence[int | str], everything: range) -> frozenset[int]:
    """What croniter makes of a field, which the check has found to be numbers, or `*`."""
    return frozenset(everything if "*" in field else (int(each) for each in field))
