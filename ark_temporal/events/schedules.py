"""The Temporal schedule of an event that is fired by the clock: made, changed, removed and looked at."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import Field
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.events.cron import Cron
from ark_temporal.events.model import FiringStart, firing_id
from ark_temporal.events.slots import CATCH_UP
from ark_temporal.manifests import ArkEvent
from ark_temporal.resources.model import ResourceName
from ark_temporal.runs.names import EVENT_FIRING, TASK_QUEUE
from ark_temporal.wire import Wire

CALL_TIMEOUT = timedelta(seconds=5)
"""How long Temporal may take for one call about a schedule; an attempt of the activity has time for five."""

_COMMENT_CHARACTERS = 200
"""Of a calendar's comment, as Temporal allows."""


class Firing(Wire):
    """A time at which a schedule has started the workflow `EventFiring`.

    Attributes:
        at: When it started.
        slot: The time it was for, its jitter included.
        id: Of the workflow, which knows what came of it.
    """

    at: datetime
    slot: datetime
    id: str


class ScheduleView(Wire):
    """What a schedule knows of itself.

    Attributes:
        next: The next times, jitter included; none where it is paused.
        last: The latest firings, the oldest first; at most ten.
        fired: How often it has fired, including what a person had it do.
        skipped: How often it did not, because the workflow before had not ended.
        missed: How often it could not, for longer than it catches up with.
        note: Which revision it was made from.
    """

    paused: bool = False
    next: list[datetime] = Field(default_factory=list[datetime])
    last: list[Firing] = Field(default_factory=list[Firing])
    fired: int = 0
    skipped: int = 0
    missed: int = 0
    note: str = ""


def schedule_id(namespace: str, event: str) -> str:
    """The id of an event's schedule: that of its resource's workflow."""
    return ResourceName(ArkEvent.KIND, namespace, event).workflow_id


def schedule_of(event: ArkEvent, revision: int) -> Schedule:
    """The schedule that an event asks for.

    Args:
        event: An event whose source is cron.
        revision: Of the event.

    Raises:
        CronError: Its times cannot be understood.
    """
    spec, (namespace, name) = event.spec, (event.metadata.namespace, event.metadata.name)
    forbids = spec.concurrency_policy == "Forbid"
    return Schedule(
        action=ScheduleActionStartWorkflow(
            EVENT_FIRING,
            FiringStart(namespace=namespace, event=name),
            id=firing_id(namespace, name),
            task_queue=TASK_QUEUE,
            static_summary=f"{name}: by its schedule",
        ),
        spec=_times(event),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP if forbids else ScheduleOverlapPolicy.ALLOW_ALL,
            catchup_window=CATCH_UP,
        ),
        state=ScheduleState(
            paused=spec.suspended,
            note=f"revision {revision}" + (", suspended" if spec.suspended else ""),
        ),
    )


async def put_schedule(client: Client, event: ArkEvent, revision: int) -> None:
    """Make an event's schedule, or change it to what the event asks for now.

    Raises:
        CronError: Its times cannot be understood.
        RPCError: Temporal did not do it.
    """
    wanted = schedule_of(event, revision)
    id = schedule_id(event.metadata.namespace, event.metadata.name)

    def replaced(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=wanted)

    handle = client.get_schedule_handle(id)
    try:
        await handle.update(replaced, rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        try:
            await client.create_schedule(id, wanted, rpc_timeout=CALL_TIMEOUT)
        except ScheduleAlreadyRunningError:
            await handle.update(replaced, rpc_timeout=CALL_TIMEOUT)


async def remove_schedule(client: Client, namespace: str, event: str) -> None:
    """Remove an event's schedule, if there is one.

    Raises:
        RPCError: Temporal did not do it.
    """
    try:
        await client.get_schedule_handle(schedule_id(namespace, event)).delete(rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


async def view_schedule(client: Client, namespace: str, event: str) -> ScheduleView | None:
    """What an event's schedule knows of itself; None where there is none.

    Raises:
        RPCError: Temporal does not say.
    """
    handle = client.get_schedule_handle(schedule_id(namespace, event))
    try:
        told = await handle.describe(rpc_timeout=CALL_TIMEOUT)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return _view(told)


def _view(told: ScheduleDescription) -> ScheduleView:
    info, state = told.info, told.schedule.state
    return ScheduleView(
        paused=state.paused,
        next=[] if state.paused else list(info.next_action_times),
        last=[
            Firing(at=each.started_at, slot=each.scheduled_at, id=getattr(each.action, "workflow_id", ""))
            for each in info.recent_actions
        ],
        fired=info.num_actions,
        skipped=info.num_actions_skipped_overlap,
        missed=info.num_actions_missed_catchup_window,
        note=state.note or "",
    )


def _times(event: ArkEvent) -> ScheduleSpec:
    """An event's times as calendars, so that what our check understands means the same on any server.

    Times that are the same in every hour are told in UTC: Temporal leaves some out where clocks are put back.
    """
    cron, source = Cron.of(event), event.spec.source
    comment = (source.cron or "")[:_COMMENT_CHARACTERS]
    fixed = cron.fixed_minutes()
    days = [(cron.days, cron.weekdays)]
    if cron.either_day:
        days = [(cron.days, frozenset(range(7))), (frozenset(range(1, 32)), cron.weekdays)]
    return ScheduleSpec(
        calendars=[
            ScheduleCalendarSpec(
                minute=_ranges(cron.minutes if fixed is None else fixed),
                hour=_ranges(cron.hours),
                day_of_month=_ranges(of_month),
                month=_ranges(cron.months),
                day_of_week=_ranges(of_week),
                comment=comment,
            )
            for of_month, of_week in days
        ],
        jitter=timedelta(seconds=source.jitter_seconds) if source.jitter_seconds else None,
        time_zone_name=source.time_zone if fixed is None else "UTC",
    )


def _ranges(values: Iterable[int]) -> list[ScheduleRange]:
    """Numbers as few ranges."""
    ranges: list[ScheduleRange] = []
    for value in sorted(values):
        if ranges and ranges[-1].end == value - 1:
            ranges[-1] = ScheduleRange(ranges[-1].start, value)
        else:
            ranges.append(ScheduleRange(value, value))
    return ranges
