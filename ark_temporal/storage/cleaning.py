"""What a storage directory holds, and removing what nobody has used for long."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ark_temporal.storage.files import SET_ASIDE, UNFINISHED
from ark_temporal.storage.place import JOURNAL_FOLDER

_SHA256_LENGTH = 64


@dataclass
class Count:
    """How many files of a kind, and how large they are together.

    Attributes:
        bytes: The sizes of their contents.
        oldest: When the one was used that nobody has used for longest; None where there is none.
    """

    files: int = 0
    bytes: int = 0
    oldest: datetime | None = None

    def add(self, size: int, used: float) -> None:
        """Count a file."""
        moment = datetime.fromtimestamp(used, UTC)
        self.files += 1
        self.bytes += size
        self.oldest = min(self.oldest or moment, moment)


@dataclass
class Holdings:
    """Files of a storage directory, by kind.

    Attributes:
        unfinished: What writers left behind that did not come to an end.
    """

    payloads: Count = field(default_factory=Count)
    journal: Count = field(default_factory=Count)
    unfinished: Count = field(default_factory=Count)

    @property
    def files(self) -> int:
        """All of them."""
        return self.payloads.files + self.journal.files + self.unfinished.files

    @property
    def bytes(self) -> int:
        """All of their sizes."""
        return self.payloads.bytes + self.journal.bytes + self.unfinished.bytes

    def of(self, path: Path, root: Path) -> Count:
        """The kind that a file is of."""
        if path.name.startswith("."):
            return self.unfinished
        return self.journal if path.parent.parent != root else self.payloads


def survey(root: Path) -> Holdings:
    """What a storage directory holds. What is not ours in it is left out."""
    found = Holdings()
    for path in _ours(root):
        with contextlib.suppress(FileNotFoundError):  # others may clean at the same time
            stat = path.stat()
            found.of(path, root).add(stat.st_size, stat.st_mtime)
    return found


def clean(root: Path, unused_since: datetime, *, dry_run: bool = False) -> Holdings:
    """Remove what nobody has stored or read since a time.

    A payload that is stored again at this very moment survives: its file is set aside, looked at once more,
    and put back if it was used.

    Args:
        root: The storage directory.
        unused_since: What was used before is removed, from then on it stays.
        dry_run: Only say what would be removed.

    Returns:
        What was removed, or would be.
    """
    limit, removed = unused_since.timestamp(), Holdings()
    for path in _ours(root):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if stat.st_mtime < limit and (dry_run or _remove(path, limit)):
                removed.of(path, root).add(stat.st_size, stat.st_mtime)
    return removed


def _remove(path: Path, limit: float) -> bool:
    # Each cleaner has a name of its own, or one would remove what another has just saved.
    aside = path.with_name(f"{SET_ASIDE}{path.name}-{secrets.token_hex(8)}")
    path.rename(aside)
    if aside.stat().st_mtime < limit:
        aside.unlink()
        return True
    aside.rename(path)  # the same bytes, should it have been stored anew in the meantime
    return False


def _ours(root: Path) -> Iterator[Path]:
    """Files of payloads and of the journal, and what is left of unfinished ones."""
    for base in (root, root / JOURNAL_FOLDER):
        for folder in _entries(base):
            if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False):
                for file in _entries(Path(folder.path)):
                    if _is_ours(file.name) and file.is_file(follow_symlinks=False):
                        yield Path(file.path)


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_ours(name: str) -> bool:
    return len(name) == _SHA256_LENGTH or name.startswith((UNFINISHED, SET_ASIDE))
