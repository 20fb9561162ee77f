"""Events as text for people."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cli.amounts import local_time
from cli.record_text import table
from cli.terminal import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from ark_temporal.events.status import EventStatus, EventView
    from ark_temporal.resources.conditions import Condition

_SHOWN = 5
"""Of the times to come."""


def describe_events(views: "Sequence[EventView]") -> str:
    """One line for each."""
    rows = [
        (
            f"{each.namespace}/{each.name}",
            one_line(" ".join((each.source, each.when)).strip()) or "–",
            "yes" if each.suspended else "no",
            _reason(each.status),
            *times_of(each.status),
        )
        for each in views
    ]
    return table([("EVENT", "SOURCE", "SUSPENDED", "STATUS", "LAST", "NEXT", "FIRED"), *rows])


def times_of(status: "EventStatus") -> tuple[str, str, str]:
    """When it was fired last, when next, and how often, where that is known."""
    count = "–" if status.fired_count is None else str(status.fired_count)
    return _time(status.last_fired_at), _time(status.next_fire_at), count


def describe_event(view: "EventView") -> str:
    """An event in full."""
    facts = [
        ("event", f"{view.namespace}/{view.name}"),
        ("revision", str(view.revision)),
        ("source", one_line(" ".join((view.source, view.when)).strip()) or "–"),
        ("starts", ", ".join(view.targets)),
        ("overlap", view.concurrency_policy),
        ("suspended", "yes" if view.suspended else "no"),
        *status_facts(view.status),
    ]
    if view.source == "cron":
        facts += [("skipped", str(view.skipped_count)), ("forgotten", str(view.missed_count))]
    parts = ["\n".join(f"{name:<11}{value}" for name, value in facts)]
    parts.append(f"conditions\n{conditions_table(view.status.conditions)}")
    if view.upcoming:
        parts.append("next\n" + "\n".join(f"  {local_time(each)}" for each in view.upcoming[:_SHOWN]))
    if view.recent:
        rows = [("  AT", "FOR", "WORKFLOW")]
        rows += [("  " + local_time(each.at), local_time(each.slot), each.id) for each in view.recent[::-1]]
        parts.append(f"fired by its schedule\n{table(rows)}")
    return "\n\n".join(parts)


def status_facts(status: "EventStatus") -> "list[tuple[str, str]]":
    """What there is in the status of an event, for lines of a name and a value."""
    return list(_status_facts(status))


def _status_facts(status: "EventStatus") -> Iterator[tuple[str, str]]:
    if status.fired_count is not None:
        last, following, count = times_of(status)
        yield from (("last", last), ("next", following), ("fired", count))
    if status.webhook_url:
        yield ("webhook", status.webhook_url)


def conditions_table(conditions: "Sequence[Condition]") -> str:
    """One line for each."""
    rows = [(f"  {each.type}", each.status, each.reason, one_line(each.message)) for each in conditions]
    return table([("  TYPE", "STATUS", "REASON", "MESSAGE"), *rows])


def _reason(status: "EventStatus") -> str:
    return status.conditions[0].reason if status.conditions else "–"


def _time(moment: "datetime | None") -> str:
    return local_time(moment) if moment is not None else "–"
