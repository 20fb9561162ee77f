"""Conversations, as workers know them: what was said travels once, and is looked up after.

A model call names the call before it. What that one asked, what its model answered and what its tools brought
stands in the run's history already. A worker that did that work itself still has it in memory; another worker
reads it from Temporal.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from ark_temporal.plan.calls import ModelCall, ModelOutcome, ToolInvocation, ToolList, ToolOutcome
from ark_temporal.plan.conversation import Turn
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.names import MODEL_ACTIVITY, TOOL_ACTIVITY, TOOLS_ACTIVITY

MAX_CHARS = 64 * 1024 * 1024
"""What a worker keeps in memory of conversations; the run that was used longest ago leaves first."""

_ENTRY_CHARS, _SCHEMA_CHARS = 500, 500
"""What an entry, and a tool's schema, take beside their text."""

Result = ModelOutcome | ToolOutcome | ToolList

_RESULTS: Mapping[str, type[Result]] = {
    MODEL_ACTIVITY: ModelOutcome,
    TOOL_ACTIVITY: ToolOutcome,
    TOOLS_ACTIVITY: ToolList,
}


@dataclass(frozen=True)
class RunKey:
    """One execution of a workflow."""

    workflow_id: str
    run_id: str

    @classmethod
    def current(cls) -> "RunKey":
        """That of the activity in which this is asked."""
        info = activity.info()
        return cls(info.workflow_id or "", info.workflow_run_id or "")


@dataclass(frozen=True)
class Conversation:
    """What came before a model call.

    Attributes:
        first: The conversation's first call, which says who is asked, and how.
        turns: The calls before this one, with their answers and what their tools brought.
        tools: The tools that were discovered, in the order in which the first call names them.
    """

    first: ModelCall
    turns: tuple[Turn, ...] = ()
    tools: tuple[ToolList, ...] = ()


@dataclass
class _Known:
    """What is known of one run, by activity id."""

    calls: dict[str, ModelCall] = field(default_factory=dict[str, ModelCall])
    results: dict[str, Result] = field(default_factory=dict[str, Result])
    by_turn: dict[tuple[str, int], ToolOutcome] = field(default_factory=dict[tuple[str, int], ToolOutcome])
    chars: int = 0


class _MissingError(Exception):
    """Something is not known on this worker."""


class Transcripts:
    """The conversations of the runs that this worker works on."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: OrderedDict[RunKey, _Known] = OrderedDict()
        self._chars = 0

    def note_call(self, run: RunKey, call: ModelCall, outcome: ModelOutcome) -> None:
        """Remember a model call and its answer, if the conversation is likely to go on."""
        if not (outcome.tool_calls or outcome.problems or call.previous):
            return
        known = self._known(run)
        known.calls[call.id] = call
        known.results[call.id] = outcome
        self._weigh(known, len(call.prompt) + len(call.feedback) + len(outcome.text))

    def note_tool(self, run: RunKey, model_call: str, index: int, outcome: ToolOutcome) -> None:
        """Remember what a tool brought."""
        known = self._known(run)
        known.by_turn[model_call, index] = outcome
        self._weigh(known, len(outcome.content))

    def note_tools(self, run: RunKey, id: str, found: ToolList) -> None:
        """Remember which tools were discovered."""
        known = self._known(run)
        known.results[id] = found
        self._weigh(known, sum(len(tool.description) + _SCHEMA_CHARS for tool in found.tools))

    async def conversation(self, run: RunKey, call: ModelCall) -> Conversation:
        """What came before a call.

        Raises:
            ApplicationError: The run's history does not hold it.
            RPCError: Temporal does not answer.
        """
        if not call.previous and not call.tool_lists:
            return Conversation(first=call)
        try:
            return _put_together(self._known(run), call)
        except _MissingError:
            await self._read(run)
        try:
            return _put_together(self._known(run), call)
        except _MissingError as missing:
            raise ApplicationError(
                f'What came before model call "{call.id}" is not in the history of its run: {missing}.',
                type="ConversationMissing",
                non_retryable=True,
            ) from None

    def _known(self, run: RunKey) -> _Known:
        known = self._runs.setdefault(run, _Known())
        self._runs.move_to_end(run)
        return known

    def _weigh(self, known: _Known, chars: int) -> None:
        chars += _ENTRY_CHARS
        known.chars += chars
        self._chars += chars
        while self._chars > MAX_CHARS and len(self._runs) > 1:
            _, dropped = self._runs.popitem(last=False)
            self._chars -= dropped.chars

    async def _read(self, run: RunKey) -> None:
        """Take in all that the run's history says."""
        known = self._known(run)
        handle = self._client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
        scheduled: dict[int, HistoryEvent] = {}
        async for event in handle.fetch_history_events():
            match event.event_type:
                case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                    await self._take_start(known, event)
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    scheduled[event.event_id] = event
                case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                    done = event.activity_task_completed_event_attributes
                    await self._take_result(known, scheduled.pop(done.scheduled_event_id), event)
                case _:
                    pass

    async def _take_start(self, known: _Known, event: HistoryEvent) -> None:
        """What a run that continued as new brought along."""
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        [start] = await self._client.data_converter.decode(payloads, [PipelineInput])
        if not isinstance(start, PipelineInput) or start.state is None:
            return
        known.results.update(start.state.lists)
        for loop in start.state.loops:
            for turn in loop.turns:
                known.calls[turn.call.id] = turn.call
                known.results[turn.call.id] = turn.outcome
                for index, result in enumerate(turn.results):
                    if result is not None:
                        known.by_turn[turn.call.id, index] = result

    async def _take_result(self, known: _Known, scheduled: HistoryEvent, done: HistoryEvent) -> None:
        asked = scheduled.activity_task_scheduled_event_attributes
        kind = _RESULTS.get(asked.activity_type.name)
        if kind is None or asked.activity_id in known.results:
            return
        converter = self._client.data_converter
        payloads = done.activity_task_completed_event_attributes.result.payloads
        [result] = await converter.decode(payloads, [kind])
        if kind is ModelOutcome:
            [call] = await converter.decode(asked.input.payloads, [ModelCall])
            known.calls[call.id] = call
            known.results[call.id] = result
        elif kind is ToolOutcome:
            [call] = await converter.decode(asked.input.payloads, [ToolInvocation])
            known.by_turn[call.model_call, call.index] = result
        else:
            known.results[asked.activity_id] = result


def _put_together(known: _Known, call: ModelCall) -> Conversation:
    turns: list[Turn] = []
    first, following = call, call
    while first.previous:
        before = known.calls.get(first.previous)
        outcome = known.results.get(first.previous)
        if before is None or not isinstance(outcome, ModelOutcome):
            raise _MissingError(f'model call "{first.previous}"')
        turns.append(Turn(call=before, outcome=outcome, results=_results(known, before, outcome, following)))
        first = following = before
    tools: list[ToolList] = []
    for id in first.tool_lists:
        found = known.results.get(id)
        if not isinstance(found, ToolList):
            raise _MissingError(f'tools of "{id}"')
        tools.append(found)
    return Conversation(first=first, turns=tuple(reversed(turns)), tools=tuple(tools))


def _results(
    known: _Known, call: ModelCall, outcome: ModelOutcome, following: ModelCall
) -> tuple[ToolOutcome | None, ...]:
    given = {one.index for one in following.results}
    results: list[ToolOutcome | None] = []
    for index in range(len(outcome.tool_calls)):
        result = None if index in given else known.by_turn.get((call.id, index))
        if result is None and index not in given:
            raise _MissingError(f'tool call {index + 1} of model call "{call.id}"')
        results.append(result)
    return tuple(results)
