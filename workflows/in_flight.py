"""How many calls a run has under way at the same time."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

MAX_CALLS = 200
"""Temporal refuses the 2001st pending activity for good; far below that, more at once gains nothing."""

MAX_BYTES = 3_000_000
"""Calls that start together go to Temporal in one message, and it ends a run whose message has over 4 MiB."""


@dataclass
class InFlight:
    """Lets calls go out in the order in which they ask, while there is room for them.

    A call that has not all the room there is to itself, but needs it, goes out when it is alone.
    """

    _calls: int = 0
    _bytes: int = 0
    _waiting: deque[tuple[int, "asyncio.Future[None]"]] = field(
        default_factory=deque[tuple[int, "asyncio.Future[None]"]]
    )

    async def enter(self, size: int) -> None:
        """Wait for room for a call whose payload has that many bytes."""
        if not self._waiting and self._fits(size):
            self._take(size)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        await turn

    def leave(self, size: int) -> None:
        """Make room again, and let in who fits."""
        self._calls -= 1
        self._bytes -= size
        while self._waiting and self._fits(self._waiting[0][0]):
            waited, turn = self._waiting.popleft()
            if not turn.done():  # cancelled: the run is over
                self._take(waited)
                turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self._calls < MAX_CALLS and (self._calls == 0 or self._bytes + size <= MAX_BYTES)

    def _take(self, size: int) -> None:
        self._calls += 1
        self._bytes += size
