"""Checks of ArkEvents: schedules, sources, and teams that would start each other for ever."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from ark_temporal.manifests.ark_event import ArkEvent, EventSource
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.graph import arrows, order
from ark_temporal.manifests.origins import Finding

_CRON_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_CRON_WORDS = re.compile(
    r"(?:[0-9*,/?-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+\Z",
    re.IGNORECASE,
)
_CRON_HINT = 'Write minute, hour, day of month, month and day of week, in UTC: "0 9 * * 1-5".'


def check_event(event: ArkEvent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about one event."""
    yield from _source(event.spec.source)
    if event.spec.source.cron is not None:
        yield from _cron(event.spec.source.cron)
    yield from _targets(event, bundle)


def _source(source: EventSource) -> Iterator[Finding]:
    path = ("spec", "source")
    blocks = {"cron": ("cron", source.cron), "team-output": ("teamOutput", source.team_output)}
    for kind, (block, given) in blocks.items():
        if source.type == kind and given is None:
            message = f'A source of type "{kind}" needs `{block}`.'
            yield Finding((*path, block), "missing-block", message, "Add it.")
        elif source.type != kind and given is not None:
            message = f'`{block}` has no effect: the source is of type "{source.type}".'
            hint = f"Remove it, or write `type: {kind}`."
            yield Finding((*path, block), "unused-block", message, hint, "warning", at_key=True)


def _cron(text: str) -> Iterator[Finding]:
    path = ("spec", "source", "cron")
    message = _cron_problem(text)
    if message:
        yield Finding(path, "invalid-cron", message, _CRON_HINT)
        return
    from croniter import CroniterBadDateError, croniter

    try:
        croniter(text, datetime(2024, 1, 1, tzinfo=UTC), max_years_between_matches=8).get_next(datetime)
    except CroniterBadDateError:
        yield Finding(path, "cron-never", "No date matches this schedule: it never fires.", "", "warning")


def _cron_problem(text: str) -> str:
    if text.strip().startswith("@"):
        return f"Schedules such as {text.strip().split()[0]} are not supported."
    parts = text.split()
    if len(parts) != len(_CRON_FIELDS):
        return f"The schedule has {len(parts)} fields; five are expected."
    for name, part in zip(_CRON_FIELDS, parts, strict=True):
        if not _CRON_WORDS.match(part):
            return f'The field "{part}" ({name}) is not a number, name, range, list or step.'
    from croniter import CroniterError, croniter

    for number, name in enumerate(_CRON_FIELDS):
        alone = ["*"] * len(_CRON_FIELDS)
        alone[number] = parts[number]
        try:
            croniter.expand(" ".join(alone))
        except (CroniterError, ValueError, KeyError, IndexError):
            return f'The field "{parts[number]}" is not a valid {name}.'
    return ""


def _targets(event: ArkEvent, bundle: Bundle) -> Iterator[Finding]:
    for index, target in enumerate(event.spec.targets):
        team = bundle.find_team(target.team, event.metadata.namespace)
        for each in team.spec.inputs if team else ():
            given = each.name in target.input or (team and each.name in team.spec.input)
            if each.required and each.default is None and not given:
                message = (
                    f'The team "{target.team}" requires the input "{each.name}", which is not given here.'
                )
                hint = f"Add `{each.name}` to `input`: without it, every run it starts fails."
                yield Finding(("spec", "targets", index, "input"), "missing-input", message, hint, "warning")


def check_event_loops(bundle: Bundle) -> Iterator[tuple[Resource, Finding]]:
    """Teams whose outputs start each other in a ring."""
    starts: dict[tuple[str, str], dict[str, tuple[ArkEvent, int]]] = {}
    for event in bundle.all(ArkEvent):
        source = event.spec.source.team_output
        if event.spec.source.type != "team-output" or source is None:
            continue
        targets = starts.setdefault((event.metadata.namespace, source.name), {})
        for index, target in enumerate(event.spec.targets):
            targets.setdefault(target.team, (event, index))
    for namespace in dict.fromkeys(key[0] for key in starts):
        edges = {name: tuple(targets) for (space, name), targets in starts.items() if space == namespace}
        for cycle in order(edges).cycles:
            event, index = starts[namespace, cycle[0]][cycle[1]]
            message = f"These teams start each other for ever: {arrows(cycle)}."
            hint = "Remove one of the events, unless something else ends the ring."
            yield event, Finding(("spec", "targets", index, "team"), "event-loop", message, hint, "warning")
