"""Which steps may start, as the steps that they wait for get done."""

from collections import defaultdict

from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.record import RunRecord


class Readiness:
    """The steps of a run that wait for others, and those that wait no longer.

    Every edge of the plan is looked at once in the whole run, however many steps there are.
    """

    def __init__(self, plan: Plan, record: RunRecord) -> None:
        phases = {step.name: step.phase for step in record.steps}
        done = {name for name, phase in phases.items() if phase in ("Succeeded", "Skipped")}
        self._order = {step.name: place for place, step in enumerate(plan.steps)}
        self._plans = {step.name: step for step in plan.steps}
        self._waits_for = {step.name: set(step.depends_on) - done for step in plan.steps}
        self._dependents: defaultdict[str, list[str]] = defaultdict(list)
        for step in plan.steps:
            for name in self._waits_for[step.name]:
                self._dependents[name].append(step.name)
        self._ready = [
            name for name, others in self._waits_for.items() if not others and phases[name] == "Pending"
        ]

    def settle(self, name: str) -> None:
        """A step has succeeded or was skipped."""
        for dependent in self._dependents.pop(name, ()):
            self._waits_for[dependent].discard(name)
            if not self._waits_for[dependent]:
                self._ready.append(dependent)

    def take(self) -> list[StepPlan]:
        """The steps that became ready since this was asked last, in the order of the plan."""
        ready, self._ready = sorted(self._ready, key=self._order.__getitem__), []
        return [self._plans[name] for name in ready]
