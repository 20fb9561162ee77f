"""What a plan would do, and what it costs at the worst: a pure function of the plan."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from ark_temporal.llm.prices import Prices
from ark_temporal.llm.types import Provider
from ark_temporal.plan.bounds import (
    Bound,
    Pricing,
    StepForecast,
    forecast_step,
    levels_of,
    tokens_under_way,
    total,
    turns_of,
)
from ark_temporal.plan.model import AgentPlan, Plan
from ark_temporal.plan.reach import (
    MemoryReach,
    NotifyReach,
    ServerReach,
    ToolReach,
    memory_within_reach,
    servers_within_reach,
    told_within_reach,
    tools_within_reach,
)
from ark_temporal.plan.toolbox import SUBMIT_SUBTASK
from ark_temporal.wire import FrozenWire


class RoleForecast(FrozenWire):
    """Who does the work of a role, within what bounds, and what it reaches.

    Attributes:
        provider: Who answers; None where it cannot be known here.
        max_turns: How often the model may be asked in one task; 1 for an agent without tools.
        can_delegate: The roles to which it may hand tasks; each is a run of its own.
        notify: Who is told when its provider does not answer, where that is not who is told of the run.
    """

    role: str
    agent: str
    model: str
    provider: Provider | None = None
    max_tokens_per_call: int
    timeout_seconds: int
    max_turns: int
    tools: tuple[ToolReach, ...] = ()
    servers: tuple[ServerReach, ...] = ()
    memory: MemoryReach | None = None
    can_delegate: tuple[str, ...] = ()
    notify: NotifyReach | None = None


class Forecast(FrozenWire):
    """A plan as people look at it before they run it. Public: `ark-temporal plan -o json` prints it.

    Attributes:
        mode: How its steps come about; absent for a pipeline.
        plan: Digest of the plan.
        steps: In an order in which they can run.
        roles: Those that are agents, in the order of the plan.
        teams: Those that are teams; each task of such a role is a run of its own.
        timeout_seconds: The longest the run may take; None is no limit.
        max_tokens: What the run's tokens are held to; None is no limit.
        notify: Who is told how the run goes and ends.
        bound: Of the whole run.
        prices_as_of: The day of the price list; empty where nothing has a price.
        notes: What the numbers do not say, a sentence each.
    """

    team: str
    namespace: str
    mode: Literal["pipeline", "dynamic", "routed", "agent"] = "pipeline"
    plan: str
    steps: tuple[StepForecast, ...]
    roles: tuple[RoleForecast, ...]
    teams: dict[str, "Forecast"] = Field(default_factory=dict[str, "Forecast"])
    timeout_seconds: int | None = None
    max_tokens: int | None = None
    notify: NotifyReach | None = None
    bound: Bound
    prices_as_of: str = ""
    notes: tuple[str, ...] = ()


def forecast(
    plan: Plan,
    *,
    providers: Mapping[str, Provider],
    prices: Prices,
    run_input: Mapping[str, JsonValue] | None = None,
) -> Forecast:
    """Say what a plan would do at the most.

    A step is executed `1 + loop.maxIterations` times at most. In each execution its model is asked
    `maxTurns` times (once without tools), again for each repair that is allowed, and once for the semantic
    check of every answer. Tokens are `maxTokensPerCall` for every one of these calls. A map does so for each
    of `maxItems`, an ensemble and a fallback in each of their roles; where one of several roles is chosen,
    the dearest counts; a role that is a team counts as its whole run.

    Args:
        plan: What would run.
        providers: Who answers, by role as `every_agent` names it, as far as it is known.
        prices: Price lists.
        run_input: The run's input, for tools whose address depends on it; None where it is not known.
    """
    levels = levels_of(plan)
    pricing = Pricing(plan, providers, prices)
    teams = {
        role: forecast(nested, providers=_of_team(role, providers), prices=prices, run_input=None)
        for role, nested in plan.teams.items()
    }
    bounds = {role: nested.bound for role, nested in teams.items()}
    steps = [forecast_step(step, plan, levels[step.name], pricing, bounds) for step in plan.steps]
    steps.sort(key=lambda step: step.level)
    roles = tuple(_role(agent, providers.get(role), run_input) for role, agent in plan.agents.items())
    return Forecast(
        team=plan.team,
        namespace=plan.namespace,
        mode=plan.mode,
        plan=plan.digest(),
        steps=tuple(steps),
        roles=roles,
        teams=teams,
        timeout_seconds=plan.timeout_seconds,
        max_tokens=plan.max_tokens,
        notify=told_within_reach(plan.notify),
        bound=_whole(plan, steps, pricing),
        prices_as_of=pricing.as_of,
        notes=tuple(_notes(plan, steps, roles, pricing)),
    )


def _of_team(role: str, providers: Mapping[str, Provider]) -> dict[str, Provider]:
    """Who answers in the team that plays a role."""
    prefix = f"{role}/"
    return {name.removeprefix(prefix): each for name, each in providers.items() if name.startswith(prefix)}


def _role(
    agent: AgentPlan, provider: Provider | None, run_input: Mapping[str, JsonValue] | None
) -> RoleForecast:
    return RoleForecast(
        role=agent.role,
        agent=agent.agent,
        model=agent.model,
        provider=provider,
        max_tokens_per_call=agent.max_tokens_per_call,
        timeout_seconds=agent.timeout_seconds,
        max_turns=turns_of(agent),
        tools=tools_within_reach(agent, run_input),
        servers=servers_within_reach(agent),
        memory=memory_within_reach(agent.memory),
        can_delegate=agent.can_delegate,
        notify=told_within_reach(agent.notify),
    )


def _whole(plan: Plan, steps: Sequence[StepForecast], pricing: Pricing) -> Bound:
    whole = total(step.bound for step in steps)
    if plan.max_tokens is None:
        return whole
    capped = min(whole.tokens, plan.max_tokens + tokens_under_way(plan, levels_of(plan)))
    cost, at_most = whole.cost_usd, pricing.dearest(capped)
    if cost is not None:
        cost = min(cost, at_most) if at_most is not None else None
    return Bound(model_calls=whole.model_calls, tokens=capped, cost_usd=cost)


def _notes(
    plan: Plan, steps: Sequence[StepForecast], roles: Sequence[RoleForecast], pricing: Pricing
) -> Iterator[str]:
    yield (
        "Tokens are maxTokensPerCall for every call. What a call reads is not cut off by it: a long "
        "conversation is read again at every turn, up to the model's context window."
    )
    if plan.max_tokens is not None:
        yield (
            f"The run ends when it has used more than its maxTokens of {plan.max_tokens:,}; calls that are "
            "under way then still end."
        )
    else:
        yield "The team's maxTokens would hold the whole run to a number of tokens; none is set."
    if pricing.unknown:
        yield f"No price is known for {', '.join(pricing.unknown)}; --prices takes a list of yours."
    maps = [f"{step.name} ({step.items:,})" for step in steps if step.shape == "map"]
    if maps:
        yield f"A map is counted at its maxItems, however long its list will be: {', '.join(maps)}."
    if any(role.can_delegate for role in roles):
        bounded = (
            "which maxTokens bounds" if plan.max_tokens is not None else "which only maxTokens would bound"
        )
        yield f"Delegated tasks are runs of their own, {bounded}; what they use is not counted here."
    if any(step.on_failure == "park" for step in plan.steps):
        yield "What people have done once more after it failed is not counted here."
    if any(tool.name == SUBMIT_SUBTASK for role in roles for tool in role.tools):
        yield "Subtasks are runs of their own; what they use is not counted here."
    if any(role.servers for role in roles):
        yield "MCP servers are asked for their tools when the run starts, not now."
    if any(role.memory and role.memory.embeddings not in ("", "hash", "local") for role in roles):
        yield "What embeddings cost is not counted here."
