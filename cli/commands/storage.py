"""`ark-temporal storage`: what it holds, cleaning it, and keys for its encryption."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import parse_format, write_json, write_text
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.storage.cleaning import Count, Holdings

app = typer.Typer(
    name="storage",
    help="What histories keep elsewhere: how much it is, cleaning it, keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@app.command()
def stats(storage: options.Storage = None, output: options.PlainOutput = "text") -> None:
    """Say how much a storage directory holds, and since when it was not used."""
    from ark_temporal.storage.cleaning import survey

    form = parse_format(output)
    root = _directory_of(storage)
    held = survey(root)
    if form == "json":
        write_json({"storage": str(root), **_as_json(held)})
    else:
        write_text("\n".join([f"storage   {root}", *_lines(held)]))


@app.command()
@options.connects
def clean(
    connect: "ConnectOptions",
    older_than: Annotated[
        str,
        typer.Option(metavar="AGE", help="Remove what nobody has stored or read for so long: 30d, 12h, 2w."),
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    output: options.PlainOutput = "text",
) -> None:
    """Remove from a storage directory what no run can need any more.

    Temporal is asked first: nothing is removed that was used since the oldest run started which it still has,
    open or retained. Redis and S3 clean themselves: see docs/storage.md.
    """
    form = parse_format(output)
    wanted = datetime.now(UTC) - _age(older_than)
    root, since, removed = run_async(_clean(connect, wanted, dry_run=dry_run))
    if form == "json":
        told = {"storage": str(root), "unusedSince": _json_time(since), "dryRun": dry_run}
        write_json({**told, **_as_json(removed)})
        return
    if wanted - since > timedelta(minutes=1):
        say(
            f"Temporal still has runs that may need what was used since {since:%Y-%m-%d %H:%M} UTC, so only "
            "what is older goes."
        )
    verb = "would be removed from" if dry_run else "removed from"
    write_text("\n".join([f"{verb} {root}, unused since {since:%Y-%m-%d %H:%M} UTC:", *_lines(removed)]))


@app.command()
def keygen(
    id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The key's id; else one is made up.", show_default=False),
    ] = None,
) -> None:
    """Make a key for encryption, in the form of ARK_ENCRYPTION_KEYS and of a file of keys."""
    from ark_temporal.storage.encryption import EncryptionKeysError, new_key

    try:
        write_text(new_key(id))
    except EncryptionKeysError as error:
        raise CommandError(str(error)) from None


async def _clean(
    connect: "ConnectOptions", wanted: datetime, *, dry_run: bool
) -> "tuple[Path, datetime, Holdings]":
    from ark_temporal.runs.oldest import oldest_start
    from ark_temporal.storage.cleaning import clean
    from cli import connecting

    connection = await connecting.connect(connect)
    root = _root(connection)
    since = await oldest_start(connection.client, wanted)
    return root, since, clean(root, since, dry_run=dry_run)


def _root(connection: "Connection") -> Path:
    from ark_temporal.storage import DirectoryDriver

    storage = connection.storage
    if storage is None:
        raise CommandError("There is no storage directory here: name the workers' with --storage.")
    if not isinstance(storage.driver, DirectoryDriver):
        raise CommandError(_not_a_directory(storage.shown))
    return storage.driver.root


def _directory_of(where: str | None) -> Path:
    """The storage directory, found without a Temporal."""
    import os

    from ark_temporal.runs.connection import STORAGE_VARIABLE, local_storage
    from ark_temporal.storage import DirectoryDriver, open_storage

    try:
        storage = open_storage(where or os.environ.get(STORAGE_VARIABLE) or str(local_storage()))
    except ValueError as error:
        raise CommandError(str(error)) from None
    if not isinstance(storage.driver, DirectoryDriver):
        raise CommandError(_not_a_directory(storage.shown))
    return storage.driver.root


def _not_a_directory(shown: str) -> str:
    return (
        f"The storage {shown} is no directory: its ttl or the bucket's lifecycle removes what is old, and "
        "its own tools say how much it holds. See docs/storage.md."
    )


def _age(told: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,5})([mhdw])", told)
    if not found:
        raise CommandError(f'--older-than: "{told}" is no age: write for example 30d, 12h or 2w.')
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _lines(held: "Holdings") -> list[str]:
    return [
        _line("payloads", held.payloads),
        _line("journal", held.journal),
        *([_line("unfinished", held.unfinished)] if held.unfinished.files else []),
    ]


def _line(name: str, count: "Count") -> str:
    from cli.amounts import plural, size

    if not count.files:
        return f"{name:<10}none"
    oldest = f", the longest unused since {count.oldest:%Y-%m-%d %H:%M} UTC" if count.oldest else ""
    return f"{name:<10}{plural(count.files, 'file')}, {size(count.bytes)}{oldest}"


def _as_json(held: "Holdings") -> dict[str, object]:
    kinds = {"payloads": held.payloads, "journal": held.journal, "unfinished": held.unfinished}
    return {
        name: {"files": each.files, "bytes": each.bytes, "oldest": _json_time(each.oldest)}
        for name, each in kinds.items()
    }


def _json_time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
