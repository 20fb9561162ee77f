"""Teams of several roles, and a run of one that a test drives by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from ark_temporal.plan.calls import ChildOutcome, ChildRun
from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import RunError, StepRecord, TokenUsage
from ark_temporal.plan.shapes import EnsemblePlan, MapPlan
from ark_temporal.plan.start import PipelineInput, Seed
from tests.unit.plan.driving import START, Run

ITEMS = "{{ .input.items }}"


def agent(role: str, **fields: Any) -> AgentPlan:
    """Who plays a role of the model "small-1"."""
    return AgentPlan(role=role, agent=f"crew-{role}", model="small-1", **fields)


def step(name: str, prompt: str = "Work.", **fields: Any) -> StepPlan:
    """A step of the role of its own name, unless another is given."""
    inputs = (PromptInput(name="task", template=prompt),) if prompt else ()
    given: dict[str, Any] = {"role": name, "inputs": inputs} | fields
    return StepPlan(name=name, **given)


def crew(
    *steps: StepPlan,
    roles: Sequence[str] = (),
    hands: Mapping[str, Sequence[str]] | None = None,
    teams: Mapping[str, Plan] | None = None,
    agents: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Plan:
    """A team whose steps' roles, and those named besides, are agents unless they are teams.

    Args:
        steps: Its steps.
        roles: Further roles.
        hands: Who may hand tasks to whom.
        teams: The roles that are teams.
        agents: Fields of all agents.
        **fields: Of the plan.
    """
    teams, hands = teams or {}, hands or {}
    named = dict.fromkeys([*(role for each in steps for role in each.roles), *roles])
    players = {
        role: agent(role, can_delegate=tuple(hands.get(role, ())), **(agents or {}))
        for role in named
        if role not in teams
    }
    given: dict[str, Any] = {"team": "crew", "agents": players, "teams": dict(teams)} | fields
    return Plan(steps=steps, **given)


def each(
    *, role: str = "clerk", prompt: str = "{{ .index }}: {{ .item }}", parks: bool = False, **fields: Any
) -> StepPlan:
    """A step called `each` that is done for every item of the input `items`; it may wait where it fails."""
    known = {name: fields.pop(name) for name in list(fields) if name in MapPlan.model_fields}
    mapped, failing = MapPlan.model_validate({"over": ITEMS, **known}), "park" if parks else "fail"
    return step("each", prompt, role=role, map=mapped, on_failure=failing, **fields)


def together(*roles: str, **fields: Any) -> StepPlan:
    """A step called `together` that these roles do at once."""
    known = {name: fields.pop(name) for name in list(fields) if name in EnsemblePlan.model_fields}
    return step(
        "together", role=roles[0], ensemble=EnsemblePlan.model_validate({"roles": roles, **known}), **fields
    )


def used(tokens: int) -> TokenUsage:
    """What a run below has used."""
    return TokenUsage(input_tokens=tokens, total_tokens=tokens)


class CrewRun(Run):
    """A run of a crew in the hands of a test."""

    def __init__(
        self, plan: Plan, given: Mapping[str, JsonValue] | None = None, *, depth: int = 0, **start: Any
    ) -> None:
        self.holds = False
        self._start = PipelineInput(plan=plan, input=dict(given or {}), depth=depth, **start)
        self.now = START
        self.progress = Progress.begin(self._start, run_id="crew-1", now=self.now)
        self.requests = []
        self.outcomes = {}
        self.advance()

    def continue_as_new(self) -> list[str]:
        """Hold what is due, carry all over as JSON, and go on; gives the ids of what is handed out then."""
        held = self.progress.advance(self.now, hold=True)
        assert held == []
        assert self.progress.can_continue
        before = self._start.model_copy(update={"state": self.progress.state()})
        start = PipelineInput.model_validate_json(before.model_dump_json())
        self.progress = Progress.begin(start, run_id="crew-1", now=self.now)
        return self.advance()

    def arrives(self, id: str, text: str = "Done.", **about: object) -> None:
        """An answer comes; what is due then is not handed out yet."""
        self.holds = True
        self.answer(id, text, **about)
        self.holds = False

    def advance(self) -> list[str]:
        """Hand out what there is, unless it is held back; gives the ids."""
        return [] if self.holds else super().advance()

    def child(self, id: str) -> ChildRun:
        """A run below."""
        found = next(one for one in self.requests if one.id == id)
        assert isinstance(found, ChildRun)
        return found

    def returns(
        self, id: str, text: str = "Done.", *, tokens: int = 10, cost: float | None = None
    ) -> list[str]:
        """A run below succeeds."""
        return self.settle((id, ChildOutcome(output=text, token_usage=used(tokens), cost_usd=cost)))

    def breaks(
        self, id: str, type: str = "ModelAuth", message: str = "No key.", tokens: int = 3
    ) -> list[str]:
        """A run below fails."""
        error = RunError(type=type, message=message)
        return self.settle((id, ChildOutcome(error=error, token_usage=used(tokens))))


def seeded(plan: Plan, given: Mapping[str, JsonValue], steps: Sequence[StepRecord]) -> CrewRun:
    """A run that takes over what another has done."""
    return CrewRun(plan, given, seed=Seed(run="crew-0", steps=tuple(steps)))
