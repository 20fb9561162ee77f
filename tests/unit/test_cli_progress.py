"""How a run in motion is told."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from ark_temporal.plan.record import (
    CallRecord,
    RunError,
    RunPhase,
    RunRecord,
    StepPhase,
    StepRecord,
    TokenUsage,
)
from ark_temporal.runs.pending import PendingCall, Waiting
from ark_temporal.runs.watch import Sight
from cli.exit_codes import ExitCode, exit_code
from cli.progress.plain import PlainView
from cli.progress.stream import StreamView
from cli.progress.table import Columns, choose, step_line
from cli.record_text import describe_record
from cli.terminal import Terminal

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def step(name: str, phase: StepPhase = "Pending", *, iterations: int = 0) -> StepRecord:
    made = StepRecord(name=name, role=name, phase=phase, iterations=iterations)
    if phase not in ("Pending", "Skipped"):
        made.start_time = START
        made.calls = [CallRecord(id=name, start_time=START)]
    if phase == "Succeeded":
        made.completion_time = START + timedelta(seconds=2.1)
        made.model = "claude-haiku-4-5"
        made.token_usage = TokenUsage(total_tokens=1800)
        made.cost_usd = 0.004
    return made


def record(*steps: StepRecord, phase: RunPhase = "Running", reason: str = "") -> RunRecord:
    return RunRecord(
        id="r", team="t", plan="9c1e22abffff", phase=phase, reason=reason, start_time=START, steps=list(steps)
    )


def retry(attempt: int, next_attempt: datetime | None = None) -> Waiting:
    return Waiting(retries=(PendingCall("write", attempt, 4, "it is\noverloaded", next_attempt),))


@pytest.mark.parametrize(
    ("phase", "reason", "code"),
    [
        ("Succeeded", "", ExitCode.SUCCEEDED),
        ("Failed", "StepFailed", ExitCode.FAILED),
        ("Failed", "BudgetExceeded", ExitCode.BUDGET_EXCEEDED),
        ("Failed", "TimedOut", ExitCode.TIMED_OUT),
        ("Cancelled", "Cancelled", ExitCode.CANCELLED),
        ("Terminated", "Terminated", ExitCode.CANCELLED),
        ("Running", "", ExitCode.GOES_ON),
    ],
)
def test_exit_codes(phase: RunPhase, reason: str, code: ExitCode) -> None:
    assert exit_code(record(phase=phase, reason=reason)) is code


def test_each_transition_is_one_line_and_told_once() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    research, write = step("research", "Running", iterations=1), step("write")
    view.show(Sight(record(research, write)))
    view.show(Sight(record(research, write)))
    done, writing = step("research", "Succeeded", iterations=1), step("write", "Running", iterations=1)
    view.show(Sight(record(done, writing), retry(2)))
    view.show(Sight(record(done, writing), retry(2)))
    view.show(Sight(record(done, step("write", "Running", iterations=2)), Waiting(no_worker="ark")))
    told = [line.partition("] ")[2] for line in stream.getvalue().splitlines()]
    assert told == [
        "run r  plan 9c1e22ab  2 steps",
        "research: running",
        "research: succeeded, 2.1s, 1.8k tok, $0.0040, claude-haiku-4-5",
        "write: running",
        "write: attempt 2 of 4: before, it is overloaded",
        "write: running, iteration 2",
        'no worker listens on task queue "ark"; start one with `ark-temporal worker`',
    ]


def test_a_stuck_workflow_is_told_once_until_it_moves(capsys: pytest.CaptureFixture[str]) -> None:
    view = StreamView("http://ui")
    for stuck in (0, 2, 3, 0, 2):
        view.show(Sight(record(step("write")), Waiting(stuck_task=stuck)))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["started", "waiting", "waiting"]
    assert events[0]["ui"] == "http://ui"


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 120])
def test_a_step_fits_every_width(columns: int) -> None:
    terminal = Terminal(io.StringIO(), live=True)
    steps = [step("日本語のとても長い名前", "Succeeded"), step("research", "Running"), step("x", "Skipped")]
    table = Columns.fit(steps, columns)
    for each in steps:
        line = step_line(terminal, each, None, table, columns)
        painted = terminal.paint(line, columns)
        assert len(painted) <= columns
        assert each.name[:2] in painted or each.name == "x"


def test_less_important_columns_go_first() -> None:
    steps = [step("research", "Succeeded")]
    kept = [
        [name for name in ("model", "time", "tokens", "cost") if getattr(Columns.fit(steps, columns), name)]
        for columns in (120, 40, 30, 22)
    ]
    assert kept == [
        ["model", "time", "tokens", "cost"],
        ["time", "tokens", "cost"],
        ["time", "tokens"],
        ["time"],
    ]


def test_a_crowd_of_steps_is_summed_up_around_those_that_move() -> None:
    steps = [step(f"done{number}", "Succeeded") for number in range(20)]
    steps += [step("now", "Running"), *(step(f"later{number}") for number in range(5))]
    shown, others = choose(steps, {}, 5)
    assert [each.name for each in shown] == ["now", "later0", "later1", "later2"]
    assert others == "and 20 succeeded, 2 pending"


def test_the_record_in_full() -> None:
    broken = step("write", "Failed")
    broken.prompt = "Write.\nMore."
    ended = record(step("research", "Succeeded"), broken, phase="Failed", reason="StepFailed")
    ended.error = RunError(type="ModelOverloaded", message="It is\n\x1b[2Jbusy.", step="write", attempt=4)
    text = describe_record(ended, "http://ui", full=True)
    assert "Failed (StepFailed)" in text
    assert "step write, attempt 4: ModelOverloaded: It is" in text
    assert "    Write.\n    More." in text
    assert "\x1b" not in text
    assert "Write." not in describe_record(ended, None, full=False)
