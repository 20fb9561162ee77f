"""What changed between two sights of a run, for views that append."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ark_temporal.runs.questions import questions_of
from cli.progress.table import retries_by_step
from cli.progress.words import parts_done

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord, StepRecord, ToolCallRecord
    from ark_temporal.runs.pending import PendingCall, Waiting
    from ark_temporal.runs.questions import Question
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
    run: str


@dataclass(frozen=True)
class PartsDone:
    """More of a step's parts are done."""

    step: "StepRecord"


@dataclass(frozen=True)
class Asked:
    """The run, or one under it, waits for a person."""

    question: "Question"


@dataclass(frozen=True)
class Decided:
    """Somebody has decided, and that run goes on."""

    question: "Question"


@dataclass(frozen=True)
class Paused:
    """Somebody holds the run up."""

    record: "RunRecord"


@dataclass(frozen=True)
class Resumed:
    """Somebody lets it go on."""


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


Change = (
    Started
    | StepChanged
    | PartsDone
    | ToolCalled
    | Asked
    | Decided
    | Paused
    | Resumed
    | Retrying
    | NoWorker
    | Stuck
)

_PARTS_TOLD = 10
"""Of a step with many parts, so many times how far it is."""


@dataclass
class Changes:
    """Remembers what was told."""

    _begun: bool = False
    _steps: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    _tools: dict[str, "_Told"] = field(default_factory=dict[str, "_Told"])
    _parts: dict[str, int] = field(default_factory=dict[str, int])
    _asked: dict[tuple[str, str], "Question"] = field(default_factory=dict[tuple[str, str], "Question"])
    _paused: bool = False
    _retries: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    _no_worker: str | None = None
    _stuck: bool = False

    def since(self, sight: "Sight") -> Iterator[Change]:
        """What is new, each thing once."""
        if not self._begun:
            self._begun = True
            yield Started(sight.record)
        for step in sight.record.steps:
            yield from self._of_step(step, sight.record.id)
        yield from self._of_people(sight)
        yield from self._waiting(sight.record, sight.waiting)

    def _of_step(self, step: "StepRecord", run: str) -> Iterator[Change]:
        """In the order in which it was: what a step called before it was done, or went round once more."""
        now = (step.phase, step.iterations)
        changed = now != self._steps.get(step.name, ("Pending", 0))
        self._steps[step.name] = now
        called = list(self._tools.setdefault(step.name, _Told()).since(step.tool_calls))
        running = step.phase == "Running"
        if changed and running:
            yield from (
                ToolCalled(step.name, each, run) for each in called if each.iteration < step.iterations
            )
            yield StepChanged(step)
            called = [each for each in called if each.iteration == step.iterations]
        yield from (ToolCalled(step.name, each, run) for each in called)
        if running and step.branches:
            yield from self._of_parts(step)
        if changed and not running:
            yield StepChanged(step)

    def _of_parts(self, step: "StepRecord") -> Iterator[Change]:
        """How far it is, now and then: a step may have thousands of parts."""
        done = parts_done(step)
        told = self._parts.get(step.name, 0)
        if done < told:
            self._parts[step.name] = 0  # it goes round once more
        elif done - told >= max(len(step.branches) / _PARTS_TOLD, 1):
            self._parts[step.name] = done
            yield PartsDone(step)

    def _of_people(self, sight: "Sight") -> Iterator[Change]:
        record = sight.record
        asked = {(each.run, each.awaiting.id): each for each in (*questions_of(record), *sight.below)}
        if not record.ended:
            yield from (Decided(each) for key, each in self._asked.items() if key not in asked)
        yield from (Asked(each) for key, each in asked.items() if key not in self._asked)
        self._asked = asked
        if (is_paused := record.paused_since is not None and not record.ended) != self._paused:
            self._paused = is_paused
            if is_paused:
                yield Paused(record)
            elif not record.ended:
                yield Resumed()

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
