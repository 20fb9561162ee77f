"""From agents, wherever they are written, to agents of a plan."""

from dataclasses import dataclass, replace

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkAgent, ArkTeam, Bundle, Role
from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.origins import Path
from ark_temporal.plan import unsupported
from ark_temporal.plan.agents import agent_plan, settings_of, unknown_groups, whole_prompt_size
from ark_temporal.plan.compile_findings import Findings
from ark_temporal.plan.compile_gates import People
from ark_temporal.plan.model import AgentPlan


@dataclass(frozen=True)
class WrittenAgent:
    """An agent, and where it is written.

    Attributes:
        at: Where its fields are in the resource.
        name: Of the ArkAgent; for a role that describes its agent the `{team}-{role}` that it stands for.
    """

    resource: ArkAgent | ArkTeam
    at: Path
    parts: AgentParts
    name: str
    model: str


def written_agent(agent: ArkAgent) -> WrittenAgent:
    """An ArkAgent as it is written."""
    return WrittenAgent(agent, ("spec",), agent.spec, agent.metadata.name, agent.spec.model)


def agent_of_role(bundle: Bundle, team: ArkTeam, role: Role, index: int) -> WrittenAgent:
    """The agent that plays a role which is no team.

    Args:
        bundle: The manifests.
        team: The role's team.
        role: The role.
        index: Its place in the team.

    Raises:
        LookupError: The role names an ArkAgent that is not there; loading finds that too.
    """
    if role.ark_agent is None:
        at = ("spec", "roles", index)
        return WrittenAgent(team, at, role, f"{team.metadata.name}-{role.name}", role.model or "")
    agent = bundle.find(ArkAgent, role.ark_agent, team.metadata.namespace)
    if agent is None:
        raise LookupError(f'Role "{role.name}" names the ArkAgent "{role.ark_agent}", which is missing.')
    return written_agent(agent)


def agent_called(bundle: Bundle, name: str, namespace: str) -> WrittenAgent | None:
    """The ArkAgent of that name, or the one for which a role of a team stands as `{team}-{role}`."""
    agent = bundle.find(ArkAgent, name, namespace)
    if agent is not None:
        return written_agent(agent)
    for team in bundle.teams:
        if team.metadata.namespace != namespace:
            continue
        for index, role in enumerate(team.spec.roles):
            if role.ark_team is None and f"{team.metadata.name}-{role.name}" == name:
                return agent_of_role(bundle, team, role, index)
    return None


@dataclass(frozen=True)
class Workshop:
    """Makes agents of a plan.

    Attributes:
        provider: Answers for all of them, instead of what their models' names say.
    """

    bundle: Bundle
    provider: Provider | None
    findings: Findings

    def people(self, resource: ArkAgent | ArkTeam, notify_ref: str = "") -> People:
        """Who may be asked about what is written in a resource.

        Args:
            resource: Where it is written; only a team has groups.
            notify_ref: The ArkNotify of the team that runs.
        """
        groups = resource.spec.approver_groups if isinstance(resource, ArkTeam) else {}
        return People(self.bundle, resource.metadata.namespace, groups, notify_ref)

    def agent(
        self, written: WrittenAgent, role: str, *, notify_ref: str = "", can_delegate: tuple[str, ...] = ()
    ) -> AgentPlan:
        """The agent, as it plays a role.

        Args:
            written: The agent.
            role: Its name in the plan.
            notify_ref: The ArkNotify of the team that runs.
            can_delegate: The roles to which it may hand tasks.
        """
        resource, at, parts = written.resource, written.at, written.parts
        namespace = resource.metadata.namespace
        people = self.people(resource, notify_ref)
        self.findings.note(resource, at, unsupported.in_agent(parts, self.bundle, namespace))
        settings = settings_of(parts, self.bundle, namespace)
        self.findings.note(resource, at, unsupported.in_settings(parts, settings))
        plan = agent_plan(
            parts,
            self.bundle,
            role=role,
            agent=written.name,
            model=written.model,
            namespace=namespace,
            provider=self.provider,
            people=people,
            can_delegate=can_delegate,
        )
        for finding in (*unknown_groups(parts, people), *whole_prompt_size(plan)):
            self.findings.add(resource, replace(finding, path=(*at, *finding.path)))
        return plan
