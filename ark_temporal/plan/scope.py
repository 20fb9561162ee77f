"""What the steps of one run share."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from ark_temporal.plan.agent_loop import MAX_SUBTASKS, LoopState
from ark_temporal.plan.calls import Request, ToolDiscovery
from ark_temporal.plan.model import Plan
from ark_temporal.plan.prompts import TemplateView
from ark_temporal.plan.record import Purpose, RunError
from ark_temporal.plan.state import ProgressState


class Scope:
    """The run as its steps see it.

    Attributes:
        plan: What runs.
        record: What happened.
        view: What templates see.
        payload_limit: The most bytes that a request may have.
        depth: How many runs are above this one.
        lists: The tools that were discovered, by the discovery's id.
        due: What is to be asked next.
        settle: Is told the name of a step that is done.
        fail: Is told why the run fails.
    """

    def __init__(
        self,
        plan: Plan,
        state: ProgressState,
        *,
        payload_limit: int,
        depth: int,
        settle: Callable[[str], None],
        fail: Callable[[RunError, datetime], None],
    ) -> None:
        self.plan = plan
        self.record = state.record
        self.view = TemplateView(state.record)
        self.payload_limit = payload_limit
        self.depth = depth
        self.lists = dict(state.lists)
        self.due = list(state.due)
        self.settle = settle
        self.fail = fail
        self._asked: Counter[tuple[str, Purpose]] = Counter(
            {(role, purpose): number for role, purpose, number in state.asked}
        )
        self._discovering = {*state.lists, *(one.id for one in state.due if isinstance(one, ToolDiscovery))}
        self._subtasks = state.subtasks

    def count(self, role: str, purpose: Purpose) -> int:
        """How many calls of this purpose the role made before; counts one more."""
        number = self._asked[role, purpose]
        self._asked[role, purpose] += 1
        return number

    def new_subtask(self) -> str | None:
        """The id of one more subtask; None when the run has started its share."""
        if self._subtasks >= MAX_SUBTASKS:
            return None
        self._subtasks += 1
        return f"{self.record.id}-sub-{self._subtasks}"

    def not_yet_asked(self, requests: Sequence[Request]) -> list[Request]:
        """Without the discoveries that another step of the same role has asked for."""
        new = [one for one in requests if one.id not in self._discovering]
        self._discovering.update(one.id for one in new if isinstance(one, ToolDiscovery))
        return new

    def state(self, loops: list[LoopState], over_budget: RunError | None) -> ProgressState:
        """What to carry over."""
        return ProgressState(
            record=self.record,
            loops=loops,
            asked=[(role, purpose, number) for (role, purpose), number in self._asked.items()],
            lists=self.lists,
            due=self.due,
            subtasks=self._subtasks,
            over_budget=over_budget,
        )
