"""Following a run: to its end, until Ctrl-C, or for as long as there is patience."""

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Literal

from cli.exit_codes import ExitCode, exit_code
from cli.output import Output, write_record
from cli.progress import View, view_for
from cli.terminal import say

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.connection import Connection, ConnectOptions

SECOND_CHANCE_SECONDS = 3.0
"""How long after detaching another Ctrl-C cancels the run."""

_TICK_SECONDS = 0.2

Why = Literal["ended", "interrupted", "timeout", "detached"]


class Interrupts:
    """Ctrl-C as something to wait for, instead of an exception that comes from anywhere."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()

    async def next(self) -> None:
        """Wait for the next one."""
        await self._arrived.wait()
        self._arrived.clear()

    @classmethod
    @contextlib.contextmanager
    def caught(cls, *signals: signal.Signals) -> "Generator[Interrupts]":
        """Catch the signals while the block runs."""
        interrupts, loop = cls(), asyncio.get_running_loop()
        for each in signals:
            loop.add_signal_handler(each, interrupts._arrived.set)
        try:
            yield interrupts
        finally:
            for each in signals:
                loop.remove_signal_handler(each)


class Following:
    """A run that is being watched and shown.

    Attributes:
        record: What was seen last.
        view: What shows it.
    """

    def __init__(self, connection: "Connection", run_id: str, view: View) -> None:
        self.record: RunRecord | None = None
        self.view = view
        self._watching = asyncio.create_task(self._watch(connection, run_id))
        self._ticking = asyncio.create_task(self._tick())

    async def until(self, interrupts: Interrupts, seconds: float | None = None) -> Why:
        """Wait for the run's end, an interrupt, or the end of patience, whichever is first.

        Raises:
            RunNotFoundError: There is no such run.
            ConnectionFailedError: Temporal did not answer for long.
        """
        interrupted = asyncio.create_task(interrupts.next())
        try:
            await asyncio.wait(
                {self._watching, interrupted}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            interrupted.cancel()
        if self._watching.done():
            await self._watching
            return "ended"
        return "interrupted" if interrupted.done() and not interrupted.cancelled() else "timeout"

    async def close(self) -> None:
        """Stop watching."""
        tasks = (self._watching, self._ticking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, connection: "Connection", run_id: str) -> None:
        from ark_temporal.runs.watch import watch

        async with contextlib.aclosing(watch(connection, run_id, notice=self.view.notice)) as sights:
            async for sight in sights:
                self.record = sight.record
                self.view.show(sight)

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
    """
    view = view or view_for(output.format, connection.run_url(run_id))
    with Interrupts.caught(signal.SIGINT) as interrupts:
        async with following(connection, run_id, view) as watched:
            why = await watched.until(interrupts, seconds)
            if why == "interrupted":
                why = await _detach(watched, interrupts, come_back(run_id, options))
            if why == "interrupted":
                await ask_to_cancel(connection, run_id)
                view.notice("Cancelling the run ...")
                why = await watched.until(interrupts)
            elif why == "timeout":
                view.notice(f"Watched for {seconds:g} s; the run goes on: {come_back(run_id, options)}.")
    view.end(watched.record)
    if watched.record is None or why != "ended":
        if watched.record is not None and output.format == "json":
            write_record(output, watched.record)
        return ExitCode.GOES_ON
    write_record(output, watched.record)
    return exit_code(watched.record)


async def ask_to_cancel(connection: "Connection", run_id: str) -> None:
    """Ask a run to stop; one that has just ended needs no asking."""
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await connection.client.get_workflow_handle(run_id).cancel()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


def come_back(run_id: str, options: "ConnectOptions") -> str:
    """The command that watches a run again."""
    words = ["ark-temporal", "runs", "watch", run_id]
    for option, value in (
        ("--address", options.address),
        ("--namespace", options.namespace),
        ("--profile", options.profile),
    ):
        words += [option, value] if value else []
    return f"`{shlex.join(words)}`"


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

    def notice(self, text: str) -> None:
        """Say something about the watching."""
        say(text, "yellow")

    def end(self, record: object) -> None:
        """The run's end is the result's business."""
