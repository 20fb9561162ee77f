"""Files that appear whole or not at all, for this user alone."""

import os
import secrets
from pathlib import Path

UNFINISHED = ".new-"
"""How the name of a file begins that is still being written."""

SET_ASIDE = ".clean-"
"""How the name of a file begins that is being removed, unless somebody uses it at this very moment."""


def write_whole(path: Path, *parts: bytes, durable: bool) -> None:
    """Write a file beside its place and rename it there.

    Args:
        path: Its place.
        parts: Its content.
        durable: Whether it must outlive the machine; without, it outlives only this process.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.parent / f"{UNFINISHED}{secrets.token_hex(8)}"
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        try:
            for part in parts:
                _write_all(file, part)
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_in_place(path: Path, data: bytes) -> None:
    """Write a small file where it belongs: half the work, for what its reader checks to be whole."""
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        file = os.open(path, how, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, how, 0o600)
    try:
        _write_all(file, data)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
