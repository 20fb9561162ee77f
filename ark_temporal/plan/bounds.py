"""The most that steps may use: model calls, tokens, dollars."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import ClassVar, Literal

from ark_temporal.llm.prices import Prices
from ark_temporal.llm.types import Provider, Usage
from ark_temporal.plan.judging import SCHEMA_REPAIRS, allowed_retries
from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.plan.reach import GateReach, every_agent, gate_within_reach
from ark_temporal.plan.shapes import CapabilityPlan
from ark_temporal.wire import FrozenWire

Shape = Literal["task", "map", "ensemble", "fallback", "switch", "lookup", "routing"]


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
        shape: How its work is shared out; `task` is one role's.
        role: Who does it; where something else chooses, the first it could be.
        roles: All who may have a part in it, where it is more than one.
        capabilities: What a router chooses among.
        level: From 1; steps of one level wait for none of each other.
        conditional: Whether its `if` may skip it.
        gates: What people decide before it and after it.
        executions: How often its task may be done: 1 + `loop.maxIterations`.
        items: How many items a map may have; each is a task of its own.
        turns: How often the model may be asked in one execution, tools being called in between; of several
            roles the most, and 0 where none is an agent.
        repairs: How often it may be asked again in one execution, for an answer that is not accepted.
        judgements: How often a semantic check may be asked for in one execution.
        bound: All of it together.
    """

    name: str
    shape: Shape = "task"
    role: str
    roles: tuple[str, ...] = ()
    capabilities: tuple[CapabilityPlan, ...] = ()
    level: int
    depends_on: tuple[str, ...] = ()
    conditional: bool = False
    gates: tuple[GateReach, ...] = ()
    executions: int
    items: int = 1
    turns: int
    repairs: int
    judgements: int
    bound: Bound


class Pricing:
    """What tokens of each role cost.

    Attributes:
        as_of: The day of the price list; empty where nothing has a price.
        unknown: Models whose price is not known.
    """

    def __init__(self, plan: Plan, providers: Mapping[str, Provider], prices: Prices) -> None:
        self._agents = dict(every_agent(plan))
        self._providers, self._prices = providers, prices
        self.as_of = ""
        self.unknown: list[str] = []
        for role, agent in self._agents.items():
            if self.usd(role, 0) is None and agent.model not in self.unknown:
                self.unknown.append(agent.model)

    def usd(self, role: str, tokens: int) -> float | None:
        """US dollars for so many tokens of a role's model, all of them at the price of output."""
        provider = self._providers.get(role)
        if provider is None:
            return None
        cost = self._prices.price(self._agents[role].model, provider, Usage(output_tokens=tokens))
        if cost is not None:
            self.as_of = max(self.as_of, cost.as_of)
        return cost.usd if cost is not None else None

    def dearest(self, tokens: int) -> float | None:
        """US dollars for so many tokens of the role whose model costs most."""
        return _known([self.usd(role, tokens) for role in self._agents], max)


def total(bounds: Iterable[Bound]) -> Bound:
    """All of them together."""
    each = list(bounds)
    return Bound(
        model_calls=sum(one.model_calls for one in each),
        tokens=sum(one.tokens for one in each),
        cost_usd=_known([one.cost_usd for one in each], sum),
    )


def forecast_step(
    step: StepPlan, plan: Plan, level: int, pricing: Pricing, teams: Mapping[str, Bound]
) -> StepForecast:
    """What a step may do at the most.

    Args:
        step: The step.
        plan: Its plan.
        level: Of the step.
        pricing: What tokens cost.
        teams: What each role that is a team may use in one task.
    """
    roles = tuple(dict.fromkeys(step.roles))
    workers = [plan.agents[role] for role in _workers(step) if role in plan.agents]
    counted = _Counted(step, plan, pricing, teams)
    return StepForecast(
        name=step.name,
        shape=shape_of(step),
        role=step.role,
        roles=roles if len(roles) > 1 else (),
        capabilities=step.routing.capabilities if step.routing else (),
        level=level,
        depends_on=step.depends_on,
        conditional=step.condition is not None,
        gates=tuple(gate_within_reach(gate, gate.when) for gate in step.gates),
        executions=counted.executions,
        items=counted.items,
        turns=max((turns_of(agent) for agent in workers), default=0),
        repairs=counted.repairs if workers else 0,
        judgements=counted.judgements if workers else 0,
        bound=counted.bound(),
    )


def shape_of(step: StepPlan) -> Shape:
    """How a step's work is shared out."""
    shapes: list[tuple[Shape, object]] = [
        ("map", step.map),
        ("ensemble", step.ensemble),
        ("fallback", step.fallback),
        ("switch", step.switch),
        ("lookup", step.lookup),
        ("routing", step.routing),
    ]
    for shape, given in shapes:
        if given:
            return shape
    return "task"


def turns_of(agent: AgentPlan) -> int:
    """How often an agent's model may be asked in one task; 1 where there is nothing to ask it about again."""
    has_tools = bool(agent.tools or agent.mcp_servers or agent.memory or agent.can_delegate)
    return agent.max_turns if has_tools else 1


def tokens_under_way(plan: Plan, levels: Mapping[str, int]) -> int:
    """Tokens of the calls that may be under way when a run's budget is used up; these still end.

    Steps in a chain never run at the same time. So all that do are in different chains, whatever the chains.

    Args:
        plan: The run's plan.
        levels: Of its steps.
    """
    dearest_of: list[int] = []
    chain_ending_in: dict[str, int] = {}
    for step in sorted(plan.steps, key=lambda step: levels[step.name]):
        before = next((name for name in step.depends_on if name in chain_ending_in), None)
        chain = chain_ending_in.pop(before) if before is not None else len(dearest_of)
        if before is None:
            dearest_of.append(0)
        dearest_of[chain] = max(dearest_of[chain], _step_under_way(step, plan))
        chain_ending_in[step.name] = chain
    return sum(dearest_of)


def levels_of(plan: Plan) -> dict[str, int]:
    """The level of each step, from 1; steps of one level wait for none of each other."""
    levels: dict[str, int] = {}
    waits_for = {step.name: step.depends_on for step in plan.steps}
    for name in TopologicalSorter(waits_for).static_order():
        levels[name] = 1 + max((levels[each] for each in waits_for[name]), default=0)
    return levels


class _Counted:
    """The numbers behind one step's bound."""

    def __init__(self, step: StepPlan, plan: Plan, pricing: Pricing, teams: Mapping[str, Bound]) -> None:
        self._step, self._plan, self._pricing, self._teams = step, plan, pricing, teams
        self.executions = 1 + (step.loop.max_iterations if step.loop else 0)
        self.items = step.map.max_items if step.map else 1
        self.repairs = allowed_retries(step, schema_problem=step.output_schema is not None)
        judged = step.validation is not None and step.validation.semantic is not None
        self.judgements = 1 + self.repairs if judged else 0

    def bound(self) -> Bound:
        tasks = [self._task(role) for role in _workers(self._step)]
        extra = [self._calls(role, number) for role, number in self._askers()]
        one_of_them = shape_of(self._step) in ("switch", "lookup", "routing")
        return total([*([_dearest(tasks)] if one_of_them else tasks), *extra])

    def _askers(self) -> Iterator[tuple[str, int]]:
        """Who is asked about the work of others, and how often."""
        if self._step.ensemble is not None and self._step.ensemble.judge:
            judge = self._plan.agents.get(self._step.ensemble.judge)
            yield self._step.ensemble.judge, SCHEMA_REPAIRS + (turns_of(judge) if judge is not None else 1)
        if self._step.routing is not None:
            yield self._step.routing.router, 1

    def _task(self, role: str) -> Bound:
        if role in self._teams:
            return self._team(role)
        return self._calls(role, turns_of(self._plan.agents[role]) + self.repairs + self.judgements)

    def _calls(self, role: str, number: int) -> Bound:
        if role in self._teams:
            return self._team(role)
        calls = number * self.executions * self.items
        tokens = calls * self._plan.agents[role].max_tokens_per_call
        return Bound(model_calls=calls, tokens=tokens, cost_usd=self._pricing.usd(role, tokens))

    def _team(self, role: str) -> Bound:
        each, number = self._teams[role], self.executions * self.items
        cost = None if each.cost_usd is None else number * each.cost_usd
        return Bound(model_calls=number * each.model_calls, tokens=number * each.tokens, cost_usd=cost)


def _workers(step: StepPlan) -> tuple[str, ...]:
    """Whose task it is: of some shapes all of them, of others one of them."""
    if step.ensemble is not None:
        return step.ensemble.roles
    if step.switch is not None:
        default = [step.switch.default] if step.switch.default else []
        return tuple(dict.fromkeys([*step.switch.cases.values(), *default]))
    if step.lookup is not None:
        return tuple(
            dict.fromkeys([*step.lookup.roles, *([step.lookup.fallback] if step.lookup.fallback else [])])
        )
    if step.routing is not None:
        able = [role for one in step.routing.capabilities for role in one.roles]
        return tuple(dict.fromkeys([*able, *([step.routing.fallback] if step.routing.fallback else [])]))
    return (step.role, *step.fallback)


def _step_under_way(step: StepPlan, plan: Plan) -> int:
    """Tokens of the calls of one step that may be under way at the same time."""
    workers = sum(_role_under_way(role, plan) for role in step.ensemble.roles) if step.ensemble else 0
    each = max(_role_under_way(role, plan) for role in step.roles)
    abreast = min(step.map.max_concurrency, step.map.max_items) if step.map is not None else 1
    return max(workers, abreast * each)


def _role_under_way(role: str, plan: Plan) -> int:
    nested = plan.teams.get(role)
    if nested is not None:
        return tokens_under_way(nested, levels_of(nested))
    return plan.agents[role].max_tokens_per_call


def _dearest(bounds: Iterable[Bound]) -> Bound:
    """What holds for each of them."""
    each = list(bounds)
    return Bound(
        model_calls=max(one.model_calls for one in each),
        tokens=max(one.tokens for one in each),
        cost_usd=_known([one.cost_usd for one in each], max),
    )


def _known(costs: Sequence[float | None], join: Callable[[Sequence[float]], float]) -> float | None:
    """The costs together, if all of them are known."""
    known = [cost for cost in costs if cost is not None]
    return join(known) if known and len(known) == len(costs) else None
