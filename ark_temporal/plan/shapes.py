"""Steps that are more than one agent's task: many tasks, several at once, one of many."""

from typing import Literal

from pydantic import Field

from ark_temporal.wire import FrozenWire

MAX_CONCURRENCY = 500
"""The most items of a map that are worked on at the same time."""


class MapPlan(FrozenWire):
    """Do the step's task once for every item of a list.

    Attributes:
        over: Template of the list: one action such as `{{ .steps.find.data }}`, or text that is a JSON array.
            The step's inputs read the item as `.item` and its place, from 0, as `.index`.
        max_concurrency: How many items are worked on at the same time.
        max_items: A longer list fails the step; nothing is ever left out.
        on_failure: Whether an item that fails fails the step, or is left empty in the result.
    """

    over: str
    max_concurrency: int = Field(default=10, ge=1, le=MAX_CONCURRENCY)
    max_items: int = Field(default=1000, ge=1)
    on_failure: Literal["fail", "collect"] = "fail"


class EnsemblePlan(FrozenWire):
    """Have the step's task done several times at once, and join what came of it.

    Attributes:
        roles: Who does it; a role that stands here twice does it twice.
        join: Whether all must succeed, the first success is enough, `quorum` of them are, or whoever
            succeeds counts. Once it is decided, the others are cancelled.
        quorum: How many successes are enough; of `vote`, how many equal ones.
        select: What becomes of several answers: all of them one after the other, the most frequent one, the
            one that `judge` picks, or the first.
        judge: The role that picks.
    """

    roles: tuple[str, ...] = Field(min_length=1)
    join: Literal["all", "any", "quorum", "bestEffort"] = "all"
    quorum: int = Field(default=1, ge=1)
    select: Literal["concat", "vote", "judge", "first"] = "concat"
    judge: str = ""


class SwitchPlan(FrozenWire):
    """Choose the step's role by what a template says.

    Attributes:
        value: Template; blanks around its text do not count.
        cases: Role by text.
        default: Role for any other text; empty fails the step then.
    """

    value: str
    cases: dict[str, str] = Field(default_factory=dict[str, str])
    default: str = ""


class LookupPlan(FrozenWire):
    """Choose the step's role among agents that a registry found.

    Attributes:
        roles: The agents found, by their roles in the plan.
        strategy: Which of several is taken.
        fallback: The role taken where none was found.
        capability: What they can do.
    """

    roles: tuple[str, ...] = ()
    strategy: Literal["least-busy", "round-robin", "random"] = "least-busy"
    fallback: str = ""
    capability: str = ""


class CapabilityPlan(FrozenWire):
    """Something that agents of a registry can do.

    Attributes:
        roles: Who can, by their roles in the plan.
    """

    id: str
    description: str = ""
    tags: tuple[str, ...] = ()
    roles: tuple[str, ...]


class RoutingPlan(FrozenWire):
    """Let a model choose the agent by what agents can do.

    Attributes:
        router: The role, in the plan's agents, that stands for the model that chooses.
        fallback: The role taken where the choice is of no use; empty fails the run then.
        strategy: Which of several agents with the chosen capability is taken.
    """

    router: str
    capabilities: tuple[CapabilityPlan, ...] = ()
    fallback: str = ""
    strategy: Literal["least-busy", "round-robin", "random"] = "least-busy"
