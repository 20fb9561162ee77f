"""From an event that was fired to the runs that it starts."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from ark_temporal.events.cron import CronError
from ark_temporal.events.model import Prepared, PreparedRun, PrepareRequest, body_value
from ark_temporal.events.slots import NotDueError, key_of, slot_of
from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.ark_event import EventTarget
from ark_temporal.plan.causes import Cause, Trigger, new_traceparent
from ark_temporal.plan.start import PipelineInput
from ark_temporal.resources.catalog import Applied
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import keyed_run_id
from ark_temporal.templates import TemplateError, TemplateSyntaxError, parse

GONE = "There is no such event any more."
SUSPENDED = "The event is suspended."
MAX_CHAIN = 100
"""How many runs may have started each other in a row: teams that do so in a ring stop there."""

TOO_LONG = f"{MAX_CHAIN} runs have started each other in a row, so this ring of events ends here."


async def prepare(
    connection: Connection, applied: Applied, request: PrepareRequest, *, now: datetime
) -> Prepared:
    """What an event starts, as its revision in force says.

    Args:
        connection: Where the runs will be started.
        applied: What is in force in the event's namespace.
        request: What happened.
        now: The time, in UTC.

    Raises:
        LookupError: A target is not there.
        CompileError: A target cannot be run.
        TargetInputError: The template of a target's input does not render.
    """
    event = applied.event(request.trigger.name)
    if event is None:
        return Prepared(skipped=GONE)
    if event.spec.suspended and request.trigger.source != "manual":
        return Prepared(skipped=SUSPENDED)
    if request.trigger.depth > MAX_CHAIN:
        return Prepared(skipped=TOO_LONG)
    if request.scheduled_at is not None:
        started = request.started_at or now
        try:
            slot = slot_of(event, request.scheduled_at, started_at=started, now=now)
        except (NotDueError, CronError) as error:
            return Prepared(skipped=str(error))
        trigger = request.trigger.model_copy(update={"fired_at": slot})
        request = request.model_copy(update={"trigger": trigger, "key": key_of(slot)})
    searchable = await connection.searchable()
    traceparent = request.traceparent or new_traceparent()
    runs: list[PreparedRun] = []
    for index, target in enumerate(event.spec.targets):
        start = PipelineInput(
            plan=applied.plan(target.team),
            input=input_of(target, request.trigger),
            search_attributes=searchable,
            payload_limit_bytes=connection.payload_limit_bytes,
            submitted_by=request.submitted_by,
            cause=_cause(event, request.trigger),
            traceparent=traceparent,
            listeners=applied.listeners(target.team),
        )
        runs.append(PreparedRun(id=run_id(event, index, request.key), start=start))
    return Prepared(exclusive=event.spec.concurrency_policy == "Forbid", runs=tuple(runs))


class TargetInputError(ValueError):
    """The template of a target's input does not render."""


def run_id(event: ArkEvent, target: int, key: str) -> str:
    """The id of the run that an event starts: the same for the same team and key, wherever it is listed."""
    team, metadata = event.spec.targets[target].team, event.metadata
    again = sum(each.team == team for each in event.spec.targets[:target])
    return keyed_run_id(team, metadata.namespace, metadata.name, str(again), key)


def input_of(target: EventTarget, trigger: Trigger) -> dict[str, JsonValue]:
    """The input of a target's run; text that is no template stays as it is.

    Raises:
        TargetInputError: A template does not render.
    """
    context = {"trigger": context_of(trigger)}
    return {name: _rendered(target.team, name, text, context) for name, text in target.input.items()}


def context_of(trigger: Trigger) -> dict[str, JsonValue]:
    """What templates see as `.trigger`."""
    seen: dict[str, JsonValue] = {
        "name": trigger.name,
        "source": trigger.source,
        "firedAt": trigger.fired_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "body": body_value(trigger.body),
        "headers": dict(trigger.headers),
        "principal": trigger.principal,
    }
    if trigger.run:
        seen |= {name: getattr(trigger, name) for name in ("run", "team", "phase", "output")}
    return seen


def _cause(event: ArkEvent, trigger: Trigger) -> Cause:
    return Cause(
        event=event.metadata.name,
        source=trigger.source,
        fired_at=trigger.fired_at,
        upstream=trigger.run,
        depth=trigger.depth,
    )


def _rendered(team: str, name: str, text: str, context: Mapping[str, JsonValue]) -> str:
    try:
        return parse(text).render(context)
    except TemplateSyntaxError:
        return text
    except TemplateError as error:
        raise TargetInputError(f'The input "{name}" of target "{team}" does not render: {error}') from None
