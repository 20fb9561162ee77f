"""Connections that several callers use: opened by the first call, closed when nobody needs them."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar


class Closeable(Protocol):
    """What can be closed."""

    async def aclose(self) -> None:
        """Close it."""
        ...


T = TypeVar("T", bound=Closeable)


class Shared(Generic[T]):
    """Opens at the first use, and once retired closes whenever nobody uses it.

    It belongs to one event loop.
    """

    def __init__(self, open: Callable[[], Awaitable[T]]) -> None:
        self._open = open
        self._opening = asyncio.Lock()
        self._opened: T | None = None
        self._users = 0
        self._closing = False
        self._retired = False

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[T]:
        """The connection, kept open for as long as the block runs."""
        self._users += 1
        self._closing = self._retired
        try:
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._open()
                opened = self._opened
            yield opened
        finally:
            self._users -= 1
            await self._close_if_done()

    async def aclose(self) -> None:
        """Close now, or when the last user is done. A later use opens anew."""
        self._closing = True
        await self._close_if_done()

    async def retire(self) -> None:
        """Close now, and from now on after every use."""
        self._retired = self._closing = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._closing and self._users == 0 and self._opened is not None:
            opened, self._opened = self._opened, None
            await opened.aclose()


class Retirable(Protocol):
    """What can be taken out of use."""

    async def retire(self) -> None:
        """Close now, and from now on after every use."""
        ...


S = TypeVar("S", bound=Retirable)


class SharedPool(Generic[S]):
    """So many connections, by key; for one more, the one that was asked for longest ago is retired.

    It belongs to one event loop.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, S] = OrderedDict()
        self._retiring: set[asyncio.Task[None]] = set()

    def get(self, key: Hashable, make: Callable[[], S]) -> S:
        """What is held under a key; made when there is nothing yet."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = make()
            while len(self._held) > self._most:
                _, oldest = self._held.popitem(last=False)
                task = asyncio.get_running_loop().create_task(oldest.retire())
                self._retiring.add(task)
                task.add_done_callback(self._retiring.discard)
        self._held.move_to_end(key)
        return held

    async def aclose(self) -> None:
        """Retire all; what is in use closes when its last user is done."""
        held = list(self._held.values())
        self._held.clear()
        await asyncio.gather(*(one.retire() for one in held), *self._retiring)
