"""From manifests to the frozen plan of one team, or of one agent by itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkAgent, ArkTeam, Bundle, Diagnostic
from ark_temporal.manifests.base import Resource
from ark_temporal.plan.compile_agents import Workshop, written_agent
from ark_temporal.plan.compile_findings import CompileError as CompileError
from ark_temporal.plan.compile_findings import Findings
from ark_temporal.plan.compile_team import TeamCompiler
from ark_temporal.plan.model import Plan
from ark_temporal.plan.subtasks import subtask_plan

_R = TypeVar("_R", bound=Resource)


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
        provider: Answers for all roles, those of teams in it too, instead of what their models' names say.
        ignore_unsupported: Run a team without those of its fields that are not carried out yet.

    Raises:
        CompileError: The team asks for something that is not there, or not carried out yet.
    """
    findings = Findings(bundle, ignore_unsupported=ignore_unsupported)
    plan = TeamCompiler(Workshop(bundle, provider, findings)).compile(team)
    return Compiled(plan, findings.warnings())


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
    findings = Findings(bundle, ignore_unsupported=ignore_unsupported)
    plan = Workshop(bundle, provider, findings).agent(written_agent(agent), agent.metadata.name)
    return Compiled(subtask_plan(plan, agent.metadata.namespace), findings.warnings())


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
