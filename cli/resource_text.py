"""Applied resources as text for people."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cli.amounts import elapsed, local_time
from cli.event_text import conditions_table, status_facts, times_of
from cli.record_text import table
from cli.terminal import one_line, printable

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.events.status import EventStatus
    from ark_temporal.resources.conditions import ResourceStatus
    from ark_temporal.resources.model import ResourceName, ResourceState
    from ark_temporal.resources.store import Listed


def describe_list(
    listed: "Sequence[Listed]", events: "Mapping[ResourceName, EventStatus]", *, wide: bool
) -> str:
    """One line for each; where there are events, with when they were fired and will be."""
    head = ("KIND", "NAMESPACE", "NAME", "REVISION", "AGE")
    rows = [
        (
            each.name.kind,
            each.name.namespace,
            each.name.name,
            str(each.memo.revision),
            elapsed(each.memo.at, None),
        )
        + ((one_line(each.memo.by) or "–", each.memo.digest[:12]) if wide else ())
        + ((times_of(events[each.name]) if each.name in events else ("", "", "")) if events else ())
        for each in listed
    ]
    head += ("BY", "DIGEST") if wide else ()
    return table([(*head, "LAST", "NEXT", "FIRED") if events else head, *rows])


def describe_history(state: "ResourceState") -> str:
    """Its revisions, the latest first."""
    rows = [
        (
            str(each.number),
            local_time(each.at),
            one_line(each.by) or "–",
            each.digest[:12],
            f"brings back {each.from_revision}" if each.from_revision else "",
            one_line(each.comment),
        )
        for each in reversed(state.revisions)
    ]
    return table([("REVISION", "AT", "BY", "DIGEST", "", "WHY"), *rows])


def describe_resource(state: "ResourceState", status: "ResourceStatus") -> str:
    """A resource in full: facts, conditions, revisions, and the document in force."""
    from ark_temporal.events.status import EventStatus
    from ark_temporal.resources.applying import to_yaml

    current = state.current
    facts = [
        ("name", f"{state.kind} {state.namespace}/{state.name}"),
        ("revision", str(current.number) if current else "–"),
        (
            "applied",
            f"{local_time(current.at)} by {one_line(current.by) or 'nobody named'}" if current else "–",
        ),
    ]
    facts += status_facts(status) if isinstance(status, EventStatus) else []
    parts = ["\n".join(f"{name:<10}{value}" for name, value in facts)]
    parts.append(f"conditions\n{conditions_table(status.conditions)}")
    parts.append(f"history\n{describe_history(state)}")
    if current is not None:
        parts.append(f"manifest\n{printable(to_yaml(current.manifest))}")
    return "\n\n".join(parts)


def manifest_diff(name: str, old: "Mapping[str, JsonValue]", new: "Mapping[str, JsonValue]") -> str:
    """What changes between two documents, line by line."""
    from ark_temporal.resources.applying import to_yaml

    before = to_yaml(old).splitlines() if old else []
    after = to_yaml(new).splitlines() if new else []
    return printable(
        "\n".join(difflib.unified_diff(before, after, f"applied {name}", f"given {name}", lineterm="", n=3))
    )
