"""`ark-temporal events`: what fires runs by itself, and having it fired."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.amounts import plural
from cli.commands.event_token import token
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import Output, parse_format, write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.events.model import FiringResult
    from ark_temporal.events.status import EventView
    from ark_temporal.manifests import ArkEvent
    from ark_temporal.resources.model import Applied
    from ark_temporal.runs.connection import Connection, ConnectOptions

app = typer.Typer(
    name="events",
    help="List, show, fire, pause, resume and backfill applied events.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ASK_FROM = 20
"""More slots than this are fired only when somebody has said yes."""

MOST_BODY_BYTES = 1_048_576

_Comment = Annotated[
    str,
    typer.Option("--comment", "-m", metavar="TEXT", help="Why; kept with the revision.", show_default=False),
]


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions",
    within: Annotated[
        str | None,
        typer.Option(
            "--in", metavar="NAMESPACE", help="Only in this namespace of the manifests.", show_default=False
        ),
    ] = None,
    output: options.PlainOutput = "text",
) -> None:
    """List the applied events: what fires them, and when a schedule did last and will next."""
    form = parse_format(output)
    views = run_async(_views(connect, within or ""))
    if form == "json":
        write_json([each.model_dump(mode="json") for each in views])
    elif views:
        from cli.event_text import describe_events

        write_text(describe_events(views))
    else:
        say("No event is applied.")


@app.command()
@options.connects
def show(event: options.Event, connect: "ConnectOptions", output: options.PlainOutput = "text") -> None:
    """Show an event: what fires it, what it starts, whether it is in order, its next and latest firings."""
    form = parse_format(output)
    view = run_async(_view(connect, event))
    if form == "json":
        write_json(view.model_dump(mode="json"))
        return
    from cli.event_text import describe_event

    write_text(describe_event(view))


@app.command()
@options.connects
def trigger(
    event: options.Event,
    connect: "ConnectOptions",
    body: Annotated[
        str | None,
        typer.Option(
            "--body",
            metavar="JSON|@FILE|-",
            help="What templates see as .trigger.body: JSON, @FILE with it, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            "--id",
            "--idempotency-key",
            metavar="KEY",
            help="Names this firing: with the same one again, nothing more is started.",
            show_default=False,
        ),
    ] = "",
    by: options.By = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Follow the runs, one by one, and print their results."),
    ] = False,
    output: options.PlainOutput = "text",
) -> None:
    """Fire an event now, whatever its source is and also while it is suspended; print the ids of its runs.

    An event whose concurrencyPolicy is Forbid and that has a run going on starts nothing, and says so: that
    is no error, and the exit code is 0. With --watch it is that of the first run that did not succeed.
    """
    from cli.inputs import read_json

    target = Output(parse_format(output))
    given = read_json(body, "--body") if body is not None else None
    _check_size(given)
    namespace, name = _split(event)
    raise typer.Exit(
        run_async(_trigger(connect, namespace, name, given, key, by, target if watch else None, target))
    )


@app.command()
@options.connects
def pause(
    event: options.Event, connect: "ConnectOptions", by: options.By = None, comment: _Comment = ""
) -> None:
    """Switch an event off: a new revision with `suspended: true`. Only `events trigger` fires it then."""
    _suspend(connect, event, True, by, comment or "paused")


@app.command()
@options.connects
def resume(
    event: options.Event, connect: "ConnectOptions", by: options.By = None, comment: _Comment = ""
) -> None:
    """Switch an event on again: a new revision with `suspended: false`. What was missed stays missed."""
    _suspend(connect, event, False, by, comment or "resumed")


@app.command()
@options.connects
def backfill(
    event: options.Event,
    connect: "ConnectOptions",
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help="The first time, such as 2026-03-01 or 2026-03-01T06:00+01:00; without an offset, in the "
            "event's time zone.",
            show_default=False,
        ),
    ],
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="The last time, included.", show_default=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the times.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, however many they are.")] = False,
    by: options.By = None,
    output: options.PlainOutput = "text",
) -> None:
    """Fire an event for each time that its schedule had in a period, with that time as .trigger.firedAt.

    A time for which it has fired already starts nothing again. Where its concurrencyPolicy is Forbid, each
    waits for the runs of the one before.
    """
    form = parse_format(output)
    fired = run_async(_backfill(connect, event, (start, end), by, dry_run=dry_run, yes=yes, form=form))
    if form == "json":
        write_json(fired)


app.command()(token)


async def _views(connect: "ConnectOptions", namespace: str) -> "list[EventView]":
    from ark_temporal.events.status import view_events
    from ark_temporal.manifests import ArkEvent
    from ark_temporal.resources.store import list_resources
    from cli.connecting import connect as connected

    connection = await connected(connect)
    listed = list_resources(connection, kind=ArkEvent.KIND, namespace=namespace)
    return await view_events(connection, sorted([each.name async for each in listed]))


async def _view(connect: "ConnectOptions", event: str) -> "EventView":
    from ark_temporal.events.status import view_event
    from cli.connecting import connect as connected

    return await view_event(await connected(connect), *_split(event))


async def _trigger(
    connect: "ConnectOptions",
    namespace: str,
    event: str,
    body: "JsonValue",
    key: str,
    by: str | None,
    follow: Output | None,
    output: Output,
) -> ExitCode:
    from ark_temporal.events.firing import fire_by_hand
    from ark_temporal.manifests import ArkEvent
    from ark_temporal.resources.model import ResourceName
    from ark_temporal.resources.store import read_state
    from cli.connecting import connect as connected

    connection = await connected(connect)
    await read_state(connection, ResourceName(ArkEvent.KIND, namespace, event))
    result = await fire_by_hand(connection, namespace, event, body=body, key=key, by=_who(by))
    if follow is None:
        _tell(event, result, output)
        return ExitCode.SUCCEEDED
    if not result.fired:
        say(_not_fired(event, result))
    return await _follow(connection, connect, result.runs, follow)


async def _follow(
    connection: "Connection", connect: "ConnectOptions", runs: list[str], output: Output
) -> ExitCode:
    from cli.following import follow_submitted

    first = ExitCode.SUCCEEDED
    for run in runs:
        say(f"started {run}")
        code = await follow_submitted(connection, connect, run, output)
        first = first or code
        if code == ExitCode.GOES_ON:
            break
    return first


def _tell(event: str, result: "FiringResult", output: Output) -> None:
    if output.format == "json":
        write_json(result.model_dump(mode="json"))
    elif result.fired:
        write_text("\n".join(result.runs))
    else:
        say(_not_fired(event, result))


def _not_fired(event: str, result: "FiringResult") -> str:
    return f"{event} was not fired: {result.reason}"


def _suspend(connect: "ConnectOptions", event: str, suspended: bool, by: str | None, comment: str) -> None:
    applied = run_async(_set_suspended(connect, event, suspended, by, comment))
    state = "paused" if suspended else "on"
    if applied.change == "unchanged":
        write_text(f"ArkEvent/{_split(event)[1]} is {state} already (revision {applied.revision})")
    else:
        done = "paused" if suspended else "resumed"
        write_text(f"ArkEvent/{_split(event)[1]} {done} (revision {applied.revision})")


async def _set_suspended(
    connect: "ConnectOptions", event: str, suspended: bool, by: str | None, comment: str
) -> "Applied":
    from ark_temporal.events.suspending import set_suspended
    from cli.connecting import connect as connected

    return await set_suspended(
        await connected(connect), *_split(event), suspended, by=_who(by), comment=comment
    )


async def _backfill(
    connect: "ConnectOptions",
    event: str,
    period: tuple[str, str],
    by: str | None,
    *,
    dry_run: bool,
    yes: bool,
    form: str,
) -> list[dict[str, object]]:
    from ark_temporal.events.backfilling import backfill
    from ark_temporal.events.slots import key_of
    from cli.connecting import connect as connected

    connection = await connected(connect)
    found = await _read_event(connection, event)
    slots = _slots(found, period)
    if dry_run:
        if form == "text" and slots:
            write_text("\n".join(map(key_of, slots)))
        say(f"{plural(len(slots), 'time')} in that period; nothing was fired.")
        return [{"slot": key_of(slot)} for slot in slots]
    if found.spec.suspended:
        raise CommandError(f"The event {found.metadata.name} is suspended; `events resume` it first.")
    _ask(found, slots, yes=yes)
    told: list[dict[str, object]] = []
    async for slot, result in backfill(connection, found, slots, by=_who(by)):
        told.append({"slot": key_of(slot), **result.model_dump(mode="json")})
        if form == "text":
            write_text(f"{key_of(slot)}  {' '.join(result.runs) or result.reason}")
    return told


async def _read_event(connection: "Connection", event: str) -> "ArkEvent":
    from ark_temporal.manifests import ArkEvent
    from ark_temporal.resources.applying import load_applied
    from ark_temporal.resources.store import ResourceNotFoundError

    namespace, name = _split(event)
    found = (await load_applied(connection, namespace)).find(ArkEvent, name, namespace)
    if found is None:
        raise ResourceNotFoundError(
            f'There is no ArkEvent "{namespace}/{name}"; `ark-temporal events list` shows what there is.'
        )
    return found


def _slots(event: "ArkEvent", period: tuple[str, str]) -> list[datetime]:
    from datetime import UTC

    from ark_temporal.events.backfilling import TooManySlotsError, slots_of
    from ark_temporal.events.cron import Cron

    zone = Cron.of(event).zone
    start, end = _moment(period[0], "--from"), _moment(period[1], "--to")
    start, end = (each if each.tzinfo else each.replace(tzinfo=zone) for each in (start, end))
    if end < start:
        raise CommandError("--to is before --from.")
    if end > datetime.now(UTC):
        raise CommandError("--to has not come yet: the schedule itself fires then.")
    try:
        return slots_of(event, start, end)
    except TooManySlotsError as error:
        raise CommandError(str(error)) from None


def _ask(event: "ArkEvent", slots: list[datetime], *, yes: bool) -> None:
    from cli.asking import can_ask

    if len(slots) <= ASK_FROM or yes:
        return
    told = f"fire {event.metadata.name} {len(slots)} times"
    if not can_ask():
        raise CommandError(f"This would {told}. Add --yes if that is meant, or look with --dry-run.")
    if not typer.confirm(f"This will {told}. Go on?", err=True):
        raise CommandError("Nothing was fired.")


def _moment(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f'{option}: "{text}" is no time; write it as 2026-03-01, 2026-03-01T06:00 or '
            "2026-03-01T06:00+01:00."
        ) from None


def _check_size(body: "JsonValue") -> None:
    import json

    size = len(json.dumps(body, ensure_ascii=False).encode())
    if size > MOST_BODY_BYTES:
        raise CommandError(f"--body has {size} bytes; an event takes at most {MOST_BODY_BYTES}.")


def _split(event: str) -> tuple[str, str]:
    namespace, _, name = event.rpartition("/")
    return namespace or "default", name


def _who(by: str | None) -> str:
    from cli.asking import login_name

    return login_name() if by is None else by
