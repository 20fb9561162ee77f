"""Plans for one agent and one task: what delegation, subtasks and standalone agents run."""

from collections.abc import Iterable

from ark_temporal.plan.model import AgentPlan, InputPlan, Plan, PromptInput, StepPlan

_INPUTS = (InputPlan(name="task", required=True, description="What is to be done."),)


def subtask_plan(agent: AgentPlan, namespace: str) -> Plan:
    """A plan in which an agent does the task that its input names."""
    alone = agent.model_copy(update={"can_delegate": ()})
    return Plan(
        kind="agent",
        team=agent.agent,
        namespace=namespace,
        inputs=_INPUTS,
        agents={agent.role: alone},
        steps=(_step(agent),),
    )


def plan_for(plan: Plan, role: str) -> Plan:
    """A plan in which a role of another plan does a task, with all to whom it may delegate.

    How deep runs may go, a team in a team says only for less.
    """
    if role in plan.teams:
        team = plan.teams[role]
        deeper = team.max_depth > plan.max_depth
        return team.model_copy(update={"max_depth": plan.max_depth}) if deeper else team
    agents, teams = reachable(plan, [role])
    agent = agents[role]
    return Plan(
        kind="agent",
        team=agent.agent,
        namespace=plan.namespace,
        inputs=_INPUTS,
        agents=agents,
        teams=teams,
        steps=(_step(agent),),
        max_depth=plan.max_depth,
        notify=plan.notify,
    )


def reachable(plan: Plan, roles: Iterable[str]) -> tuple[dict[str, AgentPlan], dict[str, Plan]]:
    """The agents and teams that roles and those to whom they may delegate are played by."""
    agents: dict[str, AgentPlan] = {}
    teams: dict[str, Plan] = {}
    left = list(roles)
    while left:
        role = left.pop()
        if role in plan.teams:
            teams[role] = plan.teams[role]
        elif role not in agents:
            agents[role] = plan.agents[role]
            left.extend(plan.agents[role].can_delegate)
    return agents, teams


def _step(agent: AgentPlan) -> StepPlan:
    task = PromptInput(name="task", template="{{ .input.task }}")
    return StepPlan(name=agent.role, role=agent.role, inputs=(task,))
