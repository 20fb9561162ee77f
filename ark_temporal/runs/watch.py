"""Reading a run's record once, and following it to its end."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ark_temporal.plan.record import RunRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.history import HistoryReader
from ark_temporal.runs.pending import Waiting, look_at_pending
from ark_temporal.runs.questions import Question

if TYPE_CHECKING:
    from temporalio.service import RPCError

RECONNECT_SECONDS = 2.0
LOST_AFTER_SECONDS = 300.0
"""How long a watch waits for a Temporal that does not answer."""

_LOOK_SECONDS = 2.0
"""How often to ask about retries, which are no events of a history."""

_NOTHING = Waiting()


@dataclass(frozen=True)
class Sight:
    """What can be seen of a run at one moment.

    Attributes:
        record: The run's record; it keeps changing, so read what you need at once.
        waiting: What keeps calls waiting now.
        below: What runs under it wait for people to decide, where somebody looked.
    """

    record: RunRecord
    waiting: Waiting = _NOTHING
    below: tuple[Question, ...] = ()


async def read_record(connection: Connection, run_id: str) -> RunRecord:
    """A run's record as of now.

    Raises:
        RunNotFoundError: There is no such run.
        ConnectionFailedError: Temporal does not answer.
        HistoryError: It is another kind of workflow.
    """
    from temporalio.service import RPCError

    reader = HistoryReader(run_id, connection.client.data_converter)
    try:
        await _read(connection, reader, "")
        while reader.continued_as:  # just now: the latest execution was asked for
            after, reader = reader.continued_as, HistoryReader(run_id, connection.client.data_converter)
            await _read(connection, reader, after)
    except RPCError as error:
        raise _explain(run_id, error) from None
    return reader.record


async def watch(
    connection: Connection, run_id: str, *, notice: Callable[[str], None]
) -> AsyncGenerator[Sight]:
    """Follow a run to its end: a sight whenever something changed, the last one with the ended record.

    Args:
        connection: Where the run is.
        run_id: Its workflow id.
        notice: Is told, in a sentence, when Temporal is lost and when it is back.

    Raises:
        RunNotFoundError: There is no such run.
        ConnectionFailedError: Temporal did not answer for five minutes.
        HistoryError: It is another kind of workflow.
    """
    from temporalio.service import RPCError

    lost_at: float | None = None
    clock = asyncio.get_running_loop().time
    while True:
        try:
            async for sight in _follow(connection, run_id):
                if lost_at is not None:
                    notice("Temporal is back.")
                    lost_at = None
                yield sight
            return
        except RPCError as error:
            if not _is_outage(error):
                raise _explain(run_id, error) from None
            if lost_at is None:
                lost_at = clock()
                notice(f"Temporal at {connection.address} does not answer; the run goes on. Trying again ...")
            elif clock() - lost_at > LOST_AFTER_SECONDS:
                raise _explain(run_id, error) from None
            await asyncio.sleep(RECONNECT_SECONDS)


async def _follow(connection: Connection, run_id: str) -> AsyncGenerator[Sight]:
    """One stay with the server, from the beginning of the history to the end of the run."""
    execution = ""
    while True:
        reader = HistoryReader(run_id, connection.client.data_converter)
        async for sight in _follow_execution(connection, reader, execution):
            yield sight
        if not reader.continued_as:
            yield Sight(reader.record)
            return
        execution = reader.continued_as


async def _follow_execution(
    connection: Connection, reader: HistoryReader, execution: str
) -> AsyncGenerator[Sight]:
    """Sights of one execution, without that of its end."""
    changed = asyncio.Event()
    reading = asyncio.create_task(_read(connection, reader, execution, changed))
    waiting = _NOTHING
    try:
        while True:
            news = asyncio.create_task(changed.wait())
            await asyncio.wait({reading, news}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if reading.done():
                break
            if changed.is_set():
                changed.clear()
                waiting = _NOTHING
            else:
                seen = await look_at_pending(connection, reader.run_id)
                if seen == waiting:
                    continue
                waiting = seen
            if reader.begun and not reader.record.ended:
                yield Sight(reader.record, waiting)
        await reading
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(
    connection: Connection, reader: HistoryReader, execution: str, changed: asyncio.Event | None = None
) -> None:
    """Feed an execution's history to a reader.

    Args:
        connection: Where it is.
        reader: What it is fed to.
        execution: Which one; empty for the latest.
        changed: Is set whenever there is more; None reads only what there is now.
    """
    handle = connection.client.get_workflow_handle(reader.run_id, run_id=execution or None)
    pages = handle.fetch_history_events(wait_new_event=changed is not None)
    while True:
        await pages.fetch_next_page()
        for event in pages.current_page or ():
            await reader.feed(event)
        reader.settle()
        if changed is not None:
            changed.set()
        if not pages.next_page_token:
            return


def _is_outage(error: "RPCError") -> bool:
    from temporalio.service import RPCStatusCode

    return error.status in (
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.UNKNOWN,
    )


def _explain(run_id: str, error: "RPCError") -> Exception:
    from temporalio.service import RPCStatusCode

    if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
        return RunNotFoundError(
            f'There is no run "{run_id}" on this Temporal. `ark-temporal runs list` shows what there is.'
        )
    return ConnectionFailedError(f"Temporal does not answer: {error.message}.")
