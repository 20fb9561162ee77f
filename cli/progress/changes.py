"""What changed between two sights of a run, for views that append."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.progress.table import retries_by_step

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord, StepRecord
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


Change = Started | StepChanged | Retrying | NoWorker | Stuck


@dataclass
class Changes:
    """Remembers what was told."""

    _begun: bool = False
    _steps: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _retries: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _no_worker: str | None = None
    _stuck: bool = False

    def since(self, sight: "Sight") -> Iterator[Change]:
        """What is new, each thing once."""
        if not self._begun:
            self._begun = True
            yield Started(sight.record)
        for step in sight.record.steps:
            now = (step.phase, step.iterations)
            if now != self._steps.get(step.name, ("Pending", 0)):
                self._steps[step.name] = now
                yield StepChanged(step)
        yield from self._waiting(sight.record, sight.waiting)

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
