"""What changed between two sights of a run, for views that append."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.progress.table import retries_by_step

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting, RunRecord, StepRecord, ToolCallRecord
    from ark_temporal.runs.pending import PendingCall, Waiting
    from ark_temporal.runs.watch import Sight


@dataclass(frozen=True)
class Started:
    """The run was seen for the first time."""

    record: "RunRecord"


@dataclass(frozen=True)
class StepChanged:
    """A step is in another phase, or in its next iteration."""

    step: "StepRecord"


@dataclass(frozen=True)
class ToolCalled:
    """A tool call of a step came out."""

    step: str
    call: "ToolCallRecord"


@dataclass(frozen=True)
class Asked:
    """The run waits for a person."""

    awaiting: "Awaiting"


@dataclass(frozen=True)
class Decided:
    """Somebody has decided, and the run goes on."""

    awaiting: "Awaiting"


@dataclass(frozen=True)
class Retrying:
    """A call of a step failed and is tried again."""

    step: str
    call: "PendingCall"


@dataclass(frozen=True)
class NoWorker:
    """Nobody listens on the run's task queue."""

    task_queue: str


@dataclass(frozen=True)
class Stuck:
    """The run's own code keeps failing."""

    times: int


Change = Started | StepChanged | ToolCalled | Asked | Decided | Retrying | NoWorker | Stuck


@dataclass
class Changes:
    """Remembers what was told."""

    _begun: bool = False
    _steps: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _tools: dict[str, "_Told"] = field(default_factory=dict[str, "_Told"])
    _awaiting: dict[str, "Awaiting"] = field(default_factory=dict[str, "Awaiting"])
    _retries: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _no_worker: str | None = None
    _stuck: bool = False

    def since(self, sight: "Sight") -> Iterator[Change]:
        """What is new, each thing once."""
        if not self._begun:
            self._begun = True
            yield Started(sight.record)
        for step in sight.record.steps:
            yield from self._of_step(step)
        yield from self._of_people(sight.record)
        yield from self._waiting(sight.record, sight.waiting)

    def _of_step(self, step: "StepRecord") -> Iterator[Change]:
        """In the order in which it was: what a step called before it was done, or went round once more."""
        now = (step.phase, step.iterations)
        changed = now != self._steps.get(step.name, ("Pending", 0))
        self._steps[step.name] = now
        called = list(self._tools.setdefault(step.name, _Told()).since(step.tool_calls))
        running = step.phase == "Running"
        if changed and running:
            yield from (ToolCalled(step.name, each) for each in called if each.iteration < step.iterations)
            yield StepChanged(step)
            called = [each for each in called if each.iteration == step.iterations]
        yield from (ToolCalled(step.name, each) for each in called)
        if changed and not running:
            yield StepChanged(step)

    def _of_people(self, record: "RunRecord") -> Iterator[Change]:
        awaiting = {each.id: each for each in record.awaiting}
        if not record.ended:
            yield from (Decided(each) for id, each in self._awaiting.items() if id not in awaiting)
        yield from (Asked(each) for id, each in awaiting.items() if id not in self._awaiting)
        self._awaiting = awaiting

    def _waiting(self, record: "RunRecord", waiting: "Waiting") -> Iterator[Change]:
        for step, call in retries_by_step(record.steps, waiting.retries).items():
            if (call.id, call.attempt) not in self._retries:
                self._retries.add((call.id, call.attempt))
                yield Retrying(step, call)
        if waiting.no_worker is not None and waiting.no_worker != self._no_worker:
            yield NoWorker(waiting.no_worker)
        self._no_worker = waiting.no_worker
        if waiting.stuck_task > 1 and not self._stuck:
            yield Stuck(waiting.stuck_task)
        self._stuck = waiting.stuck_task > 1


@dataclass
class _Told:
    """Which tool calls of a step were told: the first so many, and some after them."""

    _first: int = 0
    _others: set[str] = field(default_factory=set[str])

    def since(self, calls: "Sequence[ToolCallRecord]") -> "Iterator[ToolCallRecord]":
        """Those that came out since, each once."""
        for call in calls[self._first :]:
            if call.completion_time is not None and call.id not in self._others:
                self._others.add(call.id)
                yield call
        while self._first < len(calls) and calls[self._first].id in self._others:
            self._others.discard(calls[self._first].id)
            self._first += 1
