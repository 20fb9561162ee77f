"""`ark-temporal get`, `describe`, `history`, `rollback` and `delete`: what is applied."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.events.status import EventStatus
    from ark_temporal.resources.conditions import ResourceStatus
    from ark_temporal.resources.model import Applied, ResourceName, ResourceState
    from ark_temporal.resources.store import Listed
    from ark_temporal.runs.connection import Connection, ConnectOptions

_Target = Annotated[
    str,
    typer.Argument(
        metavar="KIND/NAME",
        help="For example ArkTeam/blog, team/blog, or team/NAMESPACE/blog.",
        show_default=False,
    ),
]
_Kind = Annotated[
    str | None,
    typer.Argument(
        metavar="[KIND[/NAME]]", help="A kind, such as ArkTeam; all without it.", show_default=False
    ),
]
_Within = Annotated[
    str | None,
    typer.Option(
        "--in", metavar="NAMESPACE", help="Only in this namespace of the manifests.", show_default=False
    ),
]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_WATCH_SECONDS = 2.0
_FORMATS = ("text", "wide", "json", "yaml", "name")


@options.connects
def get(
    connect: "ConnectOptions",
    what: _Kind = None,
    within: _Within = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing what changes.")] = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="text|wide|json|yaml|name", help="How to print it.")
    ] = "text",
) -> None:
    """List what is applied, or print the documents in force."""
    if output not in _FORMATS:
        raise CommandError(
            f"There is no output format {output!r}; one of: {', '.join(_FORMATS)}.", code=ExitCode.USAGE
        )
    kind, name = _kind_and_name(what) if what else ("", "")
    run_async(_get(connect, kind, name, within or "", output, watch=watch))


@options.connects
def describe(target: _Target, connect: "ConnectOptions") -> None:
    """Show all there is to know about an applied resource."""
    from cli.resource_text import describe_resource

    state, status = run_async(_describe(connect, _named(target)))
    write_text(describe_resource(state, status))


@options.connects
def history(
    target: _Target,
    connect: "ConnectOptions",
    output: options.PlainOutput = "text",
) -> None:
    """List a resource's revisions: when, by whom, and why."""
    from cli.output import parse_format
    from cli.resource_text import describe_history

    form = parse_format(output)
    state = run_async(_state(connect, _named(target)))
    if form == "json":
        write_json([each.model_dump(mode="json") for each in reversed(state.revisions)])
    else:
        write_text(describe_history(state))


@options.connects
def rollback(
    target: _Target,
    connect: "ConnectOptions",
    to: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="REVISION", min=1, help="Which revision.", show_default="the one before"
        ),
    ] = None,
    by: options.By = None,
    comment: Annotated[
        str,
        typer.Option(
            "--comment", "-m", metavar="TEXT", help="Why; kept with the revision.", show_default=False
        ),
    ] = "",
) -> None:
    """Bring an earlier revision in force again, as a new one."""
    name = _named(target)
    applied = run_async(_rollback(connect, name, to, by, comment))
    write_text(f"{name} {applied.change} (revision {applied.revision})")


@options.connects
def delete(
    targets: Annotated[
        list[str], typer.Argument(metavar="KIND/NAME...", help="What to delete.", show_default=False)
    ],
    connect: "ConnectOptions",
    yes: _Yes = False,
) -> None:
    """Delete applied resources, with their history. Runs that they have started go on."""
    from cli.asking import can_ask

    names = [_named(each) for each in targets]
    told = ", ".join(map(str, names))
    if not yes and can_ask() and not typer.confirm(f"Delete {told}?", err=True):
        raise CommandError("Nothing was deleted.")
    run_async(_delete(connect, names))


def _kind_and_name(text: str) -> tuple[str, str]:
    from ark_temporal.manifests.diagnostics import did_you_mean
    from ark_temporal.manifests.kinds import KINDS, kind_named

    kind, _, name = text.partition("/")
    found = kind_named(kind) or kind_named(f"ark{kind}")
    if found is None:
        hint = did_you_mean(kind, list(KINDS), among="Kinds")
        raise CommandError(f'There is no kind "{kind}". {hint}', code=ExitCode.USAGE)
    return found.KIND, name


def _named(text: str) -> "ResourceName":
    from ark_temporal.resources.model import ResourceName

    kind, name = _kind_and_name(text)
    if not name:
        raise CommandError(
            f'"{text}" names no resource; write KIND/NAME, such as {kind}/NAME.', code=ExitCode.USAGE
        )
    namespace, _, own = name.rpartition("/")
    return ResourceName(kind, namespace or "default", own)


async def _get(
    connect: "ConnectOptions", kind: str, name: str, namespace: str, output: str, *, watch: bool
) -> None:
    import asyncio

    connection = await _connected(connect)
    shown: list[Listed] | None = None
    while True:
        listed = await _listed(connection, kind, name, namespace)
        if listed != shown:
            await _print(connection, listed, output)
        shown = listed
        if not watch:
            return
        await asyncio.sleep(_WATCH_SECONDS)


async def _listed(connection: "Connection", kind: str, name: str, namespace: str) -> "list[Listed]":
    from ark_temporal.resources.store import ResourceNotFoundError, list_resources

    found = [each async for each in list_resources(connection, kind=kind, namespace=namespace)]
    found = sorted((each for each in found if name in ("", each.name.name)), key=lambda each: each.name)
    if name and not found:
        raise ResourceNotFoundError(f'There is no {kind} "{name}"; `ark-temporal get` shows what there is.')
    return found


async def _print(connection: "Connection", listed: "list[Listed]", output: str) -> None:
    from ark_temporal.resources.store import read_current
    from cli.resource_text import describe_list

    if output == "name":
        write_text("\n".join(str(each.name) for each in listed))
    elif output in ("json", "yaml"):
        manifests = [each.manifest for each in await read_current(connection, [each.name for each in listed])]
        if output == "json":
            write_json(manifests)
        else:
            from ark_temporal.resources.applying import to_yaml

            write_text("---\n".join(map(to_yaml, manifests)).rstrip())
    elif listed:
        wide = output == "wide"
        events = [each.name for each in listed if each.name.kind == "ArkEvent"] if wide else []
        write_text(describe_list(listed, await _statuses(connection, events), wide=wide))
    else:
        say("Nothing is applied.")


async def _statuses(
    connection: "Connection", events: "list[ResourceName]"
) -> "dict[ResourceName, EventStatus]":
    from ark_temporal.events.status import view_events
    from ark_temporal.resources.model import ResourceName

    views = await view_events(connection, events)
    return {ResourceName("ArkEvent", each.namespace, each.name): each.status for each in views}


async def _describe(
    connect: "ConnectOptions", name: "ResourceName"
) -> "tuple[ResourceState, ResourceStatus]":
    from ark_temporal.resources.status import status_of
    from ark_temporal.resources.store import read_state

    connection = await _connected(connect)
    state = await read_state(connection, name)
    return state, await status_of(connection, name)


async def _state(connect: "ConnectOptions", name: "ResourceName") -> "ResourceState":
    from ark_temporal.resources.store import read_state

    return await read_state(await _connected(connect), name)


async def _rollback(
    connect: "ConnectOptions", name: "ResourceName", to: int | None, by: str | None, comment: str
) -> "Applied":
    from ark_temporal.resources.model import RollbackRequest
    from ark_temporal.resources.store import rollback
    from cli.asking import login_name

    who = login_name() if by is None else by
    return await rollback(await _connected(connect), name, RollbackRequest(to=to, by=who, comment=comment))


async def _delete(connect: "ConnectOptions", names: "list[ResourceName]") -> None:
    from ark_temporal.resources import store

    connection = await _connected(connect)
    for name in names:
        await store.delete(connection, name)
        write_text(f"{name} deleted")


async def _connected(connect: "ConnectOptions") -> "Connection":
    from cli.connecting import connect as connected

    return await connected(connect)
