"""Finds and reads the files that manifests are in."""

import codecs
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from ark_temporal.manifests.diagnostics import Diagnostic
from ark_temporal.manifests.nodes import Source

MAX_BYTES = 8 * 1024 * 1024
"""Size of one file, in bytes."""
MAX_FILES = 1000
"""Manifest files in one directory, with its subdirectories."""
SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "<stdin>"


@dataclass(frozen=True)
class Input:
    """One of the things that were asked to be loaded: a file, a directory, or standard input.

    Attributes:
        name: As it was asked for.
        is_directory: Whether the files were found, rather than named.
        sources: The texts.
        problems: What could not be read.
        repeated: Whether some of its files had been read before, and are not here again.
    """

    name: str
    is_directory: bool
    sources: tuple[Source, ...]
    problems: tuple[Diagnostic, ...] = ()
    repeated: bool = False


class _UnreadableError(Exception):
    """A file that cannot be read, with the finding that says so."""

    def __init__(self, file: str, code: str, message: str, hint: str = "", line: int = 0, column: int = 0):
        super().__init__(message)
        self.diagnostic = Diagnostic("error", file, line, column, "", code, message, hint)


def read_inputs(sources: Iterable[str | Path], stdin: TextIO | None) -> Iterator[Input]:
    """Reads files, directories and, for `-`, standard input. A file that is named twice is read once."""
    seen: set[Path] = set()
    for source in sources:
        name = str(source)
        if name == "-":
            yield _read((STDIN,), STDIN, False, stdin)
        elif not name:
            message = "The name of a manifest file is empty."
            yield Input(name, False, (), (Diagnostic("error", name, 0, 0, "", "file-missing", message),))
        else:
            yield _read_path(Path(name), seen)


def _read_path(path: Path, seen: set[Path]) -> Input:
    try:
        files = _manifest_files(path) if path.is_dir() else [path]
    except (_UnreadableError, OSError, ValueError) as error:
        return Input(str(path), True, (), (_diagnostic(error, str(path)),))
    fresh = [file for file in files if file.absolute() not in seen]
    seen.update(file.absolute() for file in fresh)
    given = _read(tuple(map(str, fresh)), str(path), path.is_dir(), None)
    return replace(given, repeated=len(fresh) < len(files))


def _read(files: Sequence[str], name: str, is_directory: bool, stdin: TextIO | None) -> Input:
    texts: list[Source] = []
    problems: list[Diagnostic] = []
    for file in files:
        try:
            data = _stdin_bytes(stdin) if file == STDIN else _file_bytes(Path(file))
            texts.append(Source(file, _decode(file, data)))
        except (_UnreadableError, OSError, ValueError) as error:
            problems.append(_diagnostic(error, file))
    return Input(name, is_directory, tuple(texts), tuple(problems))


def _manifest_files(directory: Path) -> list[Path]:
    """The manifest files in a directory and below, sorted; hidden directories are left out."""
    found: list[Path] = []

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(directory, onerror=refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        found += [Path(folder, file) for file in sorted(files) if file.lower().endswith(SUFFIXES)]
        if len(found) > MAX_FILES:
            message = f"The directory holds more than {MAX_FILES} YAML and JSON files."
            hint = "Name the directory, or the files, that hold the manifests."
            raise _UnreadableError(str(directory), "too-many-files", message, hint)
    return found


def _file_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _stdin_bytes(stdin: TextIO | None) -> bytes:
    stream = stdin or sys.stdin
    binary = getattr(stream, "buffer", None)
    return binary.read(MAX_BYTES + 1) if binary else stream.read(MAX_BYTES + 1).encode()


_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _decode(file: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB, the most that is read."
        raise _UnreadableError(file, "file-too-large", message, "Split it into several files.")
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"The file is not text in {error.encoding.upper()}."
        raise _UnreadableError(file, "file-encoding", message, "Save it as UTF-8.", line, column) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _diagnostic(error: Exception, file: str) -> Diagnostic:
    if isinstance(error, _UnreadableError):
        return error.diagnostic
    if isinstance(error, FileNotFoundError):
        return Diagnostic("error", file, 0, 0, "", "file-missing", "There is no such file or directory.")
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Diagnostic("error", file, 0, 0, "", "file-unreadable", f"The file cannot be read: {reason}.")
