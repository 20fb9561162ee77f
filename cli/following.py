"""Following a run: to its end, until Ctrl-C, or for as long as there is patience."""

import asyncio
import contextlib
import dataclasses
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Literal

from cli.exit_codes import ExitCode, exit_code
from cli.hints import come_back
from cli.output import Output, write_record
from cli.progress import View, view_for
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import Connection, ConnectOptions
    from ark_temporal.runs.questions import Question
    from ark_temporal.runs.watch import Sight

SECOND_CHANCE_SECONDS = 3.0
"""How long after detaching another Ctrl-C cancels the run."""

_TICK_SECONDS = 0.2
_LOOK_SECONDS = 2.0
"""How often to look what the runs under this one ask, which are no events of its history."""

Why = Literal["ended", "interrupted", "timeout", "detached", "asked"]


class Interrupts:
    """Ctrl-C as something to wait for, instead of an exception that comes from anywhere."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._muted = False

    async def next(self) -> None:
        """Wait for the next one."""
        await self._arrived.wait()
        self._arrived.clear()

    @contextlib.contextmanager
    def muted(self) -> "Generator[None]":
        """Ctrl-C is somebody else's while the block runs."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def _arrive(self) -> None:
        if not self._muted:
            self._arrived.set()

    @classmethod
    @contextlib.contextmanager
    def caught(cls, *signals: signal.Signals) -> "Generator[Interrupts]":
        """Catch the signals while the block runs."""
        interrupts, loop = cls(), asyncio.get_running_loop()
        for each in signals:
            loop.add_signal_handler(each, interrupts._arrive)
        try:
            yield interrupts
        finally:
            for each in signals:
                loop.remove_signal_handler(each)


class Following:
    """A run that is being watched and shown.

    Attributes:
        view: What shows it.
        run_id: Its id.
        connection: Where it is.
    """

    def __init__(self, connection: "Connection", run_id: str, view: View) -> None:
        self.view = view
        self.run_id = run_id
        self.connection = connection
        self._sight: Sight | None = None
        self._below: tuple[Question, ...] = ()
        self._news = asyncio.Event()
        self._dealt_with: set[tuple[str, str]] = set()
        self._watching = asyncio.create_task(self._watch(connection, run_id))
        self._looking = asyncio.create_task(self._look_below())
        self._ticking = asyncio.create_task(self._tick())

    @property
    def record(self) -> "RunRecord | None":
        """What was seen last."""
        return self._sight.record if self._sight is not None else None

    async def until(
        self, interrupts: Interrupts, seconds: float | None = None, *, questions: bool = False
    ) -> Why:
        """Wait for the run's end, an interrupt, or the end of patience, whichever is first.

        Args:
            interrupts: What interrupts it.
            seconds: The patience; None for ever.
            questions: Whether a question that the run asks ends the waiting, too.

        Raises:
            RunNotFoundError: There is no such run.
            ConnectionFailedError: Temporal did not answer for long.
        """
        interrupted = asyncio.create_task(interrupts.next())
        ours = {self._watching, self._looking}
        waiting_for: set[asyncio.Task[None]] = {*ours, interrupted}
        asked = asyncio.create_task(self._until_asked()) if questions else None
        waiting_for |= {asked} if asked else set()
        try:
            await asyncio.wait(waiting_for, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if self._watching.done():
                await self._watching
                return "ended"
            if self._looking.done():
                await self._looking
            if interrupted.done():
                return "interrupted"
            return "asked" if asked is not None and asked.done() else "timeout"
        finally:
            for task in waiting_for - ours:
                task.cancel()

    def question(self) -> "Question | None":
        """What the run, or one under it, waits for and nobody here has dealt with; each is given once."""
        for question in self._open():
            self._dealt_with.add((question.run, question.awaiting.id))
            return question
        return None

    async def until_decided(self, question: "Question") -> None:
        """Wait until nobody waits for this any more."""
        while any(
            (each.run, each.awaiting.id) == (question.run, question.awaiting.id) for each in self._asked()
        ):
            await self._next_sight()

    async def close(self) -> None:
        """Stop watching."""
        tasks = (self._watching, self._looking, self._ticking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, connection: "Connection", run_id: str) -> None:
        from ark_temporal.runs.watch import watch

        async with contextlib.aclosing(watch(connection, run_id, notice=self.view.notice)) as sights:
            async for sight in sights:
                if sight.record.ended:
                    self._below = ()
                self._show(dataclasses.replace(sight, below=self._below))

    async def _look_below(self) -> None:
        """Look again and again what runs under this one ask, while there may be such runs at work."""
        from ark_temporal.runs.questions import may_have_open_children

        look = self._look()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._sight is None or self._sight.record.ended:
                continue
            found = await look() if may_have_open_children(self._sight.record) else ()
            if found is not None and found != self._below and not self._sight.record.ended:
                self._below = found
                self._show(dataclasses.replace(self._sight, below=found))

    def _look(self) -> "Callable[[], Awaitable[tuple[Question, ...] | None]]":
        """How to look once; None is said where Temporal does not answer."""
        from temporalio.service import RPCError, RPCStatusCode

        from ark_temporal.runs.connection import ConnectionFailedError
        from ark_temporal.runs.inbox import RunsBelow

        below, told = RunsBelow(self.connection, self.run_id), False

        async def look() -> "tuple[Question, ...] | None":
            nonlocal told
            try:
                return tuple(await below.look())
            except ConnectionFailedError:  # the watch tells of an outage, and gives up when it lasts
                return None
            except RPCError as error:
                if error.status == RPCStatusCode.INVALID_ARGUMENT and not told:
                    told = True
                    self.view.notice(
                        "This Temporal cannot search for runs by the run above them: what such runs ask is "
                        f"not shown here ({error.message})."
                    )
                return None

        return look

    def _show(self, sight: "Sight") -> None:
        self._sight = sight
        self.view.show(sight)
        self._news.set()
        self._news = asyncio.Event()

    def _asked(self) -> "list[Question]":
        from ark_temporal.runs.questions import questions_of

        return [*questions_of(self.record), *self._below] if self.record is not None else []

    def _open(self) -> "list[Question]":
        return [each for each in self._asked() if (each.run, each.awaiting.id) not in self._dealt_with]

    async def _until_asked(self) -> None:
        while not self._open():
            await self._next_sight()

    async def _next_sight(self) -> None:
        await self._news.wait()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self.view.tick()


@contextlib.asynccontextmanager
async def following(connection: "Connection", run_id: str, view: View) -> AsyncGenerator[Following]:
    """Watch and show a run while the block runs."""
    watched = Following(connection, run_id, view)
    try:
        yield watched
    finally:
        await watched.close()


async def follow_submitted(
    connection: "Connection",
    options: "ConnectOptions",
    run_id: str,
    output: Output,
    *,
    seconds: float | None = None,
    view: View | None = None,
    wait: bool = True,
) -> ExitCode:
    """Follow a run that lives on without us, and write what it came to.

    Ctrl-C detaches; on a terminal, another one soon after cancels the run.

    Args:
        connection: Where the run is.
        options: How that was found, for the command that comes back to it.
        run_id: Its id.
        output: How, and where to, the result is written.
        seconds: How long to watch; None to the end.
        view: What shows it; None takes the one for the output.
        wait: Whether to wait for people to decide.
    """
    from ark_temporal.runs.end import cancel_run
    from cli.questions import Questions

    asks = view is None and output.format != "jsonl"
    view = view or view_for(output.format, connection.run_url(run_id))
    questions = Questions(options, asks=asks and wait, tells=output.format != "jsonl", leaves=True, wait=wait)
    with Interrupts.caught(signal.SIGINT) as interrupts:
        async with following(connection, run_id, view) as watched:
            why = await questions.until_ended(watched, interrupts, seconds)
            if why == "interrupted":
                why = await _detach(watched, interrupts, come_back(run_id, options))
            if why == "interrupted":
                await cancel_run(connection, run_id)
                view.notice("Cancelling the run ...")
                why = await watched.until(interrupts)
            elif why == "timeout":
                view.notice(f"Watched for {seconds:g} s; the run goes on: {come_back(run_id, options)}.")
    view.end(watched.record)
    if watched.record is None or why != "ended":
        if watched.record is not None and output.format == "json":
            write_record(output, watched.record)
        return ExitCode.WAITING if why == "asked" else ExitCode.GOES_ON
    write_record(output, watched.record)
    return exit_code(watched.record)


async def _detach(watched: Following, interrupts: Interrupts, command: str) -> Why:
    """Say that we detach, and how to come back; on a terminal, wait for another Ctrl-C, which means more."""
    told = f"Detached; the run goes on. Come back with {command}"
    if not sys.stderr.isatty():
        watched.view.notice(f"{told}.")
        return "detached"
    watched.view.notice(f"{told}; Ctrl-C again within {SECOND_CHANCE_SECONDS:.0f} s cancels it.")
    why = await watched.until(interrupts, SECOND_CHANCE_SECONDS)
    return "detached" if why == "timeout" else why


class QuietView:
    """Shows nothing but notices, for commands that print only a result."""

    def show(self, sight: object) -> None:
        """Something changed."""

    def tick(self) -> None:
        """Time has passed."""

    def hold(self) -> None:
        """Leave the terminal to somebody else."""

    def release(self) -> None:
        """Take it back."""

    def notice(self, text: str) -> None:
        """Say something about the watching."""
        say(text, "yellow")

    def end(self, record: object) -> None:
        """The run's end is the result's business."""
