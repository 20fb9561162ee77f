"""How many calls a run has under way at the same time."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

MAX_CALLS = 200
"""Temporal refuses the 2001st pending activity for good; far below that, more at once gains nothing."""

MAX_BYTES = 3_000_000
"""Calls that start together go to Temporal in one message, and it ends a run whose message has over 4 MiB."""


class Load:
    """What a call takes of the room.

    Args:
        measure: Gives the bytes of its payload; asked only where that matters, since it costs.
    """

    def __init__(self, measure: Callable[[], int]) -> None:
        self._measure = measure

    @cached_property
    def size(self) -> int:
        """The bytes of its payload."""
        return self._measure()


@dataclass
class InFlight:
    """Lets calls go out in the order in which they ask, while there is room for them.

    A call that has not all the room there is to itself, but needs it, goes out when it is alone.
    """

    _calls: int = 0
    _bytes: int = 0
    _first: Load | None = None
    _waiting: deque[tuple[Load, "asyncio.Future[None]"]] = field(
        default_factory=deque[tuple[Load, "asyncio.Future[None]"]]
    )

    async def enter(self, load: Load) -> None:
        """Wait for room for a call."""
        if not self._waiting and self._fits(load):
            self._take(load)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((load, turn))
        await turn

    def leave(self, load: Load) -> None:
        """Make room again, and let in who fits."""
        self._calls -= 1
        if load is self._first:
            self._first = None
        else:
            self._bytes -= load.size
        while self._waiting and self._fits(self._waiting[0][0]):
            waited, turn = self._waiting.popleft()
            if not turn.done():  # cancelled: the run is over
                self._take(waited)
                turn.set_result(None)

    def _fits(self, load: Load) -> bool:
        if self._calls == 0:
            return True
        if self._first is not None:  # it is no longer alone
            self._bytes += self._first.size
            self._first = None
        return self._calls < MAX_CALLS and self._bytes + load.size <= MAX_BYTES

    def _take(self, load: Load) -> None:
        self._calls += 1
        if self._calls == 1:
            self._first = load
        else:
            self._bytes += load.size
