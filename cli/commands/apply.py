"""`ark-temporal apply` and `diff`: bring manifests in force, and see what that would change."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.amounts import plural
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import complain, say

if TYPE_CHECKING:
    from ark_temporal.manifests import Bundle
    from ark_temporal.resources.applying import Done, Planned
    from ark_temporal.runs.connection import Connection, ConnectOptions

Files = Annotated[
    list[str],
    typer.Option(
        "--filename",
        "-f",
        metavar="SOURCE",
        help="Manifests: a file, a directory with its subdirectories, or -. May be repeated.",
        show_default=False,
    ),
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Delete what is applied in the same namespaces and not in these manifests any more.",
    ),
]

IN_EFFECT_WITHIN_SECONDS = 30.0
"""How long `--wait` waits for what was applied to take effect."""


@options.connects
def apply(
    files: Files,
    connect: "ConnectOptions",
    prune: Prune = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has taken effect.")] = False,
    by: options.By = None,
    comment: Annotated[
        str,
        typer.Option(
            "--comment", "-m", metavar="TEXT", help="Why; kept with the revision.", show_default=False
        ),
    ] = "",
    output: options.PlainOutput = "text",
) -> None:
    """Bring manifests in force: new runs use them, runs that go on keep what they began with.

    What is in force already is left as it is. Secrets are never sent anywhere: their values stay where
    workers find them. The exit code is 0 where all is in force, 1 where something could not be applied, 2
    where the manifests have errors (nothing was applied then).
    """
    form = parse_format(output)
    done = run_async(_apply(connect, files, prune=prune, dry_run=dry_run, wait=wait, by=by, comment=comment))
    if form == "json":
        write_json([_as_json(each) for each in done])
    else:
        _show(done, dry_run=dry_run)
    raise typer.Exit(ExitCode.FAILED if any(each.verb == "failed" for each in done) else ExitCode.SUCCEEDED)


@options.connects
def diff(files: Files, connect: "ConnectOptions", prune: Prune = False) -> None:
    """Show what `apply` would change, line by line.

    The exit code is 0 where nothing would change, 1 where something would, 2 where that cannot be said.
    """
    text = run_async(_diff(connect, files, prune=prune))
    if text:
        write_text(text)
    raise typer.Exit(ExitCode.FAILED if text else ExitCode.SUCCEEDED)


async def _apply(
    connect: "ConnectOptions",
    files: list[str],
    *,
    prune: bool,
    dry_run: bool,
    wait: bool,
    by: str | None,
    comment: str,
) -> "list[Done]":
    from ark_temporal.resources.applying import Done, carry_out
    from ark_temporal.resources.waiting import NotInEffectError, until_in_effect
    from cli.asking import login_name
    from cli.connecting import connect as connected

    connection = await connected(connect)
    bundle, planned = await _planned(connection, files, prune=prune)
    _say_about_secrets(bundle)
    if dry_run:
        return [Done(each.name, each.verb) for each in planned]
    who = login_name() if by is None else by
    done = {each.name: each async for each in carry_out(connection, planned, by=who, comment=comment)}
    ordered = [done[each.name] for each in planned]
    if wait:
        try:
            await until_in_effect(connection, ordered, IN_EFFECT_WITHIN_SECONDS)
        except NotInEffectError as error:
            raise CommandError(str(error)) from None
    return ordered


async def _planned(
    connection: "Connection", files: list[str], *, prune: bool
) -> "tuple[Bundle, list[Planned]]":
    """The manifests, checked together with what is applied beside them, and what applying them would do."""
    import io
    import sys

    from ark_temporal.manifests import load
    from ark_temporal.manifests.files import MAX_BYTES
    from ark_temporal.resources import store
    from ark_temporal.resources.applying import applied, compare, documents, name_of, texts_of
    from ark_temporal.resources.prompts import missing_prompts
    from cli.sources import load_sources, show_diagnostics

    known = await applied(connection)
    stdin = io.TextIOWrapper(io.BytesIO(sys.stdin.buffer.read(MAX_BYTES + 1))) if "-" in files else None
    given = load(files, stdin=stdin)
    names = {name_of(each) for each in given.resources}
    namespaces = {name.namespace for name in names}
    beside = [name for name in known if name not in names and name.namespace in namespaces]
    texts = {} if prune else texts_of(await store.read_current(connection, beside))
    if stdin is not None:
        stdin.seek(0)
    bundle = load_sources(files, texts=texts, stdin=stdin)
    missing = missing_prompts(bundle, names)
    if missing:
        show_diagnostics(missing)
        raise CommandError(f"{plural(len(missing), 'prompt')} would be missing; nothing was applied.")
    written = {name: each for name, each in documents(bundle).items() if name in names}
    if not written:
        raise CommandError("The manifests hold nothing that can be applied.", code=ExitCode.USAGE)
    return bundle, compare(written, known, prune=prune)


async def _diff(connect: "ConnectOptions", files: list[str], *, prune: bool) -> str:
    from ark_temporal.resources import store
    from cli.connecting import connect as connected
    from cli.resource_text import manifest_diff

    connection = await connected(connect)
    _, planned = await _planned(connection, files, prune=prune)
    changed = [each for each in planned if each.verb != "unchanged"]
    known = [each.name for each in changed if each.verb in ("configured", "deleted")]
    current = await store.read_each(connection, known)
    return "\n".join(
        manifest_diff(
            str(each.name), current[each.name].manifest if each.name in current else {}, each.manifest or {}
        )
        for each in changed
    )


def _say_about_secrets(bundle: "Bundle") -> None:
    """Say what stays here, since its values are for those who run, and its commands for nobody else."""
    from ark_temporal.manifests import ArkSecret, Secret

    for kind in (Secret, ArkSecret):
        names = [each.metadata.name for each in bundle.all(kind)]
        if names:
            say(
                f"Not applied: {plural(len(names), kind.KIND)} of the manifests ({', '.join(names[:5])}). "
                "Give them to the workers (their manifests, --secrets-dir, or their environment)."
            )


def _show(done: "list[Done]", *, dry_run: bool) -> None:
    for each in done:
        revision = f" (revision {each.revision})" if each.revision else ""
        note = " (dry run)" if dry_run else ""
        if each.verb == "failed":
            complain(f"{each.name} could not be applied: {each.problem}")
        else:
            write_text(f"{each.name} {each.verb}{revision}{note}")


def _as_json(done: "Done") -> dict[str, object]:
    told: dict[str, object] = {**done.name._asdict(), "change": done.verb, "revision": done.revision}
    return {**told, "problem": done.problem} if done.problem else told
