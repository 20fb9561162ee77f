"""What holds for every agent with tools in every world."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings

from ark_temporal.llm.types import Message
from ark_temporal.plan.calls import Event, ModelCall, ModelOutcome, Request, ToolInvocation, ToolOutcome
from ark_temporal.plan.conversation import Turn, to_messages
from ark_temporal.plan.judging import SCHEMA_REPAIRS
from ark_temporal.plan.model import Plan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.start import PipelineInput
from tests.unit.plan.driving import START
from tests.unit.plan.tool_worlds import (
    CALM,
    MEMORY,
    SERVERS,
    TOOLS,
    Move,
    decision,
    outcome,
    plans,
    team,
    worlds,
)

ROUNDS = 2
"""The most iterations that a step of these plans has."""

CALM_MOVES = 100
"""More than any of these plans needs in a world in which all goes well."""


class Execution:
    """What one execution's history holds: all that a worker can look up in it."""

    def __init__(self, start: PipelineInput) -> None:
        self.calls: dict[str, ModelCall] = {}
        self.answers: dict[str, ModelOutcome] = {}
        self.results: dict[tuple[str, int], ToolOutcome] = {}
        for loop in start.state.loops if start.state else ():
            for turn in loop.turns:
                self.calls[turn.call.id], self.answers[turn.call.id] = turn.call, turn.outcome
                found = ((index, result) for index, result in enumerate(turn.results) if result)
                self.results.update(((turn.call.id, index), result) for index, result in found)

    def note(self, request: Request, event: Event) -> None:
        if isinstance(request, ModelCall) and isinstance(event, ModelOutcome):
            self.calls[request.id], self.answers[request.id] = request, event
        elif isinstance(request, ToolInvocation) and isinstance(event, ToolOutcome):
            self.results[request.model_call, request.index] = event

    def messages(self, call: ModelCall) -> tuple[Message, ...]:
        """What a model is told; fails where a piece of it cannot be found."""
        turns: list[Turn] = []
        following = call
        while following.previous:
            before, answer = self.calls[following.previous], self.answers[following.previous]
            given = {one.index for one in following.results}
            results = (
                None if index in given else self.results[before.id, index]
                for index in range(len(answer.tool_calls))
            )
            turns.insert(0, Turn(call=before, outcome=answer, results=tuple(results)))
            following = before
        return to_messages(turns, call)


class Observed:
    """A run that is watched while a world answers it: what must hold at every moment is checked then.

    With `continues`, it continues as new where the world says so and nothing is under way. With `holds`, it
    first holds back what is due until nothing is under way, as a workflow does.
    """

    def __init__(self, plan: Plan, *, continues: bool = False, holds: bool = False) -> None:
        self.now = START
        self.requests: dict[str, Request] = {}
        self.told: dict[str, tuple[Message, ...]] = {}
        self.executions = 1
        self._plan = plan
        self._continues, self._holds = continues, holds
        self._holding = False
        self._keys: dict[str, tuple[str, int]] = {}
        self._begin(PipelineInput(plan=plan, input={"topic": "tides"}))

    @property
    def record(self) -> RunRecord:
        return self.progress.record

    def run(self, world: Sequence[Move]) -> "Observed":
        self._advance()
        moves = [*world, *[CALM] * CALM_MOVES]
        for move in moves:
            if self.record.ended:
                break
            self._move(move)
        assert self.record.ended, "the run goes on in a world in which all goes well"
        self._after_the_end()
        return self

    def _begin(self, start: PipelineInput) -> None:
        self._execution = Execution(start)
        self.progress = Progress.begin(start, run_id="desk-run-1", now=self.now)

    def _move(self, move: Move) -> None:
        events: list[tuple[str, Event]] = []
        for nth in range(1 + move.together):
            waited = self.record.awaiting
            open_now = [one for one in self.requests if one in self.progress.open_calls]
            taken = {id for id, _ in events}
            ids = [id for id in [*open_now, *(one.id for one in waited)] if id not in taken]
            if not ids:
                break
            id = ids[(move.pick + nth) % len(ids)]
            if id in open_now:
                event = outcome(self.requests[id], move)
                self._execution.note(self.requests[id], event)
            else:
                event = decision(next(one for one in waited if one.id == id), move)
            events.append((id, event))
        assert events, "a run that has not ended waits for nothing"
        self.now += timedelta(seconds=1)
        self.progress.take_in(events, self.now)
        self._holding = self._holding or (self._holds and move.continues)
        if (self._continues and move.continues) or self._holding:
            self._continue()
        self._advance()

    def _continue(self) -> None:
        """Continue as new, if nothing is under way: through JSON, as Temporal carries it."""
        if self.progress.open_calls and not self._holds:
            return
        assert self.progress.advance(self.now, hold=True) == []
        if self.record.ended or self.progress.open_calls:
            return
        before = PipelineInput(plan=self._plan, state=self.progress.state())
        self._begin(PipelineInput.model_validate_json(before.model_dump_json()))
        self.executions += 1
        self._holding = False

    def _advance(self) -> None:
        if self._holding:
            return
        for request in self.progress.advance(self.now):
            assert request.id not in self.requests, "a request's id came twice"
            self.requests[request.id] = request
            if isinstance(request, ToolInvocation):
                intended = (request.model_call, request.index)
                assert self._keys.setdefault(request.key, intended) == intended, "two calls share a key"
            elif isinstance(request, ModelCall):
                self.told[request.id] = self._execution.messages(request)
        assert self.record.ended or self._under_way() <= self.progress.open_calls

    def _under_way(self) -> set[str]:
        """Ids of the calls that the record shows as not done."""
        calls = [call for step in self.record.steps for call in (*step.calls, *step.tool_calls)]
        return {call.id for call in calls if call.completion_time is None}

    def _after_the_end(self) -> None:
        """Whatever still arrives changes nothing."""
        before = self.record.model_dump_json()
        self.progress.take_in([(id, outcome(one, CALM)) for id, one in self.requests.items()], self.now)
        assert self.progress.advance(self.now) == []
        assert self.record.model_dump_json() == before
        assert self.record.awaiting == []


@settings(max_examples=150, deadline=None)
@given(plans(), worlds)
def test_a_run_ends_within_its_bounds_and_its_record_is_sound(plan: Plan, world: list[Move]) -> None:
    record = Observed(plan).run(world).record
    for step in plan.steps:
        calls = record.step(step.name).calls
        asked = sum(call.purpose == "task" for call in calls)
        assert asked <= ROUNDS * plan.agents[step.role].max_turns
        assert sum(call.purpose == "repair" for call in calls) <= ROUNDS * max(1, SCHEMA_REPAIRS)
    if record.phase == "Succeeded":
        made = [call for step in record.steps for call in step.tool_calls]
        assert all(call.completion_time is not None for call in made)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


@settings(max_examples=150, deadline=None)
@given(plans(), worlds)
def test_a_run_that_continues_as_new_is_the_same_run(plan: Plan, world: list[Move]) -> None:
    whole, parts = Observed(plan).run(world), Observed(plan, continues=True).run(world)
    assert parts.requests == whole.requests
    assert parts.told == whole.told
    assert parts.record == whole.record


@settings(max_examples=150, deadline=None)
@given(plans(), worlds)
def test_a_run_that_holds_back_until_it_can_continue_ends_as_well(plan: Plan, world: list[Move]) -> None:
    observed = Observed(plan, holds=True).run(world)
    assert RunRecord.model_validate_json(observed.record.model_dump_json()) == observed.record


def test_what_was_due_when_a_run_continued_may_come_in_any_order() -> None:
    plan = team(("a", "clerk", ()), ("b", "runner", ("a",)), mcp_servers=SERVERS, memory=MEMORY)
    last, tools = replace(CALM, pick=-1), replace(CALM, kind="tools", calls=("one__read",))
    observed = Observed(plan, continues=True)
    record = observed.run([*[CALM] * 4, replace(CALM, continues=True), last, last, last, tools]).record
    assert (observed.executions, record.phase) == (2, "Succeeded")
    assert [call.result for call in record.step("b").tool_calls] == ["one__read did b#tool-1.1"]


def test_calls_that_come_back_after_the_budget_is_used_up_are_noted() -> None:
    plan = team(("a", "clerk", ()), ("b", "runner", ()), tools=TOOLS[:3], max_tokens=300)
    wants = replace(CALM, kind="tools", calls=("look", "pay"))
    record = (
        Observed(plan).run([wants, replace(CALM, kind="costly"), CALM, replace(CALM, kind="lost")]).record
    )
    assert record.reason == "BudgetExceeded"
    looked, paid = record.step("a").tool_calls
    assert looked.result == "look did a#tool-1.1"
    assert paid.error is not None
