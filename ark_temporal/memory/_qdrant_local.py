"""Qdrant inside of this process: for one machine, for tests, and for a few thousand entries."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar

import portalocker
from qdrant_client import AsyncQdrantClient

from ark_temporal.memory._qdrant import Ask, T
from ark_temporal.memory.types import MemoryUnavailable

IN_MEMORY: Final = ":memory:"
_LOCAL: Final = "local:"
R = TypeVar("R")


class LocalQdrant:
    """See `QdrantConnection`. All of a process that name one directory share what is opened there."""

    is_server = False
    secrets = ()

    def __init__(self, opened: "_Opened") -> None:
        self._opened = opened
        self.where = opened.where

    @classmethod
    async def open(cls, endpoint: str) -> Self:
        """Open a directory, or an empty store in memory.

        Raises:
            MemoryUnavailable: It cannot be opened; for example another process has it open.
        """
        if endpoint == IN_MEMORY:
            return cls(await _on_thread(lambda: _Opened(None)))
        directory = endpoint.removeprefix(_LOCAL).strip()
        if not directory:
            raise MemoryUnavailable(
                "The ArkMemory's endpoint `local:` names no directory. Write one after the colon, for "
                "example local:/var/lib/ark/memory.",
                retryable=False,
            )
        return cls(await _on_thread(lambda: _acquire(Path(directory).expanduser())))

    async def ask(self, ask: Ask[T]) -> T:
        """See `QdrantConnection.ask`."""

        async def asked() -> T:
            return await ask(self._opened.client)

        return await _on_thread(lambda: asyncio.run(asked()))

    async def aclose(self) -> None:
        """See `QdrantConnection.aclose`."""
        await _on_thread(lambda: _release(self._opened))


def is_local(endpoint: str) -> bool:
    """Whether an endpoint means a Qdrant inside of this process."""
    return endpoint == IN_MEMORY or endpoint.startswith(_LOCAL)


class _Opened:
    """A store that is open, and how many use it. Touched by the one thread only."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.users = 1
        self._lock: IO[Any] | None = None
        if directory is None:
            self.where = "The Qdrant in memory"
            self.client = AsyncQdrantClient(location=IN_MEMORY)
            return
        self.where = f"The Qdrant in directory {directory}"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(directory)
        try:
            self.client = AsyncQdrantClient(path=str(directory))
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        asyncio.run(self.client.close())
        if self._lock:
            self._lock.close()


_OPENED: Final[dict[Path, _Opened]] = {}


@cache
def _thread() -> ThreadPoolExecutor:
    """The one thread of all local stores: the client is not for several, and blocks while it works."""
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="qdrant-local")


async def _on_thread(work: Callable[[], R]) -> R:
    return await asyncio.get_running_loop().run_in_executor(_thread(), work)


def _acquire(directory: Path) -> _Opened:
    try:
        directory = directory.resolve()
        if directory in _OPENED:
            _OPENED[directory].users += 1
        else:
            _OPENED[directory] = _Opened(directory)
        return _OPENED[directory]
    except portalocker.LockException:
        raise MemoryUnavailable(
            f"The Qdrant in directory {directory} is in use by another process, and a directory can be "
            "opened by one only. End the other process, name another directory, or run a Qdrant server.",
            retryable=True,
        ) from None
    except (OSError, ValueError, RuntimeError, LookupError, TypeError) as raised:
        raise MemoryUnavailable(
            f"The Qdrant in directory {directory} cannot be opened: {raised}. Check that the worker may "
            "write there and that nothing but a Qdrant has written there before.",
            retryable=False,
        ) from None


def _release(opened: _Opened) -> None:
    opened.users -= 1
    if opened.users == 0:
        if opened.directory:
            del _OPENED[opened.directory]
        opened.close()


def _lock(directory: Path) -> IO[Any]:
    """Lock a directory before anything in it is read: the client itself reads first and locks then."""
    with closing(_locked(directory / ".lock")):
        pass  # the client's own lock, which another program may hold; the client is about to take it
    return _locked(directory / ".ark.lock")


def _locked(path: Path) -> IO[Any]:
    file = path.open("a")
    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except BaseException:
        file.close()
        raise
    return file
