"""What two runs did differently."""

import difflib
import json
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field, JsonValue

from ark_temporal.plan.record import RunRecord, StepRecord
from ark_temporal.wire import Wire


class StepSide(Wire):
    """What one of two runs did in a step.

    Attributes:
        agent: Who did it, where that was chosen when the step ran.
        seconds: How long it took; None where it did not run, or runs still.
        reused_from: The run that did it, where this one took its result over.
    """

    phase: str
    iterations: int = 0
    tokens: int = 0
    cost_usd: float | None = None
    model: str = ""
    agent: str = ""
    seconds: float | None = None
    reused_from: str = ""


class StepDiff(Wire):
    """A step of two runs.

    Attributes:
        a: None where the first run has no such step.
        b: None where the second one has none.
        same: Whether it ended in the same way and with the same output.
        output: The outputs as a unified diff, line by line; empty where they are the same.
    """

    always: ClassVar[frozenset[str]] = frozenset({"a", "b", "same"})

    name: str
    a: StepSide | None = None
    b: StepSide | None = None
    same: bool = False
    output: list[str] = Field(default_factory=list[str])


class InputDiff(Wire):
    """An input that two runs were given differently; None where one was not given it."""

    always: ClassVar[frozenset[str]] = frozenset({"a", "b"})

    name: str
    a: JsonValue = None
    b: JsonValue = None


class RunSide(Wire):
    """One of two runs."""

    id: str
    team: str
    phase: str
    reason: str = ""
    plan: str
    tokens: int = 0
    cost_usd: float | None = None
    seconds: float | None = None


class RunDiff(Wire):
    """What two runs did differently.

    Attributes:
        same: Whether both ended in the same way, with the same output, in all steps and as a whole.
        same_plan: Whether both ran the same plan.
        input: What they were given differently.
        output: The results as a unified diff, line by line.
        steps: In the order of the first run; those of the second one only come last.
    """

    always: ClassVar[frozenset[str]] = frozenset({"same", "same_plan", "steps"})

    a: RunSide
    b: RunSide
    same: bool
    same_plan: bool
    input: list[InputDiff] = Field(default_factory=list[InputDiff])
    output: list[str] = Field(default_factory=list[str])
    steps: list[StepDiff] = Field(default_factory=list[StepDiff])


def diff_runs(a: RunRecord, b: RunRecord) -> RunDiff:
    """Compare two runs, step by step.

    Steps belong together by their names. Two outputs are the same where their lines are, or their data.
    """
    ours, theirs = ({step.name: step for step in record.steps} for record in (a, b))
    steps = [_diff_step(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])]
    output = list(_diff_lines(_lines(a.output, None), _lines(b.output, None)))
    return RunDiff(
        a=_run_side(a),
        b=_run_side(b),
        same=a.phase == b.phase and not output and all(step.same for step in steps),
        same_plan=a.plan == b.plan,
        input=[
            InputDiff(name=name, a=a.input.get(name), b=b.input.get(name))
            for name in dict.fromkeys([*a.input, *b.input])
            if (name in a.input) != (name in b.input) or a.input[name] != b.input[name]
        ],
        output=output,
        steps=steps,
    )


def _diff_step(name: str, a: StepRecord | None, b: StepRecord | None) -> StepDiff:
    output = [] if a and b and _same_data(a, b) else list(_diff_lines(_output_lines(a), _output_lines(b)))
    return StepDiff(
        name=name,
        a=_step_side(a) if a else None,
        b=_step_side(b) if b else None,
        same=a is not None and b is not None and a.phase == b.phase and not output,
        output=output,
    )


def _same_data(a: StepRecord, b: StepRecord) -> bool:
    return a.data is not None and a.data == b.data


def _output_lines(step: StepRecord | None) -> list[str]:
    return _lines(step.output, step.data) if step else []


def _lines(output: str, data: JsonValue) -> list[str]:
    """The lines of an output; JSON is laid out first, so that a line is a fact."""
    return (output if data is None else json.dumps(data, ensure_ascii=False, indent=2)).splitlines()


def _diff_lines(a: list[str], b: list[str]) -> Iterator[str]:
    lines = difflib.unified_diff(a, b, lineterm="", n=2)
    next(lines, None)
    next(lines, None)  # the names of two files
    return lines


def _run_side(record: RunRecord) -> RunSide:
    return RunSide(
        id=record.id,
        team=record.team,
        phase=record.phase,
        reason=record.reason,
        plan=record.plan,
        tokens=record.token_usage.total_tokens,
        cost_usd=record.cost_usd,
        seconds=_seconds(record),
    )


def _step_side(step: StepRecord) -> StepSide:
    return StepSide(
        phase=step.phase,
        iterations=step.iterations,
        tokens=step.token_usage.total_tokens,
        cost_usd=step.cost_usd,
        model=step.model,
        agent=step.resolved_agent,
        seconds=_seconds(step),
        reused_from=step.reused_from,
    )


def _seconds(record: RunRecord | StepRecord) -> float | None:
    if record.start_time is None or record.completion_time is None:
        return None
    return (record.completion_time - record.start_time).total_seconds()
