"""The frozen plan: all that a run needs to know, with every reference resolved and no secret in it."""

import hashlib
import json
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from pydantic import Field, JsonValue, model_validator

from ark_temporal.llm.types import Provider
from ark_temporal.plan.tools import KeyRef, McpServerPlan, MemoryPlan, ToolPlan
from ark_temporal.wire import FrozenWire

InputType = Literal["string", "number", "integer", "boolean", "object", "array"]

PLAN_VERSION = 1
"""Raised when a plan of today means something else to the workers of yesterday."""


DEFAULT_MAX_TURNS = 50
"""How often a model is asked in one task where the manifest says nothing."""


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
        role: Which of the plan's agents answers.
        depends_on: Steps that must have succeeded or been skipped before.
        condition: Template; a falsy result skips the step.
        output_schema: JSON Schema that the output must satisfy.

    """

    name: str
    role: str
    inputs: tuple[PromptInput, ...] = ()
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    loop: LoopPlan | None = None
    output_schema: JsonValue = None
    validation: ValidationPlan | None = None


class Plan(FrozenWire):
    """A team, compiled. Immutable; the input of its workflow.

    Attributes:
        version: Of this format.
        kind: Whether a team runs, or one agent by itself.
        team: The ArkTeam's name; the agent's where it runs by itself.
        inputs: Declared inputs.
        input_defaults: Values under the caller's input, from the older `spec.input`.
        agents: By role.
        steps: In the order of the manifest.
        output: Template of the result; None takes the output of the last step that succeeded.
        timeout_seconds: From the run's start; None waits for ever.
        max_tokens: Of the whole run; None is no limit.
    """

    version: Literal[1] = PLAN_VERSION
    kind: Literal["team", "agent"] = "team"
    team: str
    namespace: str = "default"
    inputs: tuple[InputPlan, ...] = ()
    input_defaults: dict[str, str] = Field(default_factory=dict[str, str])
    agents: dict[str, AgentPlan]
    steps: tuple[StepPlan, ...]
    output: str | None = None
    timeout_seconds: int | None = None
    max_tokens: int | None = None

    @model_validator(mode="after")
    def _can_run(self) -> "Plan":
        """A plan may come from any Temporal client: one that could never end is refused at once."""
        names = [step.name for step in self.steps]
        if not names or len(set(names)) != len(names):
            raise ValueError("a plan needs steps, each with a name of its own")
        known = set(names)
        for step in self.steps:
            if step.role not in self.agents:
                raise ValueError(f'step "{step.name}" has the role "{step.role}", which no agent plays')
            if missing := [name for name in step.depends_on if name not in known]:
                raise ValueError(f'step "{step.name}" depends on "{missing[0]}", which is no step')
        try:
            TopologicalSorter({step.name: step.depends_on for step in self.steps}).prepare()
        except CycleError as error:
            raise ValueError(f"these steps wait for each other: {', '.join(error.args[1])}") from None
        return self

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
