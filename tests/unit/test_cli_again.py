"""What `runs retry`, `runs fork` and `dlq` say of themselves, without a Temporal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ark_temporal.plan.record import Awaiting, RunError, RunRecord, StepRecord
from ark_temporal.runs.connection import ConnectOptions
from ark_temporal.runs.dead_letters import letters_of
from ark_temporal.runs.replay import Replayed
from cli.letter_text import describe_letter, describe_letters, describe_outcome
from tests.e2e.command import Command

START = datetime(2026, 1, 1, tzinfo=UTC)
ERROR = RunError(type="ModelBadRequest", message="The prompt is\nno good.", step="b", attempt=3)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("runs", "retry", "x", "--timeout", "3"), "add --watch"),
        (("runs", "retry", "x", "--team", "t"), "add --plan"),
        (("runs", "fork", "x"), "--from"),
        (("runs", "fork", "x", "--from", "a", "--set", "a.output"), "write STEP.output=TEXT"),
        (("runs", "fork", "x", "--from", "a", "--set", "output=x"), "write STEP.output=TEXT"),
        (("runs", "fork", "x", "--from", "a", "--set", "b.text=x"), "write STEP.output=TEXT"),
        (("runs", "fork", "x", "--from", "a", "--set", "b.data=["), "not JSON"),
        (("runs", "fork", "x", "--from", "a", "--set", "b.output=@/nowhere"), "cannot be read"),
        (("runs", "diff", "x"), "B"),
        (("dlq", "replay"), "or use --all or --query"),
        (("dlq", "replay", "x", "--all"), "not both"),
        (("dlq", "discard", "--team", "t"), "or use --all or --query"),
        (("dlq", "replay", "x", "--prompt", "{{ .a"), "--prompt: this template cannot be read"),
        (("dlq", "replay", "x", "--prompt", " "), "the prompt is empty"),
        (("dlq", "replay", "x", "--plan", "/nowhere.yaml"), "no such file"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(command: Command, arguments: tuple[str, ...], told: str) -> None:
    ended = command.run(*arguments)
    assert (ended.code, ended.out) == (2, ""), ended
    assert told in ended.err
    assert "Traceback" not in ended.err


def failed() -> RunRecord:
    steps = [
        StepRecord(name="a", role="r", phase="Succeeded", output="fine"),
        StepRecord(name="b", role="r", phase="Failed", prompt="task: bad\n", error=ERROR),
    ]
    return RunRecord(
        id="r1",
        team="desk",
        plan="d",
        phase="Failed",
        reason="StepFailed",
        start_time=START,
        completion_time=START,
        error=ERROR,
        steps=steps,
    )


def parked() -> RunRecord:
    waits = Awaiting(
        id="b#failed",
        step="b",
        kind="failed-step",
        message="It failed.",
        since=START,
        decisions=("retry", "reject"),
    )
    return failed().model_copy(
        update={"phase": "Running", "reason": "", "completion_time": None, "error": None, "awaiting": [waits]}
    )


def test_a_failed_run_is_one_dead_letter_with_the_commands_for_it() -> None:
    record = failed()
    [letter] = letters_of(record)
    assert (letter.state, letter.step, letter.attempts) == ("failed", "b", 3)
    [_, line] = describe_letters([letter]).splitlines()
    assert line.split()[:4] == ["r1", "desk", "b", "ModelBadRequest:"]
    assert line.endswith("failed")
    text = describe_letter(letter, record, ["a"], ConnectOptions(address="h:1"))
    assert "keeps    1 step: a" in text
    assert "prompt\n" in text
    assert "task: bad" in text
    for words in ("dlq replay r1", "dlq replay r1 --prompt @FILE", "dlq replay r1 --plan", "dlq discard r1"):
        assert f"ark-temporal {words}" in text
    assert text.count("--address h:1") == 5


def test_a_parked_step_is_a_dead_letter_with_the_decisions_about_it() -> None:
    record = parked()
    [letter] = letters_of(record)
    assert (letter.state, letter.step, letter.awaiting, letter.error) == ("parked", "b", "b#failed", ERROR)
    text = describe_letter(letter, record, ["a"], ConnectOptions())
    assert "approvals retry r1 'b#failed'" in text
    assert "--plan" not in text


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "Succeeded", "error": None},
        {"phase": "Cancelled"},
        {"error": RunError(type="Rejected", message="no")},
        {"phase": "Running"},
    ],
)
def test_what_else_a_run_may_be_is_no_dead_letter(change: dict[str, object]) -> None:
    assert letters_of(failed().model_copy(update=change)) == []


def test_what_became_of_each_is_a_line() -> None:
    assert describe_outcome(Replayed(run="r", step="b", done="retried", new="r-retry-1", kept=("a",))) == (
        "r (b): r-retry-1, keeps 1 step"
    )
    assert describe_outcome(Replayed(run="r", done="before", new="r-retry-1")).endswith("as r-retry-1")
    assert describe_outcome(Replayed(run="r", done="refused", message="No.")) == "r: No."
