"""Running Python tools: within their time, in threads where they block, with their prints out of the way."""

import asyncio
import contextvars
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, TextIO, cast

from ark_temporal.tools.types import ToolError

_log = logging.getLogger(__name__)

_GRACE_SECONDS: Final = 2.0
"""How long a tool that is stopped may take to clean up."""

_in_tool: ContextVar[bool] = ContextVar("in_tool", default=False)
_left_behind: set[asyncio.Task[Any]] = set()


class Failure:
    """What a tool raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Runner:
    """Runs functions, each in its own time, and no more of those that block than there are threads."""

    def __init__(self, max_threads: int) -> None:
        self._max_threads = max_threads
        self._threads = asyncio.Semaphore(max_threads)

    async def run(
        self, name: str, function: Callable[..., Any], values: Mapping[str, Any], seconds: float
    ) -> object:
        """What a function returned, or a `Failure`.

        Raises:
            ToolError: `ToolTimeout`.
        """
        _route_prints()
        started = asyncio.Event()
        work = asyncio.create_task(self._outcome(name, function, values, started))
        try:
            done, _ = await asyncio.wait({work}, timeout=seconds)
        except asyncio.CancelledError:
            await _stop(work, name)
            raise
        if done:
            return work.result()
        await _stop(work, name)
        if not started.is_set():
            raise ToolError(
                "ToolTimeout",
                f'The tool "{name}" could not start within {seconds:g} seconds: all {self._max_threads} '
                "threads of this worker's Python tools are busy.",
                sent=False,
                retryable=True,
            )
        raise ToolError(
            "ToolTimeout",
            f'The tool "{name}" took longer than its {seconds:g} seconds.',
            sent=True,
            retryable=True,
        )

    async def _outcome(
        self, name: str, function: Callable[..., Any], values: Mapping[str, Any], started: asyncio.Event
    ) -> object:
        _in_tool.set(True)
        try:
            if inspect.iscoroutinefunction(function):
                started.set()
                return await function(**values)
            result = await self._in_thread(name, lambda: function(**values), started)
            # A decorator may hide that a function is asynchronous.
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Failure(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the tool's own
            return Failure(error)

    async def _in_thread(self, name: str, function: Callable[[], Any], started: asyncio.Event) -> object:
        loop = asyncio.get_running_loop()
        finished: asyncio.Future[object] = loop.create_future()
        await self._threads.acquire()
        started.set()

        def finish(outcome: object) -> None:
            self._threads.release()
            if not finished.done():
                finished.set_result(outcome)

        def work() -> None:
            try:
                outcome = function()
            except BaseException as error:  # noqa: BLE001 - the tool's own
                outcome = Failure(error)
            try:
                loop.call_soon_threadsafe(finish, outcome)
            except RuntimeError:
                _log.info('The tool "%s" ended after its worker had.', name)

        # A daemon, which a pool's threads are not: a tool that hangs must not keep the process from ending.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), name=f"tool-{name}", daemon=True).start()
        return await finished


async def _stop(work: "asyncio.Task[object]", name: str) -> None:
    """Cancel, wait a little, and leave behind what does not end."""
    work.cancel()
    done, _ = await asyncio.wait({work}, timeout=_GRACE_SECONDS)
    if not done:
        _log.warning('The tool "%s" goes on although it was cancelled.', name)
        _left_behind.add(work)
        work.add_done_callback(_left_behind.discard)


class _RoutedOutput:
    """Standard output for all but tools, whose prints go to standard error: results are on the former."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _in_tool.get() else self._stream, name)


def _route_prints() -> None:
    stream = cast("TextIO | _RoutedOutput | None", sys.stdout)
    if stream is not None and not isinstance(stream, _RoutedOutput):
        sys.stdout = cast(TextIO, _RoutedOutput(stream))
