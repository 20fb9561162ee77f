"""Arbitrary agents with tools, and arbitrary worlds that answer what they ask."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from hypothesis import strategies as st

from ark_temporal.llm.types import ToolCall, Usage
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    Event,
    MemoryOutcome,
    MemoryRead,
    MemoryWrite,
    ModelCall,
    ModelOutcome,
    Notification,
    Notified,
    Request,
    SubtaskStart,
    SubtaskStarted,
    ToolDiscovery,
    ToolInvocation,
    ToolList,
    ToolOutcome,
)
from ark_temporal.plan.model import AgentPlan, LoopPlan, Plan, PromptInput, StepPlan, ValidationPlan
from ark_temporal.plan.record import Awaiting, Decision, Verdict
from ark_temporal.plan.tools import McpServerPlan, MemoryPlan, ToolPlan, WebhookPlan
from ark_temporal.tools.types import ToolInfo
from tests.unit.plan.driving import OBJECT

ROLES = ("clerk", "runner")

Kind = Literal["good", "tools", "problems", "refused", "costly", "error", "lost", "unsent"]

TOOLS = (
    ToolPlan(name="look", effect="read", webhook=WebhookPlan(url="http://there/{{ .input.topic }}")),
    ToolPlan(name="put", effect="idempotent", webhook=WebhookPlan(url="http://there/{{ .steps.x.y.z }}")),
    ToolPlan(name="pay", effect="unsafe", webhook=WebhookPlan(url="http://bank")),
    ToolPlan(type="python", name="add"),
    ToolPlan(type="builtin", name="submit_subtask"),
)
SERVERS = (McpServerPlan(name="one", url="http://one"), McpServerPlan(name="two", url="http://two"))
MEMORY = MemoryPlan(name="notes", backend="redis", secret="redis")
CALLED = (
    "look",
    "put",
    "pay",
    "pay",
    "add",
    "submit_subtask",
    "one__act",
    "two__read",
    "none",
    "search_memory",
)


@dataclass(frozen=True)
class Move:
    """What the world does next.

    Attributes:
        pick: Which of the open requests and questions it is about, counted round.
        kind: How that one comes out.
        calls: What the model wants called, where it wants tools.
        verdict: What a person decides.
        together: How many more come out in the same way before the run looks again.
        continues: Whether the run continues as new then, if it can.
    """

    pick: int
    kind: Kind
    calls: tuple[str, ...]
    verdict: Verdict
    together: int
    continues: bool


CALM = Move(pick=0, kind="good", calls=(), verdict="answer", together=0, continues=False)

_MOODS: tuple[tuple[Kind, ...], ...] = (
    ("good", "tools"),
    ("good", "tools", "tools", "lost"),
    ("good", "good", "tools", "problems"),
    ("good", "tools", "error", "lost", "unsent"),
    ("good", "tools", "tools", "costly"),
    ("good", "good", "good", "tools", "tools", "problems", "refused", "costly", "error", "lost", "unsent"),
)


def _moves(mood: tuple[Kind, ...]) -> st.SearchStrategy[list[Move]]:
    move = st.builds(
        Move,
        pick=st.integers(0, 5),
        kind=st.sampled_from(mood),
        calls=st.lists(st.sampled_from(CALLED), min_size=1, max_size=4).map(tuple),
        verdict=st.sampled_from(["retry", "retry", "answer", "answer", "reject"]),
        together=st.sampled_from([0, 0, 1, 3]),
        continues=st.booleans(),
    )
    return st.lists(move, min_size=1, max_size=25)


worlds = st.sampled_from(_MOODS).flatmap(_moves)
"""What a world does, move by move."""


@st.composite
def _agent(draw: st.DrawFn, role: str) -> AgentPlan:
    return AgentPlan(
        role=role,
        agent=f"desk-{role}",
        model="small-1",
        tools=tuple(draw(st.lists(st.sampled_from(TOOLS), unique_by=lambda tool: tool.name))),
        mcp_servers=tuple(draw(st.lists(st.sampled_from(SERVERS), unique_by=lambda server: server.name))),
        memory=draw(st.none() | st.just(MEMORY)),
        max_turns=draw(st.integers(1, 5)),
        timeout_seconds=draw(st.sampled_from([5, 1000])),
    )


@st.composite
def _step(draw: st.DrawFn, name: str, before: list[str]) -> StepPlan:
    judged = ValidationPlan(semantic="Is it good?", on_failure="retry", max_retries=1)
    return StepPlan(
        name=name,
        role=draw(st.sampled_from(ROLES)),
        inputs=(PromptInput(name="task", template="{{ .input.topic }}"),),
        depends_on=draw(st.sampled_from([(), tuple(before[:1])])),
        loop=draw(st.none() | st.just(LoopPlan(condition="yes", max_iterations=1))),
        output_schema=draw(st.none() | st.just(OBJECT)),
        validation=draw(st.none() | st.just(judged)),
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """One to three steps of two agents."""
    names = ["a", "b", "c"][: draw(st.integers(1, 3))]
    return Plan(
        team="desk",
        agents={role: draw(_agent(role)) for role in ROLES},
        steps=tuple(draw(_step(name, names[:place])) for place, name in enumerate(names)),
        max_tokens=draw(st.sampled_from([None, 300])),
    )


def team(*steps: tuple[str, str, tuple[str, ...]], max_tokens: int | None = None, **agents: Any) -> Plan:
    """Steps by name, role and dependencies, of agents that are all alike."""
    return Plan(
        team="desk",
        agents={
            role: AgentPlan(role=role, agent=f"desk-{role}", model="small-1", **agents) for role in ROLES
        },
        steps=tuple(StepPlan(name=name, role=role, depends_on=after) for name, role, after in steps),
        max_tokens=max_tokens,
    )


def outcome(request: Request, move: Move) -> Event:
    """How a request comes out, as the worker would tell it."""
    failed = move.kind in ("lost", "unsent")
    failure = CallFailure(type="Lost", message="It is lost.", attempt=1, sent=move.kind == "lost")
    match request:
        case ModelCall():
            return _answer(request, move)
        case ToolInvocation():
            told = ToolOutcome(content=f"{request.tool} did {request.id}", is_error=move.kind == "error")
            return failure if failed else told
        case ToolDiscovery():
            return failure if failed else _tools(request)
        case MemoryRead():
            return failure if failed else MemoryOutcome(texts=("It was so before.",))
        case MemoryWrite():
            return failure if failed else MemoryOutcome()
        case SubtaskStart():
            return failure if failed else SubtaskStarted()
        case ChildRun():
            return failure if failed else ChildOutcome(output="It is done.")
        case Notification():
            return failure if failed else Notified()


def decision(waited: Awaiting, move: Move) -> Decision:
    """What a person says to a question."""
    return Decision(id=waited.id, decision=move.verdict, text="It is done.", by="ann")


def _answer(call: ModelCall, move: Move) -> ModelOutcome | CallFailure:
    if call.purpose == "validate":
        return _said("INVALID: too short" if move.kind == "problems" else "VALID")
    match move.kind:
        case "tools":
            calls = tuple(
                ToolCall(id=f"{call.id}-{place}", name=name, arguments={"prompt": "Do it.", "n": place})
                for place, name in enumerate(move.calls)
            )
            return _said("").model_copy(update={"tool_calls": calls, "stop_reason": "tool_use"})
        case "problems":
            return _said("{}").model_copy(update={"problems": ("No n.",), "schema_problem": True})
        case "refused":
            return _said("").model_copy(update={"stop_reason": "refusal"})
        case "costly":
            return _said(json.dumps({"n": 1}), tokens=299)
        case "lost":
            return CallFailure(type="ModelAuth", message="The key is wrong.", attempt=4)
        case _:
            return _said(json.dumps({"n": 1}))


def _said(text: str, tokens: int = 9) -> ModelOutcome:
    usage = Usage(input_tokens=tokens, output_tokens=1)
    return ModelOutcome(text=text, model="small-1-2026", provider="mock", usage=usage)


def _tools(request: ToolDiscovery) -> ToolList:
    if request.server is None:
        return ToolList(tools=tuple(ToolInfo(name=tool.name, effect="read") for tool in request.python))
    name = request.server.name
    tools = (
        ToolInfo(name=f"{name}__read", remote_name="read", server=name, effect="read"),
        ToolInfo(name=f"{name}__act", remote_name="act", server=name, effect="unsafe"),
    )
    return ToolList(tools=tools, warnings=("It has one more that is left out.",))
