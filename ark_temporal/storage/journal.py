"""A journal beside the payloads: what was paid for once is found again, whatever becomes of the worker."""

import asyncio
import hashlib
from pathlib import Path
from typing import Protocol

from ark_temporal.storage.encryption import EncryptionError, Keyring
from ark_temporal.storage.errors import StorageUnavailableError
from ark_temporal.storage.files import write_in_place, write_whole

_SMALL_BYTES = 256 * 1024
_DIGEST_BYTES = 32


class Journal(Protocol):
    """Values under keys of the caller's choosing, kept until long after a retry could ask for them.

    It forgets in the end: what is not found must be done again. The later of two values of a key counts.
    """

    async def find(self, key: str) -> bytes | None:
        """The value that was kept under the key, if it is still there.

        Raises:
            StorageUnavailableError: The journal does not answer.
            EncryptionError: It was encrypted with a key that is not here.
        """
        ...

    async def keep(self, key: str, value: bytes) -> None:
        """Keep a value. When this returns, another process finds it.

        Raises:
            StorageUnavailableError: The journal does not answer.
            ApplicationError: The value is larger than it takes.
        """
        ...


def entry_name(key: str) -> str:
    """The name that a journal gives to a key: keys may be long and have any characters."""
    return hashlib.sha256(key.encode()).hexdigest()


class DirectoryJournal:
    """A journal in a directory. It survives its process; on a power failure it may lose its latest entries.

    Values of a few KB are written at once: a thread would cost more than the write.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def find(self, key: str) -> bytes | None:
        """The value that was kept under the key, if it is still there and whole."""
        try:
            data = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None
        digest, value = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        return value if hashlib.sha256(value).digest() == digest else None

    async def keep(self, key: str, value: bytes) -> None:
        """Keep a value."""
        path, digest = self._path(key), hashlib.sha256(value).digest()
        try:
            if len(value) <= _SMALL_BYTES:
                write_in_place(path, digest + value)
            else:
                await asyncio.to_thread(write_whole, path, digest, value, durable=False)
        except OSError as error:
            raise self._unusable(error) from None

    def _path(self, key: str) -> Path:
        name = entry_name(key)
        return self._root / name[:2] / name

    def _unusable(self, error: OSError) -> StorageUnavailableError:
        return StorageUnavailableError(f"The journal in {self._root} cannot be used: {error.strerror}.")


class SealedJournal:
    """A journal whose values are encrypted where there is a keyring, and marked as what they are."""

    def __init__(self, journal: Journal, keyring: Keyring | None) -> None:
        self._journal = journal
        self._keyring = keyring

    async def find(self, key: str) -> bytes | None:
        """The value that was kept under the key, if it is still there."""
        data = await self._journal.find(key)
        if not data:
            return None
        id_length, rest = data[0], data[1:]
        if not id_length:
            return rest
        id, sealed = rest[:id_length].decode(), rest[id_length:]
        if self._keyring is None:
            raise EncryptionError(f'A journal entry is encrypted with the key "{id}", which is not set here.')
        return self._keyring.decrypt(id, sealed, _purpose(key))

    async def keep(self, key: str, value: bytes) -> None:
        """Keep a value."""
        if self._keyring is None:
            await self._journal.keep(key, b"\0" + value)
            return
        id, sealed = self._keyring.encrypt(value, _purpose(key))
        await self._journal.keep(key, bytes([len(id)]) + id.encode() + sealed)


def _purpose(key: str) -> bytes:
    return b"journal " + entry_name(key).encode()
