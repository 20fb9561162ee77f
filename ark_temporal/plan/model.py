"""The frozen plan: all that a run needs to know, with every reference resolved and no secret in it."""

import hashlib
import json
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from ark_temporal.llm.types import Provider
from ark_temporal.plan.people import GatePlan, NotifyPlan
from ark_temporal.plan.shapes import EnsemblePlan, LookupPlan, MapPlan, RoutingPlan, SwitchPlan
from ark_temporal.plan.tools import KeyRef, McpServerPlan, MemoryPlan, ToolPlan
from ark_temporal.wire import FrozenWire

InputType = Literal["string", "number", "integer", "boolean", "object", "array"]

PLAN_VERSION = 1
"""Raised when a plan of today means something else to the workers of yesterday."""


DEFAULT_MAX_TURNS = 50
"""How often a model is asked in one task where the manifest says nothing."""

MAX_DEPTH = 8
"""How many runs may stand above one: a subtask of a subtask has two."""


class InputPlan(FrozenWire):
    """One declared input of a team.

    Attributes:
        default: Used where the caller gives none; None together with `required` false means empty text.
    """

    name: str
    type: InputType = "string"
    description: str = ""
    required: bool = False
    default: JsonValue = None


class EnvSource(FrozenWire):
    """A whole Secret or ConfigMap whose keys are a role's environment, by name.

    Attributes:
        optional: Whether it may be missing without a warning.
    """

    kind: Literal["Secret", "ConfigMap"] = "Secret"
    name: str
    prefix: str = ""
    optional: bool = False


class PromptPart(FrozenWire):
    """A piece of a system prompt: where the worker finds it, else its text."""

    text: str = ""
    ref: KeyRef | None = None


class AgentPlan(FrozenWire):
    """Who answers a step.

    Attributes:
        role: The role's name in its team.
        agent: The ArkAgent behind the role; for an inline role the `{team}-{role}` that it stands for.
        provider: Set where the caller forces one; else the worker decides by the model's name and the role's
            environment.
        system: Pieces of the system prompt, joined by blank lines.
        env_from: Where the role's credentials come from, the later winning over the earlier.
        max_tokens_per_call: The most tokens one call may generate.
        timeout_seconds: The longest one attempt of a call may take, and a task of several turns in all.
        max_turns: How often the model may be asked in one task before it has to be done.
        description: What the agent is for; those who may delegate to it read this.
        can_delegate: The roles to which it may hand tasks.
        notify: Who is told when its provider does not answer; None takes who is told of the run.
    """

    role: str
    agent: str
    model: str
    provider: Provider | None = None
    system: tuple[PromptPart, ...] = ()
    env_from: tuple[EnvSource, ...] = ()
    max_tokens_per_call: int = 8000
    timeout_seconds: int = 120
    temperature: float | None = None
    tools: tuple[ToolPlan, ...] = ()
    mcp_servers: tuple[McpServerPlan, ...] = ()
    memory: MemoryPlan | None = None
    max_turns: int = DEFAULT_MAX_TURNS
    description: str = ""
    can_delegate: tuple[str, ...] = ()
    notify: NotifyPlan | None = None


class PromptInput(FrozenWire):
    """One line of a step's prompt: a name and the template of its value."""

    name: str
    template: str


class LoopPlan(FrozenWire):
    """Repeat the step while `condition` is truthy, at most `max_iterations` more times."""

    condition: str
    max_iterations: int = 10


class ValidationPlan(FrozenWire):
    """Checks that a step's output must pass, and what to do when it does not.

    Attributes:
        reject_patterns: RE2 patterns that must not be found.
        contains: RE2 pattern that must be found.
        json_schema: JSON Schema that the output must satisfy.
        semantic: What a second model call is asked about the output.
        on_failure: Ask again, or fail the step at once.
        max_retries: How often to ask again.
    """

    reject_patterns: tuple[str, ...] = ()
    contains: str | None = None
    json_schema: JsonValue = None
    semantic: str | None = None
    on_failure: Literal["retry", "fail"] = "fail"
    max_retries: int = 2


class StepPlan(FrozenWire):
    """One step of a pipeline.

    Attributes:
        name: Unique in the plan; templates say `.steps.<name>`.
        role: Which of the plan's agents or teams does it; where another field chooses, the first it could be.
        depends_on: Steps that must have succeeded or been skipped before.
        condition: Template; a falsy result skips the step.
        output_schema: JSON Schema that the output must satisfy.
        prompt: What is asked as it stands, in the place of `inputs`.
        gates: What people decide; at most one before the step and one after it.
        fallback: Roles that do the task one after the other, where the one before could not.
        on_failure: Whether a failure of the step fails the run, or waits for a person.
    """

    name: str
    role: str
    inputs: tuple[PromptInput, ...] = ()
    prompt: str = ""
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    loop: LoopPlan | None = None
    output_schema: JsonValue = None
    validation: ValidationPlan | None = None
    gates: tuple[GatePlan, ...] = ()
    map: MapPlan | None = None
    ensemble: EnsemblePlan | None = None
    fallback: tuple[str, ...] = ()
    switch: SwitchPlan | None = None
    lookup: LookupPlan | None = None
    routing: RoutingPlan | None = None
    on_failure: Literal["fail", "park"] = "fail"

    def gate(self, when: Literal["before", "after"]) -> GatePlan | None:
        """What people decide at that moment."""
        return next((gate for gate in self.gates if gate.when == when), None)

    @property
    def roles(self) -> Iterator[str]:
        """Every role that may work in it; some come more than once."""
        yield self.role
        yield from self.fallback
        if self.ensemble is not None:
            yield from (*self.ensemble.roles, *([self.ensemble.judge] if self.ensemble.judge else []))
        if self.switch is not None:
            yield from (*self.switch.cases.values(), *([self.switch.default] if self.switch.default else []))
        if self.lookup is not None:
            yield from (*self.lookup.roles, *([self.lookup.fallback] if self.lookup.fallback else []))
        if self.routing is not None:
            yield self.routing.router
            yield from (role for one in self.routing.capabilities for role in one.roles)
            yield from [self.routing.fallback] if self.routing.fallback else []


class Plan(FrozenWire):
    """A team, compiled. Immutable; the input of its workflow.

    Attributes:
        version: Of this format.
        kind: Whether a team runs, or one agent by itself.
        team: The ArkTeam's name; the agent's where it runs by itself.
        inputs: Declared inputs.
        input_defaults: Values under the caller's input, from the older `spec.input`.
        agents: By role.
        teams: The roles that are teams of their own.
        entry: The role that leads a team without a pipeline.
        steps: In the order of the manifest.
        output: Template of the result; None takes the output of the last step that succeeded.
        timeout_seconds: From the run's start; None waits for ever.
        max_tokens: Of the whole run, its children included; None is no limit.
        max_depth: How many runs may stand above one that this run starts.
        notify: Who is told how runs go and end.
    """

    version: Literal[1] = PLAN_VERSION
    kind: Literal["team", "agent"] = "team"
    team: str
    namespace: str = "default"
    inputs: tuple[InputPlan, ...] = ()
    input_defaults: dict[str, str] = Field(default_factory=dict[str, str])
    agents: dict[str, AgentPlan] = Field(default_factory=dict[str, AgentPlan])
    teams: dict[str, "Plan"] = Field(default_factory=dict[str, "Plan"])
    entry: str = ""
    steps: tuple[StepPlan, ...]
    output: str | None = None
    timeout_seconds: int | None = None
    max_tokens: int | None = None
    max_depth: int = MAX_DEPTH
    notify: NotifyPlan | None = None

    @model_validator(mode="after")
    def _can_run(self) -> "Plan":
        """A plan may come from any Temporal client: one that could never end is refused at once."""
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError("a plan needs steps, each with a name of its own")
        known, players = set(names), {*self.agents, *self.teams}
        for agent in self.agents.values():
            if missing := [role for role in agent.can_delegate if role not in players]:
                raise ValueError(f'role "{agent.role}" may delegate to "{missing[0]}", which no agent plays')
        for step in self.steps:
            if "[" in step.name:
                raise ValueError(f'step "{step.name}" has a "[" in its name, which is for parts of steps')
            if missing := [role for role in step.roles if role not in players]:
                raise ValueError(f'step "{step.name}" has the role "{missing[0]}", which no agent plays')
            if missing := [name for name in step.depends_on if name not in known]:
                raise ValueError(f'step "{step.name}" depends on "{missing[0]}", which is no step')
        try:
            TopologicalSorter({step.name: step.depends_on for step in self.steps}).prepare()
        except CycleError as error:
            raise ValueError(f"these steps wait for each other: {', '.join(error.args[1])}") from None
        return self

    @property
    def mode(self) -> Literal["pipeline", "dynamic", "routed", "agent"]:
        """How its steps come about."""
        if self.kind == "agent":
            return "agent"
        if self.entry:
            return "dynamic"
        return "routed" if any(step.routing for step in self.steps) else "pipeline"

    def digest(self) -> str:
        """The plan's identity: sha256 over its canonical JSON, in hex."""
        canonical = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def step(self, name: str) -> StepPlan:
        """The step of that name.

        Raises:
            KeyError: There is none.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)
