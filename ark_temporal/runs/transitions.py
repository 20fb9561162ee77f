"""What happens in a run, one thing after the other, each under an id that it has for everybody and for ever.

The ids come from the history: who reads it again finds the same, and can go on where they were.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, JsonValue
from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.plan.record import Awaiting, RunRecord, StepRecord
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.event_json import started_json, step_json
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.history import WRITTEN_WITH_TASK, HistoryReader

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistoryEventAsyncIterator

_GONE = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
_ID = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,9})\.([0-9]{1,9})")


@dataclass(frozen=True, order=True)
class Mark:
    """The id of a transition.

    Attributes:
        execution: The Temporal run id of the execution that it is in.
        event: The history event that brought it about.
        number: Which of several of that event it is.
    """

    execution: str
    event: int
    number: int

    def __str__(self) -> str:
        return f"{self.execution}.{self.event}.{self.number}"


@dataclass(frozen=True)
class Transition:
    """Something that happened.

    Attributes:
        name: `started`, `step`, `tool`, `awaiting`, `decided`, `paused`, `resumed` or `ended`.
        data: What there is to say about it, as JSON.
    """

    mark: Mark
    name: str
    data: dict[str, JsonValue]


def parse_mark(text: str) -> Mark | None:
    """The mark that was written so; None where it is none."""
    found = _ID.fullmatch(text.strip())
    return Mark(found[1], int(found[2]), int(found[3])) if found else None


async def transitions(
    connection: Connection, run_id: str, after: Mark | None = None
) -> AsyncGenerator[Transition]:
    """What happens in a run, to its end; of its continued executions as of one.

    Args:
        connection: Where the run is.
        run_id: Its workflow id.
        after: Where to go on; a mark that the run does not have begins at the beginning.

    Raises:
        RunNotFoundError: There is no such run.
        ConnectionFailedError: Temporal does not answer.
        HistoryError: It is another kind of workflow.
    """
    execution, whole = await _beginning(connection, run_id, after)
    if after is not None and execution != after.execution:
        after = None
    while execution:
        reader = HistoryReader(run_id, connection.client.data_converter)
        async for transition in _Reading(reader, execution, whole).follow(connection):
            if after is None or transition.mark > after:
                yield transition
        execution, whole, after = reader.continued_as, False, None


async def _beginning(connection: Connection, run_id: str, after: Mark | None) -> tuple[str, bool]:
    """Where to begin, and whether nobody was told of anything before.

    That is the execution of the mark if the run has it; else its first, or what retention has left of it.
    """
    try:
        latest = await connection.client.get_workflow_handle(run_id).describe()
        first = latest.raw_description.workflow_execution_info.first_run_id or latest.run_id or ""
        if after is not None and await _has(connection, run_id, after.execution):
            return after.execution, after.execution == first or after.event == 1
        if await _has(connection, run_id, first):
            return first, True
    except RPCError as error:
        raise _explain(run_id, error) from None
    return latest.run_id or "", True


async def _has(connection: Connection, run_id: str, execution: str) -> bool:
    try:
        await connection.client.get_workflow_handle(run_id, run_id=execution).describe()
    except RPCError as error:
        if error.status not in _GONE:
            raise
        return False
    return True


@dataclass
class _Reading:
    """Reads one execution.

    Attributes:
        whole: Whether all of it is news; else what it begins with was told before.
    """

    reader: HistoryReader
    execution: str
    whole: bool
    _told: "_Told" = field(default_factory=lambda: _Told())
    _begun: bool = False
    _task: int = 0
    _event: int = 0
    _number: int = 0

    async def follow(self, connection: Connection) -> AsyncGenerator[Transition]:
        """All transitions of the execution, waiting for those to come."""
        handle = connection.client.get_workflow_handle(self.reader.run_id, run_id=self.execution)
        pages = handle.fetch_history_events(wait_new_event=True)
        while True:
            try:
                await pages.fetch_next_page()
            except RPCError as error:
                raise _explain(self.reader.run_id, error) from None
            async for transition in self._page(pages):
                yield transition
            if not pages.next_page_token:
                return
            await asyncio.sleep(0)

    async def _page(self, pages: "WorkflowHistoryEventAsyncIterator") -> AsyncGenerator[Transition]:
        """What a page tells. What a workflow task did counts as of its end, however pages are cut."""
        for event in pages.current_page or ():
            if event.event_type not in WRITTEN_WITH_TASK:
                self.reader.settle()
                for transition in self._since(self._task):
                    yield transition
            await self.reader.feed(event)
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self._task = event.event_id
            else:
                for transition in self._since(event.event_id):
                    yield transition
        self.reader.settle()
        for transition in self._since(self._task):
            yield transition

    def _since(self, event: int) -> Iterator[Transition]:
        """What is new because of an event."""
        if not self.reader.begun:
            return
        if event != self._event:
            self._event, self._number = event, 0
        record = self.reader.record
        if not self._begun:
            self._begun = True
            if not self.whole:
                list(self._told.since(record))
            else:
                yield self._transition("started", started_json(record))
        for name, data in self._told.since(record):
            yield self._transition(name, data)

    def _transition(self, name: str, data: dict[str, JsonValue]) -> Transition:
        self._number += 1
        return Transition(Mark(self.execution, self._event, self._number), name, data)


@dataclass
class _Told:
    """What was told of a record, so that each thing is told once."""

    _steps: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _calls: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    _first: dict[str, int] = field(default_factory=dict[str, int])
    _asked: dict[str, Awaiting] = field(default_factory=dict[str, Awaiting])
    _paused: bool = False
    _ended: bool = False

    def since(self, record: RunRecord) -> Iterator[tuple[str, dict[str, JsonValue]]]:
        """What is new, by name."""
        asked = {each.id: each for each in record.awaiting}
        for id, past in self._asked.items():  # in the order of the record: others must find the same
            if id not in asked:
                yield "decided", {"id": id, "step": past.step}
        for step in record.steps:
            yield from self._of_step(step)
        for id, awaiting in asked.items():
            if id not in self._asked or awaiting.digest != self._asked[id].digest:
                yield "awaiting", {**_json(awaiting), "decisions": list(awaiting.decisions)}
        self._asked = asked
        if (paused := record.paused_since is not None and not record.ended) != self._paused:
            self._paused = paused
            if not record.ended:
                yield ("paused" if paused else "resumed"), {}
        if record.ended and not self._ended:
            self._ended = True
            yield "ended", _ended(record)

    def _of_step(self, step: StepRecord) -> Iterator[tuple[str, dict[str, JsonValue]]]:
        now = (step.phase, step.iterations)
        changed = now != self._steps.get(step.name, ("Pending", 0))
        self._steps[step.name] = now
        if changed and step.phase == "Running":
            yield "step", step_json(step)
        told = self._calls.setdefault(step.name, set())
        first = self._first.get(step.name, 0)
        for call in step.tool_calls[first:]:
            if call.completion_time is not None and call.id not in told:
                told.add(call.id)
                yield "tool", {"step": step.name, **_json(call)}
        while first < len(step.tool_calls) and step.tool_calls[first].id in told:
            told.discard(step.tool_calls[first].id)
            first += 1
        self._first[step.name] = first
        if changed and step.phase != "Running":
            yield "step", step_json(step)


def _ended(record: RunRecord) -> dict[str, JsonValue]:
    return record.model_dump(mode="json", by_alias=True, exclude={"steps", "input", "decisions", "awaiting"})


def _json(model: BaseModel) -> dict[str, JsonValue]:
    return model.model_dump(mode="json", by_alias=True)


def _explain(run_id: str, error: RPCError) -> Exception:
    if error.status in _GONE:
        return RunNotFoundError(f'There is no run "{run_id}" on this Temporal.')
    return ConnectionFailedError(f"Temporal does not answer: {error.message}.")
