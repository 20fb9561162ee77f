"""`ark-temporal notify`: who is told of what, and whether that works."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import complain, one_line, say

if TYPE_CHECKING:
    from activities.messaging import Messenger
    from ark_temporal.manifests import ArkNotify, Bundle
    from ark_temporal.plan.people import NotifyPlan
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.secrets import SecretStore
    from ark_temporal.tools.egress import EgressPolicy

app = typer.Typer(
    name="notify",
    help="List who is told of what, and send samples to try it out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="SOURCE",
        help="Manifests instead of what is applied: a file, a directory, or -. May be repeated.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class _Told:
    """How a message came out by one channel.

    Attributes:
        problem: Why it was not told; empty where it was.
        warning: What there is to say about it all the same.
    """

    event: str
    channel: str
    problem: str = ""
    warning: str = ""


@app.command("list")
@options.connects
def list_(
    connect: "ConnectOptions",
    filename: _Files = None,
    within: Annotated[
        str, typer.Option("--in", metavar="NAMESPACE", help="The namespace, of what is applied.")
    ] = "default",
    output: options.PlainOutput = "text",
) -> None:
    """List every ArkNotify: by which channels, of which events, how often, and for which teams."""
    from ark_temporal.manifests import ArkNotify

    form = parse_format(output)
    bundle = _bundle(connect, filename, within)
    rows = [_described(each, bundle) for each in bundle.all(ArkNotify)]
    if form == "json":
        write_json(rows)
    elif rows:
        from cli.record_text import table

        cells = [tuple(_cell(value) for value in row.values()) for row in rows]
        write_text(table([("NAME", "CHANNELS", "EVENTS", "LIMIT", "TEAMS"), *cells]))
    else:
        say("Nobody is told of anything: there is no ArkNotify.")


@app.command("test")
@options.connects
def try_out(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The ArkNotify, as name or namespace/name.", show_default=False),
    ],
    connect: "ConnectOptions",
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EVENT", help="Only this event. May be repeated.", show_default="all that are told"
        ),
    ] = None,
    team: Annotated[
        str | None,
        typer.Option(
            "--team", "-t", metavar="NAME", help="The team in the sample.", show_default="one that names it"
        ),
    ] = None,
    filename: _Files = None,
    channel: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Only the N-th channel.", show_default="all of them"),
    ] = None,
    secrets_dir: options.SecretsDirectory = None,
    allow_host: options.AllowHosts = None,
    deny_host: options.DenyHosts = None,
    allow_commands: options.AllowCommands = False,
    output: options.PlainOutput = "text",
) -> None:
    """Send a sample of each event, from here, and say who took it.

    Samples are marked as such. Secrets are looked for in the manifests of -f and in --secrets-dir, and not
    where workers have theirs. The exit code is 0 if every channel took every sample, else 1.
    """
    from cli.local import check_files
    from cli.sources import secret_stores
    from cli.tool_options import ToolOptions

    form = parse_format(output)
    check_files(prices=None, secrets_dir=secrets_dir)
    egress = ToolOptions.read(None, allow_host, deny_host, allow_commands=allow_commands).egress()
    namespace, _, own = name.rpartition("/")
    bundle = _bundle(connect, filename, namespace or "default")
    notify = _named(bundle, own, namespace or "default")
    plan = _plan(notify, bundle)
    job = _Job(
        plan,
        _places(plan, channel),
        notify.metadata.namespace,
        team or next(iter(_teams(notify, bundle)), "sample"),
        _events(notify, event),
        secret_stores(bundle, allow_commands=allow_commands),
        secrets_dir,
        egress,
    )
    told = run_async(_send(job))
    _report(told, form)
    raise typer.Exit(ExitCode.FAILED if any(each.problem for each in told) else ExitCode.SUCCEEDED)


@dataclass(frozen=True)
class _Job:
    """What is sent, and with what."""

    notify: "NotifyPlan"
    places: Sequence[int]
    namespace: str
    team: str
    events: Sequence[str]
    stores: "Sequence[SecretStore]"
    secrets_dir: Path | None
    egress: "EgressPolicy"


def _bundle(connect: "ConnectOptions", files: Sequence[str] | None, namespace: str) -> "Bundle":
    """The manifests that were given, or what is applied."""
    if files:
        from cli.sources import load_sources

        return load_sources(files)
    return run_async(_applied(connect, namespace))


async def _applied(options: "ConnectOptions", namespace: str) -> "Bundle":
    from ark_temporal.resources.applying import load_applied
    from cli.connecting import connect

    return await load_applied(await connect(options), namespace)


def _named(bundle: "Bundle", name: str, namespace: str) -> "ArkNotify":
    from ark_temporal.manifests import ArkNotify

    found = bundle.find(ArkNotify, name, namespace)
    if found is None:
        known = ", ".join(f"{each.metadata.namespace}/{each.metadata.name}" for each in bundle.all(ArkNotify))
        there = f"there are: {known}" if known else "there is none at all"
        raise CommandError(f'There is no ArkNotify "{namespace}/{name}"; {there}.')
    return found


def _plan(notify: "ArkNotify", bundle: "Bundle") -> "NotifyPlan":
    from ark_temporal.plan.notify_plans import notify_plan

    name = notify.metadata.name
    plan = notify_plan(name, bundle, notify.metadata.namespace)
    if plan is None:
        raise CommandError(f'ArkNotify "{name}" lists no event, so nobody is told of any.')
    return plan


def _places(plan: "NotifyPlan", channel: int | None) -> Sequence[int]:
    """The channels that are told, from 0."""
    count = len(plan.channels)
    if channel is None:
        return range(count)
    if channel > count:
        raise CommandError(f'ArkNotify "{plan.name}" has {count} of them, so there is no channel {channel}.')
    return [channel - 1]


def _events(notify: "ArkNotify", wanted: Sequence[str] | None) -> list[str]:
    """The events to send: those that were asked for, or all that are told."""
    from typing import get_args

    from ark_temporal.manifests.ark_notify import EventType
    from ark_temporal.manifests.diagnostics import did_you_mean

    every: tuple[str, ...] = get_args(EventType)
    told = [each.type for each in notify.spec.events] if notify.spec.events is not None else every
    for each in wanted or ():
        if each not in every:
            raise CommandError(f'There is no event "{each}". {did_you_mean(each, every, among="Events")}')
        if each not in told and not (each == "ApprovalReminder" and "ApprovalRequested" in told):
            listed = ", ".join(told)
            raise CommandError(
                f'ArkNotify "{notify.metadata.name}" does not tell of {each}; it tells of: {listed}.'
            )
    return list(dict.fromkeys(wanted or told))


def _teams(notify: "ArkNotify", bundle: "Bundle") -> list[str]:
    """The teams that have it told how their runs go."""
    where = (notify.metadata.namespace, notify.metadata.name)
    return [
        team.metadata.name
        for team in bundle.teams
        if team.spec.notify_ref is not None and (team.metadata.namespace, team.spec.notify_ref.name) == where
    ]


async def _send(job: _Job) -> list[_Told]:
    """Send all samples, those of one event at the same time."""
    import asyncio
    import os

    from activities.links import Links
    from activities.messaging import Messenger
    from ark_temporal.secrets import Secrets, with_mounted
    from ark_temporal.tools.egress import guarded_client

    stores = with_mounted(job.stores, job.secrets_dir)
    try:
        links = Links.read(os.environ, lambda run: None, "default")
    except ValueError as error:
        raise CommandError(str(error)) from None
    told: list[_Told] = []
    async with guarded_client(job.egress) as http:
        messenger = Messenger(http, Secrets(stores, os.environ), job.egress, links)
        for event in job.events:
            told += await asyncio.gather(*(_send_one(messenger, job, event, place) for place in job.places))
    return told


async def _send_one(messenger: "Messenger", job: _Job, event: str, place: int) -> _Told:
    from activities.messaging import label
    from ark_temporal.notify import NotSentError
    from cli.notify_samples import sample

    notification = sample(job.notify, event, team=job.team, namespace=job.namespace)
    name = label(notification, place)
    try:
        warning = await messenger.send(notification, place, is_sample=True)
    except NotSentError as error:
        return _Told(event, name, problem=str(error))
    return _Told(event, name, warning=warning)


def _report(told: Sequence[_Told], form: str) -> None:
    if form == "json":
        write_json([_as_json(each) for each in told])
        return
    for each in told:
        if each.problem:
            complain(f"{each.event} was not told. {each.channel}: {one_line(each.problem)}")
            continue
        write_text(f"{each.event} was told: {each.channel}")
        if each.warning:
            complain(f"{each.event}: {one_line(each.warning)}", "warning")


def _as_json(each: _Told) -> Mapping[str, object]:
    return {
        "event": each.event,
        "channel": each.channel,
        "ok": not each.problem,
        "problem": each.problem,
        "warning": each.warning,
    }


def _described(notify: "ArkNotify", bundle: "Bundle") -> dict[str, object]:
    limit, events = notify.spec.rate_limiting, notify.spec.events
    bound = f"{limit.max_per_window} in {limit.window_seconds} s" if limit.window_seconds else "none"
    return {
        "name": f"{notify.metadata.namespace}/{notify.metadata.name}",
        "channels": [each.type for each in notify.spec.channels],
        "events": [each.type for each in events] if events is not None else ["all"],
        "limit": bound,
        "teams": _teams(notify, bundle),
    }


def _cell(value: object) -> str:
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
