"""From a team's manifest to its plan, whatever its mode."""

from collections.abc import Iterable

from ark_temporal.manifests import ArkAgent, ArkTeam, RegistryLookup, Role
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.plan import unsupported
from ark_temporal.plan.agents import unknown_groups_of
from ark_temporal.plan.compile_agents import Workshop, agent_called, agent_of_role, written_agent
from ark_temporal.plan.compile_registry import Registry, capability_plans, max_depth
from ark_temporal.plan.compile_steps import step_plan
from ark_temporal.plan.model import MAX_DEPTH, AgentPlan, InputPlan, Plan, PromptPart, StepPlan
from ark_temporal.plan.notify_plans import notify_plan
from ark_temporal.plan.shapes import LookupPlan, RoutingPlan
from ark_temporal.plan.system_prompts import ROUTER_PROMPT

ROUTE_STEP = "route"
"""The one step of a routed team."""

_ROUTER = "router"
_ROUTER_TOKENS = 1000
"""A router says one short line of JSON."""


class TeamCompiler:
    """Compiles teams; a team that plays a role of several is compiled once."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._done: dict[tuple[str, str], Plan] = {}

    def compile(self, team: ArkTeam, depth: int = 0) -> Plan:
        """The plan of a team, and of the teams that play roles of it.

        Args:
            team: The team.
            depth: How many teams it is in.

        Raises:
            CompileError: It cannot be run.
        """
        key = (team.metadata.namespace, team.metadata.name)
        if key not in self._done:
            self._done[key] = _OneTeam(self._workshop, team, self, depth).compile()
        return self._done[key]


class _OneTeam:
    def __init__(self, workshop: Workshop, team: ArkTeam, teams: TeamCompiler, depth: int) -> None:
        self._workshop, self._team, self._teams, self._depth = workshop, team, teams, depth
        self._findings, self._bundle = workshop.findings, workshop.bundle
        self._notify_ref = team.spec.notify_ref.name if team.spec.notify_ref is not None else ""
        self._registry = Registry(self._bundle, team)
        self._roles = {role.name: role for role in team.spec.roles}
        self._places = {role.name: index for index, role in enumerate(team.spec.roles)}
        self._found: dict[str, str] = {}  # roles by the ArkAgents that play them
        self._agents: dict[str, AgentPlan] = {}  # of these, and the router
        self._max_depth = MAX_DEPTH

    def compile(self) -> Plan:
        spec = self._team.spec
        self._findings.note(self._team, (), unsupported.in_team(self._team))
        steps = self._route() if spec.routing is not None else self._steps()
        reached = self._reached([name for step in steps for name in step.roles])
        agents = {role.name: self._agent(role) for role in reached if role.ark_team is None}
        teams = {role.name: self._nested(role) for role in reached if role.ark_team is not None}
        self._findings.warnings()
        namespace = self._team.metadata.namespace
        return Plan(
            team=self._team.metadata.name,
            namespace=namespace,
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
            agents=agents | self._agents,
            teams={name: plan for name, plan in teams.items() if plan is not None},
            entry="" if spec.pipeline or spec.routing is not None else spec.entry or "",
            steps=steps,
            output=spec.output,
            timeout_seconds=spec.timeout_seconds or None,
            max_tokens=spec.max_tokens or None,
            max_depth=self._max_depth,
            notify=notify_plan(self._notify_ref, self._bundle, namespace) if self._notify_ref else None,
        )

    def _steps(self) -> tuple[StepPlan, ...]:
        """Those of the pipeline, or the one task of the entry role."""
        spec = self._team.spec
        if not spec.pipeline:
            entry = spec.entry or ""
            return (StepPlan(name=entry, role=entry, on_failure=spec.on_failure),)
        people = self._workshop.people(self._team, self._notify_ref)
        steps: list[StepPlan] = []
        for index, step in enumerate(spec.pipeline):
            at: Path = ("spec", "pipeline", index)
            for approval in step.approval:
                self._findings.add(self._team, *unknown_groups_of(approval, people, (*at, "approval")))
            lookup = None
            if step.registry_lookup is not None:
                lookup = self._lookup(step.registry_lookup, (*at, "registryLookup"))
            steps.append(step_plan(step, people, lookup=lookup, on_failure=spec.on_failure))
        return tuple(steps)

    def _reached(self, names: Iterable[str]) -> list[Role]:
        """The roles that may work, in the order of the manifest."""
        reached = {name: None for name in names if name in self._roles}
        waiting = list(reached)
        for name in waiting:  # grows while it is walked
            role = self._roles[name]
            further = role.can_delegate if role.ark_team is None else []
            found = [each for each in further if each in self._roles and each not in reached]
            waiting += found
            reached.update(dict.fromkeys(found))
        return [role for role in self._roles.values() if role.name in reached]

    def _agent(self, role: Role) -> AgentPlan:
        written = agent_of_role(self._bundle, self._team, role, self._places[role.name])
        targets = tuple(role.can_delegate)
        return self._workshop.agent(written, role.name, notify_ref=self._notify_ref, can_delegate=targets)

    def _nested(self, role: Role) -> Plan | None:
        """The plan of the team that plays a role; None where there is something against it."""
        name = role.ark_team or ""
        at = ("spec", "roles", self._places[role.name], "arkTeam")
        if self._depth >= self._max_depth:
            message = f"Teams in teams go {self._max_depth} deep at most, and this one would be deeper."
            self._findings.add(self._team, Finding(at, "nested-too-deep", message, "Take a level out."))
            return None
        team = self._bundle.find_team(name, self._team.metadata.namespace)
        if team is None:
            raise LookupError(f'Role "{role.name}" names the ArkTeam "{name}", which is missing.')
        return self._teams.compile(team, self._depth + 1)

    def _lookup(self, lookup: RegistryLookup, at: Path) -> LookupPlan:
        self._let_take_part(None)
        agents = self._registry.able_agents(lookup)
        found = [*self._registry.own_roles(lookup), *(self._play(agent) for agent in agents)]
        fallback = self._role_called(lookup.fallback) if lookup.fallback is not None else ""
        if not found and not fallback:
            self._findings.add(self._team, self._registry.not_found(lookup, at))
        return LookupPlan(
            roles=tuple(dict.fromkeys(found)),
            strategy=lookup.strategy,
            fallback=fallback,
            capability=lookup.capability or ", ".join(lookup.tags),
        )

    def _route(self) -> tuple[StepPlan, ...]:
        """The one step of a routed team."""
        routing = self._team.spec.routing
        assert routing is not None, "only routed teams are routed"
        self._let_take_part(routing.registry_ref.name if routing.registry_ref is not None else None)
        able = [agent for agent in self._registry.agents if agent.spec.capabilities]
        if not able and routing.fallback is None:
            message = "No agent of this namespace has a capability, so there is nobody to route to."
            hint = "Give the ArkAgents `capabilities`, or name a `fallback`."
            self._findings.add(self._team, Finding(("spec", "routing"), "no-capabilities", message, hint))
            self._findings.warnings()
        capabilities = capability_plans(able, self._play)
        fallback = self._role_called(routing.fallback) if routing.fallback is not None else ""
        first = self._agents[fallback or capabilities[0].roles[0]]
        router = self._router(routing.model, first)
        chooses = RoutingPlan(router=router.role, capabilities=capabilities, fallback=fallback)
        on_failure = self._team.spec.on_failure
        return (StepPlan(name=ROUTE_STEP, role=first.role, routing=chooses, on_failure=on_failure),)

    def _router(self, model: str, agent: AgentPlan) -> AgentPlan:
        """The model that chooses, with the credentials of an agent that it may choose."""
        role = _ROUTER
        while role in self._agents:
            role = f"{role}-model"
        self._agents[role] = AgentPlan(
            role=role,
            agent=f"{self._team.metadata.name}-{role}",
            model=model,
            provider=self._workshop.provider,
            system=(PromptPart(text=ROUTER_PROMPT),),
            env_from=agent.env_from,
            max_tokens_per_call=_ROUTER_TOKENS,
        )
        return self._agents[role]

    def _let_take_part(self, registry: str | None) -> None:
        """Let a registry, or all of the namespace, bound how deep runs may go."""
        registries = self._registry.taking_part(registry)
        self._max_depth = max_depth(registries)
        for each in registries:
            self._findings.note(each, (), unsupported.in_registry(each))

    def _role_called(self, name: str) -> str:
        """The role of that name, or one for the agent of that name."""
        if name in self._roles:
            return name
        written = agent_called(self._bundle, name, self._team.metadata.namespace)
        if written is None:
            raise LookupError(f'There is no role and no ArkAgent "{name}"; loading finds that too.')
        if written.resource is self._team:
            return name.removeprefix(f"{self._team.metadata.name}-")
        role = self._role_for(name)
        if role not in self._agents and role not in self._roles:
            self._agents[role] = self._workshop.agent(written, role, notify_ref=self._notify_ref)
        return role

    def _play(self, agent: ArkAgent) -> str:
        """Let an agent that a registry found play a role of its name."""
        role = self._role_for(agent.metadata.name)
        if role not in self._agents and role not in self._roles:
            written = written_agent(agent)
            self._agents[role] = self._workshop.agent(written, role, notify_ref=self._notify_ref)
        return role

    def _role_for(self, agent: str) -> str:
        """The agent's name, or another where a role of the team that is not this agent has that name."""
        if agent not in self._found:
            role = agent
            while (role in self._roles and self._roles[role].ark_agent != agent) or role in set(
                self._found.values()
            ):
                role = f"agent-{role}"
            self._found[agent] = role
        return self._found[agent]
