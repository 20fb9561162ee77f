"""Payload storage in a directory: for one machine, or for a volume that all workers and clients share."""

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

_SHA256 = re.compile(r"[0-9a-f]{64}")


class PayloadMissingError(RuntimeError):
    """A payload that a history refers to is not in the storage directory."""


class DirectoryDriver(StorageDriver):
    """Keeps each payload in a file named by the sha256 of its bytes.

    Content names make a retried write harmless and let equal payloads share one file. A file appears whole or
    not at all: it is written beside its place, flushed to the disk, and renamed.
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
        """Keep payloads and say how to find them again."""
        return await asyncio.to_thread(lambda: [self._write(payload) for payload in payloads])

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Read payloads back.

        Raises:
            PayloadMissingError: One is not here, or is not what it was.
        """
        digests = [claim.claim_data.get("sha256", "") for claim in claims]
        return await asyncio.to_thread(lambda: [self._read(digest) for digest in digests])

    def _write(self, payload: Payload) -> StorageDriverClaim:
        data = payload.SerializeToString(deterministic=True)
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_whole(path, data)
        return StorageDriverClaim({"sha256": digest})

    def _read(self, digest: str) -> Payload:
        if not _SHA256.fullmatch(digest):
            raise PayloadMissingError(f"A history names the stored payload {digest!r}, which is no sha256.")
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise PayloadMissingError(
                f"Payload {digest[:12]} is not in the storage directory {self._root}: give every worker and "
                "client the same --storage, and keep its files as long as the runs that use them."
            ) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise PayloadMissingError(f"Payload {digest[:12]} in {self._root} has been changed or damaged.")
        return Payload.FromString(data)

    def _path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest


def _write_whole(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
