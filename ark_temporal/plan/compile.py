"""From manifests to the frozen plan of one team, or of one agent by itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkAgent, ArkTeam, Bundle, Diagnostic, PipelineStep, Role, Validation
from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.origins import Finding
from ark_temporal.plan import unsupported
from ark_temporal.plan.agents import agent_plan, settings_of, whole_prompt_size
from ark_temporal.plan.model import (
    AgentPlan,
    InputPlan,
    LoopPlan,
    Plan,
    PromptInput,
    StepPlan,
    ValidationPlan,
)
from ark_temporal.plan.subtasks import subtask_plan

_R = TypeVar("_R", bound=Resource)

TASK_INPUT = "task"
"""The one input of an agent that runs by itself: what it is to do."""


class CompileError(ValueError):
    """A manifest's team or agent cannot be made into a plan.

    Attributes:
        diagnostics: Why, each with its place.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics))
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True)
class Compiled:
    """A plan, and what its author should know about it."""

    plan: Plan
    warnings: tuple[Diagnostic, ...] = ()


def select_team(bundle: Bundle, name: str | None) -> ArkTeam:
    """The team to run: the one of that name, `namespace/name` too; without a name, the first there is.

    Raises:
        LookupError: There is no such team; the message names those there are.
    """
    teams = bundle.teams
    if not teams:
        raise LookupError("The manifests hold no ArkTeam and no ArkFlow, so there is nothing to run.")
    return _named(teams, name, "team") if name is not None else teams[0]


def select_agent(bundle: Bundle, name: str | None) -> ArkAgent:
    """The agent to run by itself: the one of that name, `namespace/name` too; without a name, the only one.

    Raises:
        LookupError: There is no such agent, or more than one; the message names those there are.
    """
    agents = bundle.all(ArkAgent)
    if not agents:
        raise LookupError("The manifests hold no ArkAgent, so there is no agent to run.")
    if name is not None:
        return _named(agents, name, "agent")
    only, *others = agents
    if others:
        raise LookupError(f"The manifests hold several agents; say which: {_names(agents)}.")
    return only


def compile_team(
    bundle: Bundle, team: ArkTeam, *, provider: Provider | None = None, ignore_unsupported: bool = False
) -> Compiled:
    """Resolve every reference of a team and freeze it.

    Args:
        bundle: The manifests, without errors.
        team: One of its teams.
        provider: Answers for all roles, instead of what their models' names say.
        ignore_unsupported: Run a team without those of its fields that are not carried out yet.

    Raises:
        CompileError: The team asks for something that is not carried out yet.
    """
    return _TeamCompiler(bundle, provider, ignore_unsupported, team).compile()


def compile_agent(
    bundle: Bundle,
    agent_name: str | None,
    *,
    provider: Provider | None = None,
    ignore_unsupported: bool = False,
) -> Compiled:
    """Resolve every reference of an agent that runs by itself, and freeze it.

    Its plan is one of a team of its own name with one step of its name, whose only input is the task.

    Args:
        bundle: The manifests, without errors.
        agent_name: One of its ArkAgents, as name or `namespace/name`; None for the only one.
        provider: Answers instead of what the model's name says.
        ignore_unsupported: Run the agent without those of its fields that are not carried out yet.

    Raises:
        LookupError: There is no such agent.
        CompileError: The agent asks for something that is not carried out yet.
    """
    agent = select_agent(bundle, agent_name)
    return _AgentCompiler(bundle, provider, ignore_unsupported, agent).compile()


def _named(resources: Sequence[_R], name: str, what: str) -> _R:
    found = [each for each in resources if name in (each.metadata.name, _full_name(each))]
    if not found:
        raise LookupError(f'There is no {what} "{name}" in the manifests; there are: {_names(resources)}.')
    if len(found) > 1:
        raise LookupError(
            f'"{name}" stands for several {what}s; say which as namespace/name: {_names(resources)}.'
        )
    return found[0]


def _names(resources: Iterable[Resource]) -> str:
    return ", ".join(_full_name(each) for each in resources)


def _full_name(resource: Resource) -> str:
    return f"{resource.metadata.namespace}/{resource.metadata.name}"


@dataclass
class _Compiler:
    bundle: Bundle
    provider: Provider | None
    ignore_unsupported: bool
    found: list[Diagnostic] = field(default_factory=list[Diagnostic], init=False)

    def agent(
        self,
        resource: ArkTeam | ArkAgent,
        at: unsupported.Path,
        parts: AgentParts,
        role: str,
        name: str,
        model: str,
    ) -> AgentPlan:
        """The plan of the agent that is written at this place."""
        namespace = resource.metadata.namespace
        self.note(resource, at, unsupported.in_agent(parts, self.bundle, namespace))
        settings = settings_of(parts, self.bundle, namespace)
        self.note(resource, at, unsupported.in_settings(parts, settings))
        plan = agent_plan(
            parts,
            self.bundle,
            role=role,
            agent=name,
            model=model,
            namespace=namespace,
            provider=self.provider,
        )
        for finding in whole_prompt_size(plan):
            self.found.append(
                self.bundle.origin(resource).diagnose(replace(finding, path=(*at, *finding.path)))
            )
        return plan

    def note(
        self, resource: ArkTeam | ArkAgent, at: unsupported.Path, found: Iterator[unsupported.Unsupported]
    ) -> None:
        """Keep what is not carried out, as an error or a warning."""
        for one in found:
            can_do_without = one.weight != "carries"
            refused = not can_do_without or (one.weight == "changes" and not self.ignore_unsupported)
            self.found.append(
                self.bundle.origin(resource).diagnose(
                    Finding(
                        (*at, *one.path),
                        "not-supported-yet",
                        one.message,
                        hint="Run without it by --ignore-unsupported." if refused and can_do_without else "",
                        severity="error" if refused else "warning",
                    )
                )
            )

    def refuse_errors(self) -> None:
        """End here if something was found that forbids running."""
        errors = [diagnostic for diagnostic in self.found if diagnostic.severity == "error"]
        if errors:
            raise CompileError(errors)


@dataclass
class _AgentCompiler(_Compiler):
    subject: ArkAgent

    def compile(self) -> Compiled:
        name, spec = self.subject.metadata.name, self.subject.spec
        agent = self.agent(self.subject, ("spec",), spec, name, name, spec.model)
        self.refuse_errors()
        return Compiled(subtask_plan(agent, self.subject.metadata.namespace), tuple(self.found))


@dataclass
class _TeamCompiler(_Compiler):
    team: ArkTeam

    def compile(self) -> Compiled:
        spec = self.team.spec
        self.note(self.team, (), unsupported.in_team(self.team))
        used = {step.role for step in spec.pipeline}
        agents = {
            role.name: self._agent(role, index)
            for index, role in enumerate(spec.roles)
            if role.name in used and role.ark_team is None
        }
        self._refuse_roles_without_agent(agents)
        self.refuse_errors()
        plan = Plan(
            team=self.team.metadata.name,
            namespace=self.team.metadata.namespace,
            inputs=tuple(
                InputPlan(
                    name=declared.name,
                    type=declared.type,
                    description=declared.description,
                    required=declared.required,
                    default=declared.default_value,
                )
                for declared in spec.inputs
            ),
            input_defaults=dict(spec.input),
            agents=agents,
            steps=tuple(_step(step) for step in spec.pipeline),
            output=spec.output,
            timeout_seconds=spec.timeout_seconds or None,
            max_tokens=spec.max_tokens or None,
        )
        return Compiled(plan, tuple(self.found))

    def _agent(self, role: Role, index: int) -> AgentPlan:
        at = ("spec", "roles", index)
        self.note(self.team, at, unsupported.in_role(role))
        if role.ark_agent is None:
            name = f"{self.team.metadata.name}-{role.name}"
            return self.agent(self.team, at, role, role.name, name, role.model or "")
        agent = self.bundle.find(ArkAgent, role.ark_agent, self.team.metadata.namespace)
        if agent is None:
            raise LookupError(f'Role "{role.name}" names the ArkAgent "{role.ark_agent}", which is missing.')
        return self.agent(agent, ("spec",), agent.spec, role.name, agent.metadata.name, agent.spec.model)

    def _refuse_roles_without_agent(self, agents: Mapping[str, AgentPlan]) -> None:
        """A step needs somebody to answer it, whatever else is ignored."""
        for index, step in enumerate(self.team.spec.pipeline):
            if step.role not in agents:
                message = (
                    f'Step "{step.id}" has no agent of its own, and other ways to find one do not work yet.'
                )
                finding = Finding(("spec", "pipeline", index, "role"), "not-supported-yet", message)
                self.found.append(self.bundle.origin(self.team).diagnose(finding))


def _step(step: PipelineStep) -> StepPlan:
    return StepPlan(
        name=step.id,
        role=step.role,
        inputs=tuple(PromptInput(name=name, template=text) for name, text in step.inputs.items()),
        depends_on=tuple(step.depends_on),
        condition=step.if_,
        loop=LoopPlan(condition=step.loop.condition, max_iterations=step.loop.max_iterations)
        if step.loop
        else None,
        output_schema=step.output_schema.parsed if step.output_schema else None,
        validation=_validation(step.validate_) if step.validate_ else None,
    )


def _validation(checks: Validation) -> ValidationPlan:
    return ValidationPlan(
        reject_patterns=tuple(checks.reject_patterns),
        contains=checks.contains,
        json_schema=checks.schema_.parsed if checks.schema_ else None,
        semantic=checks.semantic,
        on_failure=checks.on_failure,
        max_retries=checks.max_retries,
    )
