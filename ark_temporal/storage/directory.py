"""Payload storage in a directory: for one machine, or for a volume that all workers and clients share."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ark_temporal.storage.content import LARGEST_VALUE_BYTES, claimed, missing, seal, unseal
from ark_temporal.storage.errors import PayloadMissingError, refuse_oversize
from ark_temporal.storage.files import SET_ASIDE, write_whole

__all__ = ["DirectoryDriver", "PayloadMissingError"]

_FRESH_SECONDS = 3600.0
"""A payload that was used within this time need not be marked as used again."""

_LOOKS = 10
"""How often a payload is looked for that seems to be gone; each cleaner moves it twice at most."""


class DirectoryDriver(StorageDriver):
    """Keeps each payload in a file named by the sha256 of its bytes.

    A file appears whole or not at all: it is written beside its place, flushed to the disk, and renamed. Its
    time of modification is when the payload was last stored or read, so that cleaning spares what is in use.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        """The directory."""
        return self._root

    def name(self) -> str:
        """The name that histories refer to; it can never change."""
        return "ark-directory"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Keep payloads and say how to find them again.

        Raises:
            ApplicationError: One is larger than the storage takes.
        """
        return await asyncio.to_thread(lambda: [self._write(payload) for payload in payloads])

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Read payloads back.

        Raises:
            PayloadMissingError: One is not here, or is not what it was.
        """
        digests = [claimed(claim) for claim in claims]
        return await asyncio.to_thread(lambda: [self._read(digest) for digest in digests])

    def _write(self, payload: Payload) -> StorageDriverClaim:
        refuse_oversize(payload.ByteSize(), LARGEST_VALUE_BYTES, f"the storage directory {self._root}")
        digest, data = seal(payload)
        path = self._path(digest)
        if not _used_now(path):
            write_whole(path, data, durable=True)
        return StorageDriverClaim({"sha256": digest})

    def _read(self, digest: str) -> Payload:
        path, place = self._path(digest), f"the storage directory {self._root}"
        data = _read_used(path)
        if data is None:
            raise missing(digest, place, "keep its files as long as the runs that use them")
        return unseal(digest, data, place)

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest


def _used_now(path: Path) -> bool:
    """Mark a file as used: later cleaners spare it, and one that took it away before is noticed."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return path.exists()


def _read_used(path: Path) -> bytes | None:
    """A file's content, also while cleaners set it aside to look at it once more. None if it is not there."""
    for _ in range(_LOOKS):
        for place in (path, *path.parent.glob(f"{SET_ASIDE}{path.name}*")):
            with contextlib.suppress(FileNotFoundError):
                data = place.read_bytes()
                _mark_as_used(place)
                return data
    return None


def _mark_as_used(path: Path) -> None:
    with contextlib.suppress(OSError):  # a reader may have no right to write, or it moved
        if time.time() - path.stat().st_mtime > _FRESH_SECONDS:
            os.utime(path)
