"""From manifests to the frozen plan of one team."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import (
    ArkAgent,
    ArkSettings,
    ArkTeam,
    Bundle,
    Diagnostic,
    PipelineStep,
    Role,
    Validation,
)
from ark_temporal.manifests.agent_parts import AgentParts, EnvFromSource
from ark_temporal.manifests.origins import Finding
from ark_temporal.plan import unsupported
from ark_temporal.plan.model import (
    AgentPlan,
    EnvSource,
    InputPlan,
    LoopPlan,
    Plan,
    PromptInput,
    StepPlan,
    ValidationPlan,
)
from ark_temporal.plan.system_prompts import compose


class CompileError(ValueError):
    """A manifest's team cannot be made into a plan.

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
    names = ", ".join(f"{team.metadata.namespace}/{team.metadata.name}" for team in teams)
    if not teams:
        raise LookupError("The manifests hold no ArkTeam and no ArkFlow, so there is nothing to run.")
    if name is None:
        return teams[0]
    found = [team for team in teams if name in (team.metadata.name, _full_name(team))]
    if not found:
        raise LookupError(f'There is no team "{name}" in the manifests; there are: {names}.')
    if len(found) > 1:
        raise LookupError(f'"{name}" stands for several teams; say which as namespace/name: {names}.')
    return found[0]


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
    return _Compiler(bundle, team, provider, ignore_unsupported).compile()


def _full_name(team: ArkTeam) -> str:
    return f"{team.metadata.namespace}/{team.metadata.name}"


@dataclass
class _Compiler:
    bundle: Bundle
    team: ArkTeam
    provider: Provider | None
    ignore_unsupported: bool
    found: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def compile(self) -> Compiled:
        spec = self.team.spec
        self._note(self.team, (), unsupported.in_team(self.team))
        used = {step.role for step in spec.pipeline}
        agents = {
            role.name: self._agent(role, index)
            for index, role in enumerate(spec.roles)
            if role.name in used and role.ark_team is None
        }
        self._refuse_roles_without_agent(agents)
        errors = [diagnostic for diagnostic in self.found if diagnostic.severity == "error"]
        if errors:
            raise CompileError(errors)
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
        self._note(self.team, at, unsupported.in_role(role))
        name, model, parts = f"{self.team.metadata.name}-{role.name}", role.model, role
        if role.ark_agent is not None:
            agent = self.bundle.find(ArkAgent, role.ark_agent, self.team.metadata.namespace)
            if agent is None:
                raise LookupError(
                    f'Role "{role.name}" names the ArkAgent "{role.ark_agent}", which is missing.'
                )
            name, model, parts = agent.metadata.name, agent.spec.model, agent.spec
            self._note(agent, ("spec",), self._unsupported(parts))
        else:
            self._note(self.team, at, self._unsupported(parts))
        return self._agent_plan(role.name, name, model or "", parts)

    def _refuse_roles_without_agent(self, agents: Mapping[str, AgentPlan]) -> None:
        """A step needs somebody to answer it, whatever else is ignored."""
        for index, step in enumerate(self.team.spec.pipeline):
            if step.role not in agents:
                message = (
                    f'Step "{step.id}" has no agent of its own, and other ways to find one do not work yet.'
                )
                finding = Finding(("spec", "pipeline", index, "role"), "not-supported-yet", message)
                self.found.append(self.bundle.origin(self.team).diagnose(finding))

    def _agent_plan(self, role: str, name: str, model: str, parts: AgentParts) -> AgentPlan:
        namespace = self.team.metadata.namespace
        settings = self._settings(parts)
        temperatures = [float(one.spec.temperature) for one in settings if one.spec.temperature is not None]
        return AgentPlan(
            role=role,
            agent=name,
            model=model,
            provider=self.provider,
            system=compose(parts, settings, self.bundle, namespace),
            env_from=tuple(_env_source(source) for source in parts.env_from),
            max_tokens_per_call=parts.limits.max_tokens_per_call,
            timeout_seconds=parts.limits.timeout_seconds,
            temperature=temperatures[-1] if temperatures else None,
        )

    def _settings(self, parts: AgentParts) -> list[ArkSettings]:
        """The settings of an agent, the later winning; one that is missing was warned about at loading."""
        refs = [*([parts.config_ref] if parts.config_ref else []), *parts.settings_refs]
        found = (self.bundle.find(ArkSettings, ref.name, self.team.metadata.namespace) for ref in refs)
        return [settings for settings in found if settings is not None]

    def _unsupported(self, parts: AgentParts) -> Iterator[unsupported.Unsupported]:
        return unsupported.in_agent(parts, self.bundle, self.team.metadata.namespace)

    def _note(
        self,
        resource: ArkTeam | ArkAgent,
        at: unsupported.Path,
        found: Iterator[unsupported.Unsupported],
    ) -> None:
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


def _env_source(source: EnvFromSource) -> EnvSource:
    if source.secret_ref is not None:
        return EnvSource(name=source.secret_ref.name, prefix=source.prefix)
    assert source.config_map_ref is not None, "the manifest's model demands one of the two"
    return EnvSource(kind="ConfigMap", name=source.config_map_ref.name, prefix=source.prefix)


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
