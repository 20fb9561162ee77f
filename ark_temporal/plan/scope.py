"""What the steps of one run share."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ark_temporal.plan.calls import ItemResult, Notification, Page, Request, ToolDiscovery
from ark_temporal.plan.gates import Event
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import Plan
from ark_temporal.plan.prompts import TemplateView
from ark_temporal.plan.record import Awaiting, Purpose, RunError
from ark_temporal.plan.state import ProgressState
from ark_temporal.plan.telling import about_run

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step


MAX_TOLD_CHARS = 10_000
"""The most of a question's subject that goes out with a message; the run has all of it."""


class Scope:
    """The run as its steps see it.

    Attributes:
        plan: What runs.
        record: What happened.
        view: What templates see.
        payload_limit: The most bytes that a request may have.
        depth: How many runs are above this one.
        page: The part of a map that the run does; None where it does none.
        items: What came of that part.
        steps: The steps, and the parts of steps that are under way, by name.
        told: What roles said that were handed tasks, the latest of each.
        lists: The tools that were discovered, by the discovery's id.
        models: The models that people chose for steps, by the step's name.
        due: What is to be asked next.
        abandon: Is told the name of a step whose requests nobody waits for any more.
    """

    def __init__(
        self,
        plan: Plan,
        state: ProgressState,
        *,
        payload_limit: int,
        depth: int,
        page: Page | None,
        abandon: Callable[[str], None],
    ) -> None:
        self.plan = plan
        self.record = state.record
        self.view = TemplateView(state.record)
        for name, said in (page.context.steps if page is not None else {}).items():
            self.view.tell(
                name, str(said.get("output", "")), data=said.get("data"), answer=said.get("answer")
            )
        self.payload_limit = payload_limit
        self.depth = depth
        self.page = page
        self.items: list[ItemResult] = []
        self.steps: dict[str, Step] = {}
        self.told = dict(state.told)
        for role, output in self.told.items():
            self.view.tell(role, output)
        self.lists = dict(state.lists)
        self.models = dict(state.models)
        self.due = list(state.due)
        self.abandon = abandon
        self._asked: Counter[tuple[str, Purpose]] = Counter(
            {(role, purpose): number for role, purpose, number in state.asked}
        )
        self._discovering = {*state.lists, *(one.id for one in state.due if isinstance(one, ToolDiscovery))}
        self._children: Counter[str] = Counter(state.children)

    def count(self, role: str, purpose: Purpose) -> int:
        """How many calls of this purpose the role made before; counts one more."""
        number = self._asked[role, purpose]
        self._asked[role, purpose] += 1
        return number

    def new_child(self, name: str) -> str:
        """The id of one more run below this one."""
        self._children[name] += 1
        return f"{self.record.id}-{name}-{self._children[name]}"

    def busy(self, role: str) -> int:
        """How many steps a role has under way."""
        return sum(step.record.role == role and step.body is not None for step in self.steps.values())

    def chosen(self, roles: Sequence[str]) -> int:
        """How often one of these roles was chosen for a step before."""
        return sum(bool(step.resolved_agent) and step.role in roles for step in self.record.steps)

    def tell(self, event: Event, awaiting: Awaiting) -> None:
        """Have people told about a question, by each way apart: one that fails holds up no other.

        What no gate asks, such as how to go on after a failure, those are told who are told of the run.
        """
        notify = awaiting.gate.notify if awaiting.gate is not None else self.plan.notify
        if notify is None or not notify.tells(event):
            return
        gate = awaiting.model_dump(mode="json", exclude={"gate", "votes", "answer_schema"})
        gate["subject"] = awaiting.subject[:MAX_TOLD_CHARS]
        about: dict[str, JsonValue] = {"gate": gate, "run": about_run(self.record)}
        for number, channel in enumerate(notify.channels, 1):
            self.due.append(
                Notification(
                    id=f"{awaiting.id}#{event}-{awaiting.tier + awaiting.reminders + 1}-{number}",
                    step=awaiting.step,
                    namespace=self.plan.namespace,
                    team=self.plan.team,
                    run=self.record.id,
                    event=event,
                    notify=notify.model_copy(update={"channels": (channel,)}),
                    message=awaiting.message,
                    about=about,
                )
            )

    def hear(self, role: str, output: str) -> None:
        """Let templates see what a role said that was handed a task; a step of its name goes before it."""
        if all(step.name != role for step in self.plan.steps):
            self.told[role] = output
            self.view.tell(role, output)

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
            models=self.models,
            told=self.told,
            children=dict(self._children),
            over_budget=over_budget,
        )
