"""What a plan would do, and what it costs at the worst: a pure function of the plan."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import JsonValue

from ark_temporal.llm.prices import Prices
from ark_temporal.llm.types import Provider, Usage
from ark_temporal.plan.judging import allowed_retries
from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.plan.reach import (
    MemoryReach,
    ServerReach,
    ToolReach,
    memory_within_reach,
    servers_within_reach,
    tools_within_reach,
)
from ark_temporal.plan.toolbox import SUBMIT_SUBTASK
from ark_temporal.wire import FrozenWire


class Bound(FrozenWire):
    """The most that something may use.

    Attributes:
        model_calls: Model calls that are answered; an attempt that fails and is made again counts once.
        tokens: Every call at its `maxTokensPerCall`, which is meant for input and output together.
        cost_usd: These tokens at the price of output, the dearest; None where a price is not known.
    """

    always: ClassVar[frozenset[str]] = frozenset({"model_calls", "tokens"})

    model_calls: int = 0
    tokens: int = 0
    cost_usd: float | None = None


class StepForecast(FrozenWire):
    """What one step may do.

    Attributes:
        level: From 1; steps of one level wait for none of each other.
        conditional: Whether its `if` may skip it.
        executions: How often its task may be done: 1 + `loop.maxIterations`.
        turns: How often the model may be asked in one execution, tools being called in between.
        repairs: How often it may be asked again in one execution, for an answer that is not accepted.
        judgements: How often a semantic check may be asked for in one execution.
        bound: All of it together.
    """

    name: str
    role: str
    level: int
    depends_on: tuple[str, ...] = ()
    conditional: bool = False
    executions: int
    turns: int
    repairs: int
    judgements: int
    bound: Bound


class RoleForecast(FrozenWire):
    """Who does the work of a role, within what bounds, and what it reaches.

    Attributes:
        provider: Who answers; None where it cannot be known here.
        max_turns: How often the model may be asked in one task; 1 for an agent without tools.
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


class Forecast(FrozenWire):
    """A plan as people look at it before they run it. Public: `ark-temporal plan -o json` prints it.

    Attributes:
        plan: Digest of the plan.
        steps: In an order in which they can run.
        roles: In the order of the plan.
        timeout_seconds: The longest the run may take; None is no limit.
        max_tokens: What the run's tokens are held to; None is no limit.
        bound: Of the whole run.
        prices_as_of: The day of the price list; empty where nothing has a price.
        notes: What the numbers do not say, a sentence each.
    """

    team: str
    namespace: str
    plan: str
    steps: tuple[StepForecast, ...]
    roles: tuple[RoleForecast, ...]
    timeout_seconds: int | None = None
    max_tokens: int | None = None
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
    check of every answer. Tokens are `maxTokensPerCall` for every one of these calls.

    Args:
        plan: What would run.
        providers: Who answers, by role, as far as it is known.
        prices: Price lists.
        run_input: The run's input, for tools whose address depends on it; None where it is not known.
    """
    levels = _levels(plan)
    pricing = _Pricing(plan, providers, prices)
    steps = [_step(step, plan.agents[step.role], levels[step.name], pricing) for step in plan.steps]
    steps.sort(key=lambda step: step.level)
    roles = tuple(_role(agent, providers.get(role), run_input) for role, agent in plan.agents.items())
    return Forecast(
        team=plan.team,
        namespace=plan.namespace,
        plan=plan.digest(),
        steps=tuple(steps),
        roles=roles,
        timeout_seconds=plan.timeout_seconds,
        max_tokens=plan.max_tokens,
        bound=_whole(plan, steps, pricing),
        prices_as_of=pricing.as_of,
        notes=tuple(_notes(plan, roles, pricing)),
    )


class _Pricing:
    """What tokens of each role cost."""

    def __init__(self, plan: Plan, providers: Mapping[str, Provider], prices: Prices) -> None:
        self._plan, self._providers, self._prices = plan, providers, prices
        self.as_of = ""
        self.unknown: list[str] = []
        for role, agent in plan.agents.items():
            cost = self._cost(role, 0)
            if cost is None and agent.model not in self.unknown:
                self.unknown.append(agent.model)

    def usd(self, role: str, tokens: int) -> float | None:
        """US dollars for so many tokens of a role's model, all of them at the price of output."""
        return self._cost(role, tokens)

    def dearest(self, tokens: int) -> float | None:
        """US dollars for so many tokens of the role whose model costs most."""
        costs = [self._cost(role, tokens) for role in self._plan.agents]
        known = [cost for cost in costs if cost is not None]
        return max(known) if len(known) == len(costs) else None

    def _cost(self, role: str, tokens: int) -> float | None:
        provider = self._providers.get(role)
        if provider is None:
            return None
        cost = self._prices.price(self._plan.agents[role].model, provider, Usage(output_tokens=tokens))
        if cost is not None:
            self.as_of = max(self.as_of, cost.as_of)
        return cost.usd if cost is not None else None


def _levels(plan: Plan) -> dict[str, int]:
    levels: dict[str, int] = {}
    waiting = list(plan.steps)
    while waiting:  # a plan has no cycles, so every round sets some free
        free = [step for step in waiting if all(name in levels for name in step.depends_on)]
        for step in free:
            levels[step.name] = 1 + max((levels[name] for name in step.depends_on), default=0)
        waiting = [step for step in waiting if step.name not in levels]
    return levels


def _step(step: StepPlan, agent: AgentPlan, level: int, pricing: _Pricing) -> StepForecast:
    executions = 1 + (step.loop.max_iterations if step.loop else 0)
    repairs = allowed_retries(step, schema_problem=step.output_schema is not None)
    judged = step.validation is not None and step.validation.semantic is not None
    judgements = 1 + repairs if judged else 0
    turns = _turns(agent)
    calls = executions * (turns + repairs + judgements)
    tokens = calls * agent.max_tokens_per_call
    return StepForecast(
        name=step.name,
        role=step.role,
        level=level,
        depends_on=step.depends_on,
        conditional=step.condition is not None,
        executions=executions,
        turns=turns,
        repairs=repairs,
        judgements=judgements,
        bound=Bound(model_calls=calls, tokens=tokens, cost_usd=pricing.usd(agent.role, tokens)),
    )


def _turns(agent: AgentPlan) -> int:
    has_tools = bool(agent.tools or agent.mcp_servers or agent.memory)
    return agent.max_turns if has_tools else 1


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
        max_turns=_turns(agent),
        tools=tools_within_reach(agent, run_input),
        servers=servers_within_reach(agent),
        memory=memory_within_reach(agent.memory),
    )


def _whole(plan: Plan, steps: Sequence[StepForecast], pricing: _Pricing) -> Bound:
    calls, tokens = (sum(getattr(step.bound, name) for step in steps) for name in ("model_calls", "tokens"))
    costs = [step.bound.cost_usd for step in steps]
    known = [cost for cost in costs if cost is not None]
    cost = sum(known) if len(known) == len(costs) else None
    if plan.max_tokens is None:
        return Bound(model_calls=calls, tokens=tokens, cost_usd=cost)
    capped = min(tokens, plan.max_tokens + _under_way(plan, steps))
    at_most = pricing.dearest(capped)
    return Bound(
        model_calls=calls,
        tokens=capped,
        cost_usd=min(cost, at_most) if cost is not None and at_most is not None else None,
    )


def _under_way(plan: Plan, steps: Sequence[StepForecast]) -> int:
    """Tokens of the calls that may be under way when the run's budget is used up; these still end.

    Steps in a chain never run at the same time. So all that do are in different chains, whatever the chains.
    """
    dearest_of: list[int] = []
    chain_ending_in: dict[str, int] = {}
    for step in steps:
        tokens = plan.agents[step.role].max_tokens_per_call
        before = next((name for name in step.depends_on if name in chain_ending_in), None)
        chain = chain_ending_in.pop(before) if before is not None else len(dearest_of)
        if before is None:
            dearest_of.append(0)
        dearest_of[chain] = max(dearest_of[chain], tokens)
        chain_ending_in[step.name] = chain
    return sum(dearest_of)


def _notes(plan: Plan, roles: Sequence[RoleForecast], pricing: _Pricing) -> list[str]:
    notes = [
        "Tokens are maxTokensPerCall for every call. What a call reads is not cut off by it: a long "
        "conversation is read again at every turn, up to the model's context window."
    ]
    if plan.max_tokens is not None:
        notes.append(
            f"The run ends when it has used more than its maxTokens of {plan.max_tokens:,}; calls that are "
            "under way then still end."
        )
    else:
        notes.append("The team's maxTokens would hold the whole run to a number of tokens; none is set.")
    if pricing.unknown:
        notes.append(f"No price is known for {', '.join(pricing.unknown)}; --prices takes a list of yours.")
    if any(tool.name == SUBMIT_SUBTASK for role in roles for tool in role.tools):
        notes.append("Subtasks are runs of their own; what they use is not counted here.")
    if any(role.servers for role in roles):
        notes.append("MCP servers are asked for their tools when the run starts, not now.")
    if any(role.memory and role.memory.embeddings not in ("", "hash", "local") for role in roles):
        notes.append("What embeddings cost is not counted here.")
    return notes
