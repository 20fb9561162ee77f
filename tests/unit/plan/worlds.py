"""Arbitrary plans, and arbitrary worlds that answer their calls."""

import json
from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from ark_temporal.llm.types import Usage
from ark_temporal.plan.calls import CallFailure, ModelCall, ModelOutcome
from ark_temporal.plan.model import AgentPlan, LoopPlan, Plan, PromptInput, StepPlan, ValidationPlan
from tests.unit.plan.driving import OBJECT

ROLES = ("scribe", "critic")

Kind = Literal["good", "schema", "invalid", "refused", "failed", "cut", "costly"]


@dataclass(frozen=True)
class Turn:
    """What the world does next.

    Attributes:
        pick: Which of the open calls is answered, counted round.
        kinds: How it and those after it come out, all before the run looks again.
        number: The `n` of a good answer, which conditions and loops read.
        words: What a judge says.
        tokens: Used by each.
    """

    pick: int
    kinds: tuple[Kind, ...]
    number: int
    words: str
    tokens: int


_MOODS: tuple[tuple[Kind, ...], ...] = (
    ("good",),
    ("good", "schema"),
    ("good", "invalid", "cut"),
    ("good", "schema", "costly", "failed"),
    ("good", "good", "good", "schema", "invalid", "refused", "failed", "cut", "costly"),
)


def _worlds_of(mood: tuple[Kind, ...]) -> st.SearchStrategy[list[Turn]]:
    turn = st.builds(
        Turn,
        pick=st.integers(0, 7),
        kinds=st.lists(st.sampled_from(mood), min_size=1, max_size=4).map(tuple),
        number=st.integers(0, 2),
        words=st.sampled_from(["VALID", "INVALID: too short", "**valid**.", "pass", "no", "perhaps"]),
        tokens=st.integers(1, 50),
    )
    return st.lists(turn, min_size=1, max_size=12)


worlds = st.sampled_from(_MOODS).flatmap(_worlds_of)
"""What a world does, turn by turn. Some have one kind of trouble only, or no run would get far in them."""


def _template(others: list[str]) -> st.SearchStrategy[str]:
    """A prompt over the input and the steps before."""
    fixed = ["Write.", "About {{ .input.topic }}.", "{{ .steps.unknown.output }}"]
    return st.sampled_from(
        fixed + [f"{{{{ .steps.{name}.{what} }}}}" for name in others for what in ("output", "data.n")]
    )


def _condition(name: str | None) -> st.SearchStrategy[str]:
    fixed = ["", "true", " FALSE ", "0", "{{ .input.topic }}", "{{ .input.flag }}"]
    read = [f"{{{{ gt (.steps.{name}.data.n | default 0) 0 }}}}"] if name and "#" not in name else []
    return st.sampled_from(fixed + read * 2)


@st.composite
def _step(draw: st.DrawFn, name: str, before: list[str]) -> StepPlan:
    depends_on = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
    seen = depends_on[0] if depends_on else None
    validation = draw(
        st.none()
        | st.builds(
            ValidationPlan,
            contains=st.none() | st.just("n"),
            semantic=st.none() | st.just("Is it good?"),
            on_failure=st.sampled_from(["retry", "fail"]),
            max_retries=st.integers(0, 3),
        )
    )
    return StepPlan(
        name=name,
        role=draw(st.sampled_from(ROLES)),
        inputs=tuple(
            PromptInput(name=f"part{number}", template=template)
            for number, template in enumerate(draw(st.lists(_template(depends_on), max_size=2)))
        ),
        depends_on=tuple(depends_on),
        condition=draw(st.none() | _condition(seen)),
        loop=draw(
            st.none() | st.builds(LoopPlan, condition=_condition(name), max_iterations=st.integers(1, 3))
        ),
        output_schema=draw(st.none() | st.just(OBJECT)),
        validation=validation,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A graph of one to eight steps, declared in any order."""
    names = draw(
        st.lists(
            st.sampled_from(["a", "b", "c", "d", "e", "f", "g#", "g##2", "a#2", "b#repair-1"]),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    steps = [draw(_step(name, names[:place])) for place, name in enumerate(names)]
    return Plan(
        team="desk",
        agents={role: AgentPlan(role=role, agent=f"desk-{role}", model="small-1") for role in ROLES},
        steps=tuple(draw(st.permutations(steps))),
        output=draw(st.none() | st.just("{{ range $name, $step := .steps }}{{ $step.output }}{{ end }}")),
        timeout_seconds=60,
        max_tokens=draw(st.none() | st.integers(20, 400)),
    )


def reply(call: ModelCall, turn: Turn, kind: Kind) -> ModelOutcome | CallFailure:
    """How a call comes out, as the worker would tell it."""
    if kind == "failed":
        return CallFailure(type="ModelAuth", message="The key is wrong.", attempt=4)
    text = turn.words if call.purpose == "validate" else json.dumps({"n": turn.number})
    outcome = ModelOutcome(
        text=text,
        model="small-1-2026",
        provider="mock",
        usage=Usage(input_tokens=turn.tokens, output_tokens=1),
        cost_usd=0.5,
        prices_as_of="2026-01-01",
    )
    return outcome.model_copy(update=_changes(call, kind))


def _changes(call: ModelCall, kind: Kind) -> dict[str, object]:
    """What a kind of outcome differs in; a judge's answers are not checked by the worker."""
    checks = call.checks
    if kind == "schema" and checks is not None and checks.output_schema is not None:
        return {"text": "{}", "problems": ("At $: 'n' is a required property.",), "schema_problem": True}
    if kind == "invalid" and checks is not None:
        return {"text": "{}", "problems": ("It does not contain a match of 'n'.",)}
    if kind == "refused" and call.purpose != "validate":
        return {"text": "", "stop_reason": "refusal"}
    if kind == "cut":
        return {"stop_reason": "max_tokens"}
    return {"usage": Usage(input_tokens=390, output_tokens=1)} if kind == "costly" else {}
