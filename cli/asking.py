"""Asking the person at the terminal what a run waits for."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from cli.terminal import Span, one_line, printable, stderr

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting, Decision, ToolCallRecord, Verdict

_LONGEST_LINE = 65_536

_KEYS: "dict[Verdict, tuple[str, str]]" = {
    "retry": ("r", "[r]etry it"),
    "answer": ("a", "[a]nswer for it"),
    "reject": ("j", "re[j]ect the step"),
}

Other = Literal["later", "interrupted", "decided", "timeout"]
"""Why there is no decision: the person leaves it, Ctrl-C, somebody else was faster, patience ended."""

Ends = Mapping[Coroutine[object, object, None], Other]
"""What ends a question without a reply: something to wait for, and why there is none then."""


class _NoReplyError(Exception):
    def __init__(self, why: Other) -> None:
        super().__init__(why)
        self.why: Other = why


def can_ask() -> bool:
    """Whether a person sits at the terminal, and it is ours to read from."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:
        return False


def login_name() -> str:
    """Who decides, where nobody says otherwise."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


async def ask(
    awaiting: "Awaiting", call: "ToolCallRecord | None", ends: Ends, seconds: float | None
) -> "Decision | Other":
    """Ask until there is a decision, or something else comes first.

    Args:
        awaiting: What is asked.
        call: The tool call that it is about.
        ends: What else may come.
        seconds: How long to wait for the reply; None for ever.
    """
    async with _typing(ends, seconds) as typed:
        try:
            return await _converse(awaiting, call, typed)
        except _NoReplyError as none:
            return none.why


async def _converse(
    awaiting: "Awaiting", call: "ToolCallRecord | None", typed: "_Typed"
) -> "Decision | Other":
    from ark_temporal.plan.record import Decision

    terminal = stderr()
    terminal.write(terminal.paint([Span(f"? {one_line(awaiting.step)} waits for a person", "yellow")]) + "\n")
    terminal.write(f"  {one_line(awaiting.message)}\n")
    if call is not None:
        terminal.write(printable(f"  {one_line(call.tool)} {one_line(call.arguments)}\n"))
    verdict = await _verdict(awaiting.decisions, typed)
    if verdict is None:
        return "later"
    text = await typed.line("The tool's answer: ") if verdict == "answer" else ""
    comment = await typed.line("Why (may be empty): ") if verdict == "reject" else ""
    return Decision(id=awaiting.id, decision=verdict, text=text, by=login_name(), comment=comment.strip())


async def _verdict(offered: "Sequence[Verdict]", typed: "_Typed") -> "Verdict | None":
    """What was chosen; None leaves it."""
    choices: dict[str, Verdict | None] = {"l": None, "leave": None}
    for verdict in offered:
        choices |= {_KEYS[verdict][0]: verdict, verdict: verdict}
    shown = ", ".join([*(_KEYS[verdict][1] for verdict in offered), "or [l]eave it open"])
    while True:
        word = (await typed.line(f"{shown}? ")).strip().lower()
        if word in choices:
            return choices[word]


class _Typed:
    """Lines that a person types."""

    def __init__(self, ends: "Mapping[asyncio.Task[None], Other]", seconds: float | None) -> None:
        self._ends = ends
        self._deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds

    async def line(self, prompt: str) -> str:
        """The next one, without its end.

        Raises:
            _NoReplyError: Something else came first.
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
            raise _NoReplyError(self._why(reading))
        return line

    def _why(self, reading: "asyncio.Task[str | None]") -> Other:
        if reading.done() and not reading.cancelled():  # Ctrl-D
            return "later"
        for task, why in self._ends.items():
            if task.done():
                return why
        return "timeout"


@asynccontextmanager
async def _typing(ends: Ends, seconds: float | None) -> AsyncGenerator[_Typed]:
    """What was typed before the question is no reply to it."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    tasks: dict[asyncio.Task[None], Other] = {asyncio.create_task(end): why for end, why in ends.items()}
    try:
        yield _Typed(tasks, seconds)
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
