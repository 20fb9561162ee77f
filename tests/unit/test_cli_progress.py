"""How a run in motion is told."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from ark_temporal.plan.record import (
    Awaiting,
    CallRecord,
    DecisionRecord,
    RunError,
    RunPhase,
    RunRecord,
    StepPhase,
    StepRecord,
    TokenUsage,
    ToolCallRecord,
    Vote,
)
from ark_temporal.runs.connection import ConnectOptions
from ark_temporal.runs.pending import PendingCall, Waiting
from ark_temporal.runs.questions import Question
from ark_temporal.runs.watch import Sight
from cli.exit_codes import ExitCode, exit_code
from cli.progress.live import LiveView
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


def called(
    id: str, tool: str, result: str | None = None, *, arguments: str = "{}", iteration: int = 1
) -> ToolCallRecord:
    """A tool call; without a result it is under way."""
    made = ToolCallRecord(
        id=id,
        tool=tool,
        model_call="m",
        arguments=arguments,
        iteration=iteration,
        effect="read",
        start_time=START,
    )
    if result is not None:
        made.completion_time, made.result, made.attempts = START + timedelta(seconds=1), result, 1
    return made


def asked(id: str = "desk#tool-1.1") -> Awaiting:
    return Awaiting(id=id, step="desk", message="Paid\x1b[2J or\nnot?", since=START)


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


@pytest.mark.parametrize(
    ("type", "code"),
    [
        ("ToolOutcomeUnknown", ExitCode.REJECTED),
        ("Rejected", ExitCode.REJECTED),
        ("ApprovalTimedOut", ExitCode.FAILED),
    ],
)
def test_a_person_s_no_has_a_code_of_its_own(type: str, code: ExitCode) -> None:
    ended = record(phase="Failed", reason="StepFailed")
    ended.error = RunError(type=type, message="m")
    assert exit_code(ended) is code


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


def test_each_tool_call_is_one_line_in_its_order_and_told_once() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    desk = step("desk", "Running", iterations=1)
    desk.tool_calls = [called("1", "slow"), called("2", "add", "42", arguments='{"a": 2}')]
    view.show(Sight(record(desk)))
    desk.tool_calls[0] = called("1", "slow", "x" * 300)
    desk.tool_calls[0].is_error = True
    view.show(Sight(record(desk)))
    desk.tool_calls += [called("3", "last", "first\nround"), called("4", "again", "2", iteration=2)]
    desk.iterations = 2
    view.show(Sight(record(desk)))
    desk.tool_calls.append(called("5", "bye", "", iteration=2))
    desk.phase, desk.completion_time = "Succeeded", START
    view.show(Sight(record(desk)))
    told = [line.partition("] ")[2] for line in stream.getvalue().splitlines()][1:]
    assert told[:2] == ["desk: running", 'desk: add {"a": 2} → 42']
    assert told[2].startswith("desk: slow → error: xxx")
    assert len(told[2]) < 160
    assert told[3:6] == ["desk: last → first round", "desk: running, iteration 2", "desk: again → 2"]
    assert told[6].rstrip() == "desk: bye →"
    assert told[7].startswith("desk: succeeded")
    assert len(told) == 8


def test_many_tool_calls_are_told_once_whatever_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    view = StreamView(None)
    desk = step("desk", "Running", iterations=1)
    desk.tool_calls = [called(str(number), "add") for number in range(20)]
    for number in (*range(0, 20, 2), *range(1, 20, 2)):
        desk.tool_calls[number] = called(str(number), "add", "done")
        view.show(Sight(record(desk)))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ids = [event["id"] for event in events if event["event"] == "tool"]
    assert ids == [str(number) for number in (*range(0, 20, 2), *range(1, 20, 2))]


def test_a_run_that_waits_for_a_person_is_an_event_and_so_is_the_decision(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = StreamView(None)
    waiting = record(step("desk", "Running"))
    waiting.awaiting = [asked()]
    for _ in range(2):
        view.show(Sight(waiting))
    waiting.awaiting = [asked("desk#tool-1.1~2")]
    view.show(Sight(waiting))
    waiting.awaiting, waiting.phase = [], "Cancelled"
    view.show(Sight(waiting))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(event["event"], event["id"]) for event in events if event["event"] in ("awaiting", "decided")]
    assert told == [
        ("awaiting", "desk#tool-1.1"),
        ("decided", "desk#tool-1.1"),
        ("awaiting", "desk#tool-1.1~2"),
    ]


def below(run: str = "r-desk-1") -> Question:
    """What a run under the one that is shown waits for."""
    return Question(run=run, team="t", namespace="default", awaiting=asked())


def test_what_runs_below_ask_is_told_like_what_the_run_asks(capsys: pytest.CaptureFixture[str]) -> None:
    view = StreamView(None)
    waiting = record(step("desk", "Running"))
    waiting.awaiting = [asked()]
    view.show(Sight(waiting, below=(below(),)))
    view.show(Sight(waiting, below=(below(), below("r-desk-2"))))
    view.show(Sight(waiting, below=(below("r-desk-2"),)))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(event["event"], event["run"]) for event in events if event["event"] in ("awaiting", "decided")]
    assert told == [
        ("awaiting", "r"),
        ("awaiting", "r-desk-1"),
        ("awaiting", "r-desk-2"),
        ("decided", "r-desk-1"),
    ]


def test_a_terminal_shows_what_parts_and_runs_below_ask_and_that_a_run_is_held_up() -> None:
    stream = io.StringIO()
    view = LiveView(Terminal(stream, live=True), None)
    held = record(step("desk", "Running"), step("review", "Running"))
    held.paused_since = datetime.now(UTC)
    held.awaiting = [asked().model_copy(update={"step": "review[3]"})]
    view.show(Sight(held, below=tuple(below(f"r-desk-{number}") for number in range(4))))
    told = [line.partition("\x1b")[0].strip() for line in stream.getvalue().splitlines()]
    assert "? r: review[3] waits for a person (desk#tool-1.1)" in told
    assert "? r-desk-1: desk waits for a person (desk#tool-1.1)" in told
    assert "? and 2 more: `ark-temporal approvals list r`" in told
    assert any(line.startswith("‖ paused for ") for line in told)
    assert "? review" not in told


def test_a_run_that_is_held_up_says_so_and_that_it_goes_on() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    held = record(step("desk", "Running"))
    view.show(Sight(held))
    held.paused_since = datetime.now(UTC)
    for _ in range(2):
        view.show(Sight(held))
    assert "paused" in describe_record(held, None, ConnectOptions(), full=False)
    held.paused_since = None
    for _ in range(2):
        view.show(Sight(held))
    told = [line.partition("] ")[2] for line in stream.getvalue().splitlines()][2:]
    assert told == ["paused for 0.0s; `ark-temporal runs resume r` lets it go on", "goes on, resumed"]


def test_parts_of_a_step_are_told_now_and_then() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    review = step("review", "Running", iterations=1)
    review.parts = 100
    review.branches = [step(f"review[{number}]", "Running", iterations=1) for number in range(100)]
    view.show(Sight(record(review)))
    for part in review.branches:
        part.phase = "Succeeded"
        view.show(Sight(record(review)))
    told = [line.partition("] ")[2] for line in stream.getvalue().splitlines()][2:]
    assert told[0] == "review: 10 of 100 parts done, 90 under way"
    assert told[-1] == "review: 100 parts"
    assert len(told) == 10
    review.branches[7].phase = "Failed"
    review.phase, review.completion_time = "Succeeded", START
    view.show(Sight(record(review)))
    assert stream.getvalue().endswith(": 100 parts, 1 failed\n")


def test_a_tool_call_that_is_a_run_names_it() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    desk = step("desk", "Running", iterations=1)
    desk.tool_calls = [called("r-desk-1", "delegate", "Done."), called("desk#tool-1.1", "add", "42")]
    desk.resolved_agent = "clerk"
    shown = record(desk)
    view.show(Sight(shown))
    told = [line.partition("] ")[2] for line in stream.getvalue().splitlines()][2:]
    assert told == ["desk: delegate (run r-desk-1) → Done.", "desk: add → 42"]
    terminal = Terminal(io.StringIO())
    line = step_line(terminal, desk, None, Columns.fit([desk], 100), 100)
    assert terminal.paint(line, 100).endswith("  by clerk")
    assert "run r-desk-1: Done." in describe_record(shown, None, ConnectOptions(), full=False)


def test_what_is_told_while_somebody_types_is_told_after() -> None:
    stream = io.StringIO()
    view = PlainView(Terminal(stream), None)
    view.hold()
    view.show(Sight(record(step("desk", "Running"))))
    assert stream.getvalue() == ""
    view.release()
    assert "desk: running" in stream.getvalue()


def test_a_step_says_its_turn_and_what_it_calls_or_waits_for() -> None:
    terminal = Terminal(io.StringIO())
    desk = step("desk", "Running", iterations=1)
    desk.calls = [CallRecord(id=str(turn), start_time=START) for turn in range(3)]
    desk.tool_calls = [called("1", "add", "42"), called("2", "pay"), called("3", "pay"), called("4", "look")]

    def line(*, waits: bool = False, by: PendingCall | None = None) -> str:
        table = Columns.fit([desk], 100)
        return terminal.paint(step_line(terminal, desk, by, table, 100, waits=waits), 100)

    assert line().endswith("  turn 3, calling pay, look")
    assert line(waits=True) == "  ? desk  waits for a person"
    assert line(by=PendingCall("2", 2, 4, "down")).startswith("  ↻ desk  attempt 2 of 4")
    desk.tool_calls += [called(str(number), f"tool{number}") for number in range(5, 12)]
    assert line().endswith("  turn 3, calling 10 tools")


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


def test_the_record_lists_tool_calls_and_what_waits() -> None:
    desk = step("desk", "Running", iterations=1)
    desk.calls = [CallRecord(id=str(turn), start_time=START) for turn in range(3)]
    desk.tool_calls = [called(str(number), "look", f"page {number}") for number in range(40)]
    desk.tool_calls.append(called("desk#tool-1.1", "pay", "lost\n\x1b[2Jway", arguments='{"sum": 9}'))
    desk.tool_calls[-1].is_error, desk.tool_calls[-1].attempts = True, 2
    desk.tool_calls[-1].error = RunError(type="ToolTimeout", message="lost")
    waiting = record(desk)
    waiting.awaiting = [asked()]
    text = describe_record(waiting, None, ConnectOptions(address="there:1"), full=False)
    assert "3 turns" in text
    assert "(and 11 tool calls before: --full shows all)" in text
    assert "page 39" in text
    assert "page 2 " not in text
    assert "(2 attempts) ToolTimeout: lost" in text
    assert "  desk waits for a person (desk#tool-1.1): Paid" in text
    assert "ark-temporal approvals retry r 'desk#tool-1.1' --address there:1" in text
    assert "\x1b" not in text
    full = describe_record(waiting, None, ConnectOptions(), full=True)
    assert "page 2" in full
    assert '    {"sum": 9}' in full
    assert "\x1b" not in full


def test_the_record_says_who_decided_and_who_did_it() -> None:
    route = step("route", "Succeeded")
    route.resolved_agent, route.selected_capability = "clerk", "billing"
    route.routing_reason, route.child, route.reused_from = "It is about\na bill.", "r-clerk-1", "old"
    review = step("review", "Succeeded")
    review.branches = [step("review[0]", "Succeeded"), step("review[1]", "Failed")]
    review.branches[0].output = "The first is good."
    shown = record(route, review)
    shown.submitted_by, shown.reused_from, shown.refused = "ann", "old", ["approve by eve: eve may not."]
    votes = [Vote(by="bob", at=START, comment="fine"), Vote(by="cem", at=START)]
    shown.decisions = [
        DecisionRecord(
            id="review#output", step="review", kind="output", decision="approve", digest="3fa9c1d2" * 8,
            by="cem", comment="at last", at=START, votes=votes,
        ),
        DecisionRecord(id="route#approval", step="route", kind="approval", decision="fail", at=START),
    ]  # fmt: skip
    text = describe_record(shown, None, ConnectOptions(), full=False)
    rows = [line.split() for line in text.splitlines()]
    assert "  route: clerk for billing: It is about a bill." in text
    assert "by clerk, run r-clerk-1, from old" in text
    assert "2 parts, 1 failed" in text
    assert ["reused", "results", "of", "old"] in rows
    [approved] = [" ".join(row[2:]) for row in rows if "review#output" in row]
    assert approved == "review#output output approve cem 3fa9c1d23fa9 at last; bob: fine; cem"
    [late] = [row[2:] for row in rows if "route#approval" in row]
    assert late == ["route#approval", "approval", "fail", "time"]
    assert "  approve by eve: eve may not." in text
    assert "The first is good." not in text
    full = describe_record(shown, None, ConnectOptions(), full=True)
    assert "The first is good." in full
    assert "review[1]" in full


def test_the_record_in_full() -> None:
    broken = step("write", "Failed")
    broken.prompt = "Write.\nMore."
    ended = record(step("research", "Succeeded"), broken, phase="Failed", reason="StepFailed")
    ended.error = RunError(type="ModelOverloaded", message="It is\n\x1b[2Jbusy.", step="write", attempt=4)
    text = describe_record(ended, "http://ui", ConnectOptions(), full=True)
    assert "Failed (StepFailed)" in text
    assert "step write, attempt 4: ModelOverloaded: It is" in text
    assert "    Write.\n    More." in text
    assert "\x1b" not in text
    assert "Write." not in describe_record(ended, None, ConnectOptions(), full=False)
