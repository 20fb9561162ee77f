"""How an applied event is: found out when somebody asks, and kept nowhere."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import Field

from ark_temporal.events.schedules import Firing, ScheduleView, view_schedule
from ark_temporal.manifests import ArkEvent, Bundle
from ark_temporal.resources import store
from ark_temporal.resources.applying import load_applied
from ark_temporal.resources.conditions import Condition, ResourceStatus, errors_of, ready
from ark_temporal.resources.model import ResourceName, Scheduled
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.wire import Wire

_BAD_TIMES = frozenset({"invalid-cron", "unknown-time-zone"})
"""Codes of the findings that leave an event without times."""

_GOOD = {"cron": "Active", "team-output": "Watching", "webhook": "WebhookReady"}


class EventStatus(ResourceStatus):
    """The status of an event; `observed_generation` is the revision that its schedule is in step with.

    Attributes:
        next_fire_at: None where nothing is going to fire it by the clock.
        last_fired_at: When its schedule has fired it last.
        fired_count: How often its schedule has fired it.
        webhook_url: The path of its webhook at the gateway.
    """

    next_fire_at: datetime | None = None
    last_fired_at: datetime | None = None
    fired_count: int | None = None
    webhook_url: str = Field(default="", validation_alias="webhookURL", serialization_alias="webhookURL")


class EventView(Wire):
    """An event as commands show it.

    Attributes:
        revision: The one in force.
        source: `cron`, `webhook` or `team-output`.
        when: What fires it, in words.
        targets: The teams that it starts.
        upcoming: When its schedule fires next; at most ten times.
        recent: The latest firings by its schedule, the oldest first; at most ten.
        skipped_count: How often its schedule did not fire, because a firing had not ended.
        missed_count: How often it could not fire for so long that it is forgotten.
    """

    always: ClassVar[frozenset[str]] = frozenset({"suspended", "status"})

    namespace: str
    name: str
    revision: int = 0
    source: str
    when: str = ""
    concurrency_policy: str = "Allow"
    targets: list[str] = Field(default_factory=list[str])
    suspended: bool = False
    status: EventStatus = Field(default_factory=EventStatus)
    upcoming: list[datetime] = Field(default_factory=list[datetime])
    recent: list[Firing] = Field(default_factory=list[Firing])
    skipped_count: int = 0
    missed_count: int = 0


async def view_events(connection: Connection, names: Sequence[ResourceName]) -> list[EventView]:
    """Events as they are now, in the order of the names; those that were deleted meanwhile are left out.

    Raises:
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    spaces = sorted({name.namespace for name in names})
    loaded = await asyncio.gather(*(load_applied(connection, space) for space in spaces))
    bundles, gate = dict(zip(spaces, loaded, strict=True)), asyncio.Semaphore(store.AT_ONCE)

    async def one(name: ResourceName) -> EventView | None:
        async with gate:
            try:
                return await _view(connection, bundles[name.namespace], name)
            except store.ResourceNotFoundError:
                return None

    found = await asyncio.gather(*(one(name) for name in names))
    return [view for view in found if view is not None]


async def view_event(connection: Connection, namespace: str, event: str) -> EventView:
    """An event as it is now.

    Raises:
        ResourceNotFoundError: There is no such event.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    bundle = await load_applied(connection, namespace)
    return await _view(connection, bundle, ResourceName(ArkEvent.KIND, namespace, event))


async def _view(connection: Connection, bundle: Bundle, name: ResourceName) -> EventView:
    state = await store.read_state(connection, name)
    number = state.current.number if state.current is not None else 0
    scheduled = state.scheduled or Scheduled()
    event = bundle.find(ArkEvent, name.name, name.namespace)
    if event is None:
        problem = (errors_of(bundle, name) or ["It cannot be read yet; ask again in a moment."])[0]
        broken = EventStatus(conditions=[ready(problem, "InvalidSource")])
        return EventView(namespace=name.namespace, name=name.name, revision=number, source="", status=broken)
    schedule = await _schedule(connection, name) if event.spec.source.type == "cron" else None
    schedule = schedule or ScheduleView()
    return EventView(
        namespace=name.namespace,
        name=name.name,
        revision=number,
        source=event.spec.source.type,
        when=_when(event),
        concurrency_policy=event.spec.concurrency_policy,
        targets=[target.team for target in event.spec.targets],
        suspended=event.spec.suspended,
        status=_status(event, schedule, scheduled.revision, _condition(event, bundle, scheduled, number)),
        upcoming=schedule.next,
        recent=schedule.last,
        skipped_count=schedule.skipped,
        missed_count=schedule.missed,
    )


async def _schedule(connection: Connection, name: ResourceName) -> ScheduleView | None:
    from temporalio.service import RPCError

    try:
        return await view_schedule(connection.client, name.namespace, name.name)
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not tell of {name}: {error.message}.") from None


def _status(event: ArkEvent, schedule: ScheduleView, seen: int, condition: Condition) -> EventStatus:
    source, metadata = event.spec.source.type, event.metadata
    return EventStatus(
        observed_generation=seen,
        next_fire_at=schedule.next[0] if schedule.next else None,
        last_fired_at=schedule.last[-1].at if schedule.last else None,
        fired_count=schedule.fired if source == "cron" else None,
        webhook_url=f"/triggers/{metadata.namespace}/{metadata.name}/fire" if source == "webhook" else "",
        conditions=[condition],
    )


def _condition(event: ArkEvent, bundle: Bundle, scheduled: Scheduled, revision: int) -> Condition:
    """Whether the event does what it says, and why not."""
    name = ResourceName(ArkEvent.KIND, event.metadata.namespace, event.metadata.name)
    if bad := errors_of(bundle, name, codes=_BAD_TIMES):
        return ready(bad[0], "InvalidCron")
    if missing := _missing_teams(event, bundle):
        return ready(f'There is no team "{missing[0]}".', "PipelineNotFound")
    if bad := errors_of(bundle, name):
        return ready(bad[0], "InvalidSource")
    if scheduled.revision == revision and scheduled.reason:
        return ready(scheduled.message, scheduled.reason)
    if scheduled.revision != revision:
        late = f"Its schedule is not in step with revision {revision} yet."
        return Condition(type="Ready", status="Unknown", reason="Progressing", message=late)
    if event.spec.suspended:
        return ready("Nothing but `events trigger` fires it.", "Suspended")
    return Condition(type="Ready", status="True", reason=_GOOD[event.spec.source.type])


def _missing_teams(event: ArkEvent, bundle: Bundle) -> list[str]:
    output = event.spec.source.team_output
    teams = [target.team for target in event.spec.targets]
    teams += [output.name] if output is not None and event.spec.source.type == "team-output" else []
    return [team for team in teams if bundle.find_team(team, event.metadata.namespace) is None]


def _when(event: ArkEvent) -> str:
    source, output = event.spec.source, event.spec.source.team_output
    if source.type == "cron":
        return f"{source.cron} ({source.time_zone})"
    if source.type == "team-output" and output is not None:
        return f"{output.name} {output.on_phase}"
    return ""
