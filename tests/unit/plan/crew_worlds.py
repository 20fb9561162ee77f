"""Arbitrary teams with every shape, and a world in which they run, with all the runs below them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from hypothesis import strategies as st
from pydantic import JsonValue

from ark_temporal.llm.types import ToolCall, Usage
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    Event,
    ModelCall,
    ModelOutcome,
    Request,
)
from ark_temporal.plan.model import LoopPlan, Plan, StepPlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import Decision, RunError, RunRecord
from ark_temporal.plan.shapes import EnsemblePlan, MapPlan, SwitchPlan
from ark_temporal.plan.start import PipelineInput
from tests.unit.plan.crews import crew, step
from tests.unit.plan.driving import START

AGENTS = ("ann", "bob", "cy")
Kind = Literal["good", "good", "hands on", "fails", "costly"]


@dataclass(frozen=True)
class Move:
    """What the world does next.

    Attributes:
        pick: Which of the things that may happen does, counted round.
        kind: How an answer comes out.
        targets: To whom tasks are handed, where they are.
        together: How many more things happen before the run looks again.
        continues: Whether the run that it is about continues as new as soon as it can.
        retries: Whether a person has a failed step done once more.
    """

    pick: int
    kind: Kind
    targets: tuple[str, ...]
    together: int
    continues: bool
    retries: bool


CALM = Move(pick=0, kind="good", targets=(), together=0, continues=False, retries=False)

_MOODS: tuple[tuple[Kind, ...], ...] = (
    ("good",),
    ("good", "hands on"),
    ("good", "good", "good", "fails"),
    ("good", "hands on", "fails"),
    ("good", "hands on", "costly", "fails"),
)


def _moves(mood: tuple[Kind, ...]) -> st.SearchStrategy[list[Move]]:
    move = st.builds(
        Move,
        pick=st.integers(0, 11),
        kind=st.sampled_from(mood),
        targets=st.lists(st.sampled_from([*AGENTS, "firm", "nobody"]), min_size=1, max_size=3).map(tuple),
        together=st.sampled_from([0, 0, 1, 3]),
        continues=st.booleans(),
        retries=st.sampled_from([True, True, False]),
    )
    return st.lists(move, min_size=1, max_size=40)


worlds = st.sampled_from(_MOODS).flatmap(_moves)
"""What a world does, move by move; after that all goes well."""


@st.composite
def _shaped(draw: st.DrawFn, name: str, players: tuple[str, ...], before: tuple[str, ...]) -> StepPlan:
    roles = st.sampled_from(players)
    shape = draw(st.sampled_from(["plain", "map", "map", "ensemble", "ensemble", "fallback", "switch"]))
    prompt, shaped = "{{ .input.topic }}", dict[str, object]()
    if shape == "map":
        prompt = "{{ .index }}={{ .item }}"
        shaped["map"] = MapPlan(
            over="{{ .input.items }}",
            max_concurrency=draw(st.integers(1, 5)),
            on_failure=draw(st.sampled_from(["fail", "collect"])),
        )
    elif shape == "ensemble":
        members = draw(st.lists(roles, min_size=1, max_size=4))
        shaped["ensemble"] = EnsemblePlan(
            roles=tuple(members),
            join=draw(st.sampled_from(["all", "any", "quorum", "bestEffort"])),
            quorum=draw(st.integers(1, len(members) + 1)),
            select=draw(st.sampled_from(["concat", "vote", "first", "judge"])),
            judge="ann",
        )
    elif shape == "fallback":
        shaped["fallback"] = tuple(draw(st.lists(roles, min_size=1, max_size=2)))
    elif shape == "switch":
        shaped["switch"] = SwitchPlan(
            value="{{ .input.topic }}",
            cases={"tides": draw(roles)},
            default=draw(st.sampled_from(["", "bob"])),
        )
    return step(
        name,
        prompt,
        role=draw(roles),
        depends_on=draw(st.sampled_from([(), before[:1], before])),
        loop=draw(st.none() | st.none() | st.just(LoopPlan(condition="yes", max_iterations=1))),
        on_failure=draw(st.sampled_from(["fail", "park"])),
        **shaped,
    )


@st.composite
def teams(draw: st.DrawFn, levels: int = 1, steps: int = 3) -> Plan:
    """Some steps of agents that may hand tasks to each other, and to a team that is such a one too."""
    firm = draw(teams(levels - 1, 1)) if levels > 0 else None
    players = (*AGENTS, *(["firm"] if firm is not None else []))
    names = ("x", "y", "z")[: draw(st.integers(1, steps))]
    hands = {role: draw(st.lists(st.sampled_from(players), max_size=3, unique=True)) for role in AGENTS}
    return crew(
        *(draw(_shaped(name, players, names[:place])) for place, name in enumerate(names)),
        roles=AGENTS,
        hands=hands,
        teams={"firm": firm} if firm is not None else {},
        max_tokens=draw(st.sampled_from([None, None, 150, 600])),
        max_depth=draw(st.sampled_from([1, 3, 8])),
    )


@dataclass
class Node:
    """A run somewhere in the tree.

    Attributes:
        id: Its workflow's id.
        requests: All that it ever asked.
        spent: The tokens that answers to its own calls had.
        children: The runs below that it waits for, and those it waited for, by id.
        abandoned: The runs below that it let go before they had ended.
        crowded: Whether several things reached it at once, so that some may have come too late to count.
        holding: Whether it continues as new as soon as it can.
        continued: How often it did.
    """

    id: str
    start: PipelineInput
    progress: Progress
    parent: "Node | None" = None
    requests: dict[str, Request] = field(default_factory=dict[str, Request])
    spent: int = 0
    children: dict[str, "Node"] = field(default_factory=dict[str, "Node"])
    abandoned: set[str] = field(default_factory=set[str])
    crowded: bool = False
    holding: bool = False
    continued: int = 0

    @property
    def record(self) -> RunRecord:
        return self.progress.record

    def all(self) -> "Iterator[Node]":
        """This run and all below it."""
        yield self
        for child in self.children.values():
            yield from child.all()


Happening = tuple[Node, Literal["answer", "return", "decide"], str]


class Tree:
    """A run and those below it, which a world drives; what must hold at every moment is checked then."""

    def __init__(self, plan: Plan, given: Mapping[str, JsonValue]) -> None:
        self.now = START
        self.ids = {"crew-1"}
        self.moves = 0
        self.root = self._begin("crew-1", PipelineInput(plan=plan, input=dict(given)), None)

    def run(self, world: list[Move], bound: int) -> "Tree":
        for place in range(bound):
            if self.root.record.ended:
                return self
            self._move(world[place] if place < len(world) else CALM)
            self.moves += 1
        raise AssertionError("the run goes on in a world in which all goes well")

    def _begin(self, id: str, start: PipelineInput, parent: Node | None) -> Node:
        node = Node(id, start, Progress.begin(start, run_id=id, now=self.now), parent)
        if parent is not None:
            parent.children[id] = node
        self._advance(node)
        return node

    def _happenings(self) -> list[Happening]:
        found: list[Happening] = []
        for node in self.root.all():
            if node.record.ended:
                continue
            for id, request in node.requests.items():
                if id not in node.progress.open_calls:
                    continue
                if not isinstance(request, ChildRun):
                    found.append((node, "answer", id))
                elif node.children[id].record.ended:
                    found.append((node, "return", id))
            found += [(node, "decide", one.id) for one in node.record.awaiting]
        return found

    def _move(self, move: Move) -> None:
        found = self._happenings()
        assert found, "a run that has not ended waits for nothing"
        node = found[move.pick % len(found)][0]
        mine = [one for one in found if one[0] is node]
        start = move.pick % len(mine)
        picked = [*mine[start:], *mine[:start]][: 1 + move.together]
        events = [self._event(move, *one) for one in picked]
        node.crowded = node.crowded or len(events) > 1
        self.now += timedelta(seconds=1)
        node.progress.take_in(events, self.now)
        node.holding = node.holding or move.continues
        self._advance(node)

    def _event(self, move: Move, node: Node, what: str, id: str) -> tuple[str, Event]:
        if what == "decide":
            waited = next(one for one in node.record.awaiting if one.id == id)
            restarts = node.record.step(waited.step).restarts
            verdict = "retry" if move.retries and restarts < 2 else "reject"
            return "", Decision(id=id, digest=waited.digest, decision=verdict, by="ann")
        request = node.requests[id]
        if isinstance(request, ChildRun):
            return id, _outcome(node.children[id])
        assert isinstance(request, ModelCall), "these agents have no tools but `delegate`"
        event = _answer(request, self._first(node, request).prompt, move)
        if isinstance(event, ModelOutcome):
            node.spent += event.usage.total_tokens
        return id, event

    def _first(self, node: Node, call: ModelCall) -> ModelCall:
        """The call with which a conversation began."""
        while call.previous:
            before = node.requests[call.previous]
            assert isinstance(before, ModelCall)
            call = before
        return call

    def _advance(self, node: Node) -> None:
        """Hand out what is due, hold it back, or continue as new: through JSON, as Temporal carries it."""
        if node.holding:
            assert node.progress.advance(self.now, hold=True) == []
            self._let_go(node)
            if node.record.ended or not node.progress.can_continue:
                return
            state = node.progress.state()
            whole = node.start.model_copy(update={"state": state})
            start = PipelineInput.model_validate_json(whole.model_dump_json())
            if start.state is not None and start.state.due != state.due:
                node.holding = False
                self._advance(node)
                return
            node.progress = Progress.begin(start, run_id=node.id, now=self.now)
            node.holding, node.continued = False, node.continued + 1
        for request in node.progress.advance(self.now):
            assert request.id not in node.requests, "a request's id came twice"
            node.requests[request.id] = request
            if isinstance(request, ChildRun):
                assert request.id not in self.ids, "two runs have one id"
                assert request.id.startswith(f"{node.id}-")
                self.ids.add(request.id)
        self._let_go(node)
        for id, request in list(node.requests.items()):
            if isinstance(request, ChildRun) and id not in node.children:
                below = PipelineInput(
                    plan=request.plan,
                    input=request.input,
                    depth=request.depth,
                    page=request.page,
                    max_tokens=request.max_tokens,
                    deadline=request.deadline,
                )
                self._begin(id, below, node)

    def _let_go(self, node: Node) -> None:
        """Cancel the runs below that nobody waits for any more, as the workflow does."""
        for id, child in node.children.items():
            if id not in node.progress.open_calls and not child.record.ended:
                node.abandoned.add(id)
                child.progress.cancel(self.now)
                self._let_go(child)


def _outcome(child: Node) -> ChildOutcome:
    record = child.record
    if record.phase == "Succeeded":
        return ChildOutcome(
            output=record.output, items=tuple(child.progress.items), token_usage=record.token_usage
        )
    error = record.error or RunError(type="Failed", message="It failed.")
    return ChildOutcome(error=error, token_usage=record.token_usage)


def _answer(call: ModelCall, prompt: str, move: Move) -> ModelOutcome | CallFailure:
    if move.kind == "fails":
        return CallFailure(type="ModelAuth", message="No key.", attempt=4)
    said = ModelOutcome(
        text=json.dumps({"choice": 1}) if "[judge]" in call.id else f"did {prompt.strip()}",
        model="small-1",
        provider="mock",
        usage=Usage(input_tokens=90 if move.kind == "costly" else 9, output_tokens=1),
    )
    if move.kind != "hands on":
        return said
    calls = tuple(
        ToolCall(id=f"{call.id}-{place}", name="delegate", arguments={"role": role, "prompt": "Do it."})
        for place, role in enumerate(move.targets)
    )
    return said.model_copy(update={"text": "", "tool_calls": calls, "stop_reason": "tool_use"})
