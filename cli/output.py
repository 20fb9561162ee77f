"""The command's result: what goes to standard output, or to a file."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cli.errors import CommandError
from cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord

Format = Literal["text", "json", "jsonl"]
FORMATS: tuple[Format, ...] = ("text", "json", "jsonl")


@dataclass(frozen=True)
class Output:
    """How, and where to, a run's result is written.

    Attributes:
        path: A file for the result; None for standard output.
    """

    format: Format = "text"
    path: Path | None = None


def parse_output(told: str) -> Output:
    """Read `-o`: a format, or the path of a file for the result.

    Raises:
        CommandError: It is neither, or the file cannot be written.
    """
    for known in FORMATS:
        if told == known:
            return Output(known)
    path = Path(told)
    if path.name == told and "." not in told:
        raise CommandError(
            f'"{told}" is no output format: use {", ".join(FORMATS)}, or the path of a file for the result '
            f"(a file of that very name is ./{told})."
        )
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise CommandError(
            f"The result cannot be written to {path}: name a file in a directory you may write to."
        )
    return Output(path=path)


def parse_format(told: str) -> Literal["text", "json"]:
    """Read the `-o` of a command that has no stream of events and no result of its own to keep.

    Raises:
        CommandError: It is another word.
    """
    if told == "text" or told == "json":
        return told
    raise CommandError(f'"{told}" is no output format here: use text or json.')


def write_record(output: Output, record: "RunRecord") -> None:
    """Write what a run came to; the stream of events has carried the record already."""
    if output.format == "json":
        write_json(to_json(record))
    elif output.path is not None:
        _write_file(output.path, record.output)
    elif output.format == "text" and record.output:
        write_text(record.output)


def to_json(record: "RunRecord") -> object:
    """The record as its public JSON."""
    return record.model_dump(mode="json")


def write_json(value: object) -> None:
    """Write one JSON value to standard output, for people too."""
    _write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_json_line(value: object) -> None:
    """Write one line of a JSON stream at once.

    Raises:
        CommandError: Nobody reads it any more, so there is nothing left to do.
    """
    try:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        forget_stdout()
        raise CommandError("", ExitCode.UNREAD) from None


def write_text(text: str) -> None:
    """Write text to standard output, ended by a line break; on a terminal without what would steer it."""
    if sys.stdout.isatty():
        from cli.terminal import printable

        text = printable(text)
    _write(text if text.endswith("\n") else text + "\n")


def forget_stdout() -> None:
    """Nobody reads standard output any more: what is left in its buffer must not fail at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough: the outcome is the command's, all the same
        forget_stdout()
    except OSError as error:
        forget_stdout()
        raise CommandError(f"The result cannot be written: {error.strerror}.", ExitCode.FAILED) from None


def _write_file(path: Path, text: str) -> None:
    try:
        path.write_text(text if text.endswith("\n") or not text else text + "\n", encoding="utf-8")
    except OSError as error:
        write_text(text)
        raise CommandError(
            f"The result cannot be written to {path}: {error.strerror}. It is on standard output instead.",
            ExitCode.FAILED,
        ) from None
