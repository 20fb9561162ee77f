"""`ark-temporal secrets`: what manifests need of Secrets, and whether it can be had here. Never a value."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import options
from cli.amounts import plural
from cli.errors import CommandError
from cli.exit_codes import ExitCode
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import complain, one_line

if TYPE_CHECKING:
    from cli.wanted_secrets import Here, Wanted

app = typer.Typer(
    name="secrets",
    help="Which Secrets and ConfigMaps manifests need, and whether they can be had here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_FEW = 3


@app.command("list")
def list_(
    sources: options.Sources,
    secrets_dir: options.SecretsDirectory = None,
    output: options.PlainOutput = "text",
) -> None:
    """List what the manifests need, who needs it, and where it would come from here.

    No provider is asked: `secrets check` does that.
    """
    form = parse_format(output)
    everything, here = _read(sources, secrets_dir, allow_commands=False)
    run_async(_find(everything, here))
    if form == "json":
        write_json([_as_json(each) for each in everything])
    elif everything:
        write_text(_table(everything))


@app.command()
def check(
    sources: options.Sources,
    secrets_dir: options.SecretsDirectory = None,
    allow_commands: options.AllowCommands = False,
    output: options.PlainOutput = "text",
) -> None:
    """Try whether all that the manifests need can be had here, providers included.

    The exit code is 0 where it can, 1 where something is missing or a provider does not give it.
    """
    form = parse_format(output)
    everything, here = _read(sources, secrets_dir, allow_commands=allow_commands)
    run_async(here.check(everything))
    missing = [each for each in everything if each.problem]
    if form == "json":
        told = [{**_as_json(each), "ok": not each.problem, "problem": each.problem} for each in everything]
        write_json({"ok": not missing, "secrets": told})
    elif everything:
        write_text(_table(everything, checked=True))
    for each in missing if form == "text" else ():
        complain(f"{_label(each)}: {one_line(each.problem)}")
    if missing and form == "text":
        complain(f"{len(missing)} of {plural(len(everything), 'value')} cannot be had here.")
    raise typer.Exit(ExitCode.FAILED if missing else ExitCode.SUCCEEDED)


def _read(
    sources: Sequence[str], secrets_dir: Path | None, *, allow_commands: bool
) -> "tuple[list[Wanted], Here]":
    """What the manifests need, and where this process would look for it.

    References that do not resolve are what is looked for here, so only errors stop it.
    """
    from ark_temporal.manifests import load
    from cli.local import check_files
    from cli.sources import mapping_store, show_diagnostics
    from cli.wanted_secrets import Here, wanted

    check_files(prices=None, secrets_dir=secrets_dir)
    bundle = load(sources)
    if not bundle.ok:
        show_diagnostics(bundle.errors)
        raise CommandError(f"The manifests have {plural(len(bundle.errors), 'error')}; nothing was checked.")
    here = Here(bundle, mapping_store(bundle), secrets_dir, allow_commands=allow_commands)
    return wanted(bundle), here


async def _find(everything: "Sequence[Wanted]", here: "Here") -> None:
    for each in everything:
        await here.find(each)


def _table(everything: "Sequence[Wanted]", *, checked: bool = False) -> str:
    from cli.record_text import table

    head = ("KIND", "NAME", "KEY", "NEEDED BY", "FROM", *(["HERE"] if checked else []))
    return table([head, *(tuple(_row(each, checked=checked)) for each in everything)])


def _row(each: "Wanted", *, checked: bool) -> Iterator[str]:
    more = f" and {len(each.by) - _FEW} more" if len(each.by) > _FEW else ""
    yield each.kind
    yield f"{each.namespace}/{each.name}"
    yield one_line(each.key) or "(all)"
    yield (", ".join(each.by[:_FEW]) + more) or "nobody here"
    yield each.origin or "nowhere"
    if checked:
        yield "no" if each.problem else "yes"


def _label(each: "Wanted") -> str:
    key = f', key "{one_line(each.key)}"' if each.key else ""
    return f'{each.kind} "{each.namespace}/{each.name}"{key}'


def _as_json(each: "Wanted") -> dict[str, object]:
    return {
        "kind": each.kind,
        "namespace": each.namespace,
        "name": each.name,
        "key": each.key,
        "neededBy": each.by,
        "from": each.origin,
    }
