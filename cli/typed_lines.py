"""Lines that a person types at the terminal, until something else comes first."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Literal

from cli.terminal import stderr

_LONGEST_LINE = 65_536

Other = Literal["later", "interrupted", "decided", "timeout"]
"""Why there is no line: the person leaves it, Ctrl-C, somebody else was faster, patience ended."""

Ends = Mapping[Coroutine[object, object, None], Other]
"""What ends the typing: something to wait for, and why there is no line then."""


class NoLineError(Exception):
    """Something else came first.

    Attributes:
        why: What that was.
    """

    def __init__(self, why: Other) -> None:
        super().__init__(why)
        self.why: Other = why


class TypedLines:
    """Asks for one line after the other."""

    def __init__(self, ends: "Mapping[asyncio.Task[None], Other]", seconds: float | None) -> None:
        self._ends = ends
        self._deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds

    async def line(self, prompt: str) -> str:
        """The next one, without its end.

        Raises:
            NoLineError: Something else came first.
        """
        stderr().write(prompt)
        loop = asyncio.get_running_loop()
        reading = asyncio.create_task(_read_line())
        left = None if self._deadline is None else max(self._deadline - loop.time(), 0)
        try:
            await asyncio.wait({reading, *self._ends}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
        line = reading.result() if reading.done() and not reading.cancelled() else None
        if line is None:
            stderr().write("\n")
            raise NoLineError(self._why(reading))
        return line

    def _why(self, reading: "asyncio.Task[str | None]") -> Other:
        if reading.done() and not reading.cancelled():  # Ctrl-D
            return "later"
        for task, why in self._ends.items():
            if task.done():
                return why
        return "timeout"


@asynccontextmanager
async def typing_lines(ends: Ends, seconds: float | None) -> AsyncGenerator[TypedLines]:
    """Listen to the terminal. What was typed before is no reply to anything.

    Args:
        ends: What else may come.
        seconds: How long to wait for all lines together; None for ever.
    """
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    tasks: dict[asyncio.Task[None], Other] = {asyncio.create_task(end): why for end, why in ends.items()}
    try:
        yield TypedLines(tasks, seconds)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_line() -> str | None:
    """The next line of the terminal, which gives whole lines; None where there is no more."""
    loop, file = asyncio.get_running_loop(), sys.stdin.fileno()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(file, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(file)
    try:
        data = os.read(file, _LONGEST_LINE)
    except OSError:
        return None
    return data.decode(errors="replace").rstrip("\r\n") if data else None
