"""What a gateway makes itself, once, and keeps in files that only its owner reads."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ark_temporal.runs.paths import data_directory


def state_directory(chosen: Path | None) -> Path:
    """Where a gateway keeps what it makes itself: the directory that was chosen, else one of its user's."""
    return chosen or data_directory() / "gateway"


def made_once(file: Path, make: Callable[[], str]) -> str:
    """The text of a file, which is made where there is none; of several who make it, one is faster for all.

    Raises:
        OSError: It cannot be read, or not be written there.
        UnicodeDecodeError: It is not ASCII.
    """
    if not file.exists():
        _make(file, make())
    return file.read_text(encoding="ascii").strip()


def _make(file: Path, text: str) -> None:
    """Write the file as a whole, for its owner alone, unless somebody else just has."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(text + "\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
