"""Checks of ArkEvents: schedules, sources, and teams that would start each other for ever."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

from ark_temporal.manifests.ark_event import ArkEvent, EventSource
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.graph import arrows, order
from ark_temporal.manifests.diagnostics import nearest
from ark_temporal.manifests.origins import Finding
from ark_temporal.manifests.webhook_source import WebhookAuth

_CRON_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_CRON_WORDS = re.compile(
    r"(?:[0-9*,/?-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+\Z",
    re.IGNORECASE,
)
_CRON_HINT = 'Write minute, hour, day of month, month and day of week: "0 9 * * 1-5".'
_ZONE_HINT = "Write a name of the IANA database, such as `Europe/Berlin`."
_SOURCE = ("spec", "source")


def check_event(event: ArkEvent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about one event."""
    source = event.spec.source
    yield from _blocks(source)
    if source.cron is not None:
        yield from _cron(source.cron)
    yield from _clock(source)
    if source.webhook is not None:
        for index, auth in enumerate(source.webhook.auth or ()):
            yield from _auth(index, auth)
    yield from _targets(event, bundle)


def _blocks(source: EventSource) -> Iterator[Finding]:
    blocks = {
        "cron": ("cron", source.cron),
        "team-output": ("teamOutput", source.team_output),
        "webhook": ("webhook", source.webhook),
    }
    for kind, (block, given) in blocks.items():
        if source.type == kind and given is None and kind != "webhook":
            message = f'A source of type "{kind}" needs `{block}`.'
            yield Finding((*_SOURCE, block), "missing-block", message, "Add it.")
        elif source.type != kind and given is not None:
            yield _unused(source, block, kind)


def _clock(source: EventSource) -> Iterator[Finding]:
    """What is only for schedules."""
    given = source.model_fields_set
    if "time_zone" in given:
        if source.type != "cron":
            yield _unused(source, "timeZone", "cron")
        if problem := time_zone_problem(source.time_zone):
            near = nearest(source.time_zone, _time_zones())
            hint = f'Did you mean "{near}"?' if near else _ZONE_HINT
            yield Finding((*_SOURCE, "timeZone"), "unknown-time-zone", problem, hint)
    if "jitter_seconds" in given and source.type != "cron":
        yield _unused(source, "jitterSeconds", "cron")


def _unused(source: EventSource, block: str, kind: str) -> Finding:
    message = f'`{block}` has no effect: the source is of type "{source.type}".'
    hint = f"Remove it, or write `type: {kind}`."
    return Finding((*_SOURCE, block), "unused-block", message, hint, "warning", at_key=True)


def _auth(index: int, auth: WebhookAuth) -> Iterator[Finding]:
    path = (*_SOURCE, "webhook", "auth", index)
    for kind, given in (("basic", auth.basic), ("hmac", auth.hmac), ("jwt", auth.jwt)):
        if auth.type == kind and given is None:
            message = f"`type: {kind}` needs the block `{kind}`."
            yield Finding((*path, kind), "missing-block", message, "Add it: without it, nobody gets in.")
        elif auth.type != kind and given is not None:
            message = f'`{kind}` has no effect: this way in is of type "{auth.type}".'
            hint = f"Remove it, or write `type: {kind}`."
            yield Finding((*path, kind), "unused-block", message, hint, "warning", at_key=True)


def time_zone_problem(name: str) -> str:
    """What is wrong with a time zone; empty where it is known."""
    if name in _time_zones():
        return ""
    return f'There is no time zone "{name}".'


@cache
def _time_zones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def _cron(text: str) -> Iterator[Finding]:
    path = (*_SOURCE, "cron")
    message = cron_problem(text)
    if message:
        yield Finding(path, "invalid-cron", message, _CRON_HINT)
        return
    from croniter import CroniterBadDateError, croniter

    try:
        croniter(text, datetime(2024, 1, 1, tzinfo=UTC), max_years_between_matches=8).get_next(datetime)
    except CroniterBadDateError:
        yield Finding(path, "cron-never", "No date matches this schedule: it never fires.", "", "warning")


def cron_problem(text: str) -> str:
    """What is wrong with a schedule; empty where it can be understood."""
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
