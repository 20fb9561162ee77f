"""What waits for a person, told to that person."""

import json
import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ark_temporal.plan.gates import ask_people, digest_of, take
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import (
    Awaiting,
    AwaitingKind,
    Decision,
    RunRecord,
    StepRecord,
    ToolCallRecord,
    Verdict,
    Vote,
)
from ark_temporal.runs.connection import ConnectOptions
from ark_temporal.runs.decide import decided_before, describe_past
from ark_temporal.runs.questions import Question, may_have_open_children, questions_of
from cli.approval_text import describe_question, describe_questions, pretty
from cli.editor import EditorError, edit_text
from cli.hints import decision_commands, how_to_decide, plain_commands

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HERE = ConnectOptions()


def asked(kind: AwaitingKind = "approval", subject: str = "Write of tea.", **gate: Any) -> Awaiting:
    """What a run waits for since the beginning of time."""
    return ask_people(
        kind,
        id="desk#approval",
        step="desk",
        message="Go\x1b[2J on?",
        subject=subject,
        now=START,
        gate=GatePlan(**gate),
    )


def question(awaiting: Awaiting, submitted_by: str = "") -> Question:
    return Question(run="r", team="t", namespace="default", awaiting=awaiting, submitted_by=submitted_by)


def waiting(awaiting: Awaiting) -> RunRecord:
    desk = StepRecord(name="desk", role="desk", phase="Running")
    return RunRecord(id="r", team="t", plan="9c1e22ab", start_time=START, steps=[desk], awaiting=[awaiting])


def test_every_way_to_decide_has_its_command() -> None:
    awaiting = asked(approvers=("ann",))
    digest = awaiting.digest[:12]
    about = "r 'desk#approval'"
    assert decision_commands("r", awaiting, ConnectOptions(address="there:1")) == [
        f"ark-temporal approvals approve {about} --digest {digest} --by NAME --address there:1",
        f"ark-temporal approvals edit {about} --digest {digest} --text TEXT --by NAME --address there:1",
        f"ark-temporal approvals reject {about} --by NAME --address there:1",
    ]
    told = how_to_decide("r", awaiting, HERE).splitlines()
    assert told[0] == "desk waits for a person (desk#approval): Go[2J on? These may decide: ann."
    assert told[1] == f"    ark-temporal approvals show {about}"
    assert len(told) == 5


def test_a_tool_call_is_edited_as_json() -> None:
    [_, edit, _] = decision_commands("r", asked("tool", '{"sum": 9}'), HERE)
    assert edit.endswith(" --json JSON")


def test_the_plain_commands_carry_the_decision_s_own_json() -> None:
    awaiting = asked()
    words = [shlex.split(each) for each in plain_commands("r", awaiting, ConnectOptions(namespace="n"))]
    assert all(each[:2] == ["temporal", "workflow"] and each[-2:] == ["--namespace", "n"] for each in words)
    assert [each[2] for each in words] == ["signal", "update", "signal"]
    assert [each[each.index("--name") + 1] for each in words] == ["approve", "decide", "reject"]
    given = [json.loads(each[each.index("--input") + 1]) for each in words]
    assert given[0] == {"digest": awaiting.digest[:12], "by": "NAME"}
    assert Decision.model_validate(given[1]).decision == "edit"
    unknown = Awaiting(id="desk#tool-1.1", step="desk", message="?", since=START)
    old = [shlex.split(each) for each in plain_commands("r", unknown, HERE)]
    assert [Decision.model_validate_json(each[-1]).id for each in old] == ["desk#tool-1.1"] * 3


def test_all_there_is_to_know_is_shown() -> None:
    awaiting = asked(
        "tool",
        '{"sum": 9}',
        approvers=("ann", "bob"),
        quorum=2,
        four_eyes=True,
        timeout_seconds=60,
        on_timeout="escalate",
        escalation=(EscalationPlan(approvers=("boss",), timeout_seconds=60),),
        reminder_seconds=30,
    )
    awaiting.votes, awaiting.reminders = [Vote(by="ann", at=START, comment="fine")], 1
    awaiting.answer_schema = {"type": "object"}
    text = describe_question(question(awaiting, "eve"), HERE)
    assert f"digest    {awaiting.digest[:12]} ({awaiting.digest})" in text
    assert "who       ann, bob (1 of 2)" in text
    assert "not eve, who submitted the run" in text
    assert "vote      ann at " in text
    assert "then      escalate to boss" in text
    assert "reminded  once; next at " in text
    assert '  {\n    "sum": 9\n  }' in text
    assert '    "type": "object"' in text
    assert "approvals approve r" in text
    assert "temporal workflow signal" in text
    assert "\x1b" not in text
    awaiting.tier = 1
    assert "then      reject" in describe_question(question(awaiting), HERE)


def test_a_list_tells_who_and_how_long() -> None:
    awaiting = asked(approvers=("ann",), timeout_seconds=60)
    awaiting.deadline = datetime.now(UTC) + timedelta(seconds=90.5)
    [_, row] = describe_questions([question(awaiting)]).splitlines()
    cells = row.split()
    assert cells[:4] == ["r", "desk#approval", "t", "approval"]
    assert cells[5:] == ["1m30s", "ann", "approve,", "edit,", "reject"]


@pytest.mark.parametrize("text", ["{not json", "plain", "", '"quoted"', "[" * 100_000])
def test_text_that_is_no_json_is_shown_as_it_is(text: str) -> None:
    assert pretty(text) == text


@pytest.mark.parametrize(
    ("gate", "submitted_by", "voted", "wants"),
    [
        ({}, "", "", True),
        ({"approvers": ("ann",)}, "", "", True),
        ({"approvers": ("bob",)}, "", "", False),
        ({"four_eyes": True}, "ann", "", False),
        ({"four_eyes": True}, "bob", "", True),
        ({"quorum": 2}, "", "ann", False),
        ({"quorum": 2}, "", "bob", True),
    ],
)
def test_who_is_wanted(gate: dict[str, Any], submitted_by: str, voted: str, *, wants: bool) -> None:
    awaiting = asked(**gate)
    awaiting.votes = [Vote(by=voted, at=START)] if voted else []
    assert question(awaiting, submitted_by).wants("ann") is wants


@pytest.mark.parametrize(
    ("verdict", "text", "same"),
    [("approve", "", False), ("edit", "Write of tea!", True), ("edit", "Write of me.", False)],
)
def test_only_the_same_decision_was_taken_before(verdict: Verdict, text: str, *, same: bool) -> None:
    record = waiting(asked())
    [awaiting] = record.awaiting
    seen = awaiting.digest
    first = Decision(id=awaiting.id, digest=seen, decision="edit", text="Write of tea!", by="ann")
    take(record, awaiting, first, START)
    again = Decision(id=awaiting.id, digest=seen[:12], decision=verdict, text=text, by="bob")
    before = decided_before(record, again)
    assert (before is not None) is same
    if before is not None:
        told = '"desk#approval" was already edited and approved by ann at 2026-01-02 03:04:05 UTC.'
        assert describe_past(before) == told
        assert before.digest == digest_of(awaiting.id, text)


def test_an_approval_of_something_else_was_not_taken_before() -> None:
    record = waiting(asked())
    [awaiting] = record.awaiting
    take(record, awaiting, Decision(id=awaiting.id, digest=awaiting.digest, decision="approve"), START)
    by_digest = Decision(digest=awaiting.digest[:8], decision="approve")
    assert decided_before(record, by_digest) is not None
    for digest in (awaiting.digest[:7], "0" * 64):
        assert decided_before(record, Decision(id=awaiting.id, digest=digest, decision="approve")) is None
    assert decided_before(record, Decision(decision="approve")) is None


def test_a_question_has_the_tool_call_that_it_is_about() -> None:
    unknown = Awaiting(id="desk#tool-1.1", step="desk", message="?", since=START)
    record = waiting(unknown)
    call = ToolCallRecord(id=unknown.id, tool="pay", model_call="m", start_time=START)
    record.steps[0].tool_calls = [call]
    record.awaiting.append(unknown.model_copy(update={"id": "gone", "step": "desk[7]"}))
    assert [each.tool_call for each in questions_of(record)] == [call, None]


def test_only_runs_that_may_have_others_at_work_are_looked_below() -> None:
    record = waiting(asked())
    [desk] = record.steps
    assert not may_have_open_children(record)
    desk.tool_calls = [ToolCallRecord(id="r-desk-1", tool="delegate", model_call="m", start_time=START)]
    assert may_have_open_children(record)
    desk.tool_calls[0].completion_time = START
    assert not may_have_open_children(record)
    desk.child = "r-team-1"
    assert may_have_open_children(record)
    record.phase = "Failed"
    assert not may_have_open_children(record)


def editor(tmp_path: Path, code: str) -> str:
    """An editor that does this with the text of its `file`."""
    script = tmp_path / "editor.py"
    script.write_text(f"import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n{code}\n")
    return shlex.join([sys.executable, str(script)])


@pytest.mark.parametrize("text", ["Write of tea.", "Write of tea.\n", ""])
async def test_an_editor_adds_no_line_of_its_own(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor(tmp_path, "assert file.suffix == '.md'"))
    assert await edit_text(text, ".md") == text
    monkeypatch.setenv("EDITOR", editor(tmp_path, "file.write_text(file.read_text() + 'More.\\n')"))
    edited = await edit_text(text)
    assert edited.split() == [*text.split(), "More."]
    assert edited.endswith("\n") is text.endswith("\n")


@pytest.mark.parametrize(
    ("code", "told"), [("sys.exit(3)", "ended with code 3"), ("file.unlink()", "left no UTF-8 text")]
)
async def test_an_editor_that_fails_changes_nothing(
    code: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, code))
    with pytest.raises(EditorError, match=told):
        await edit_text("Write of tea.")


async def test_an_editor_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor")
    with pytest.raises(EditorError, match='"no-such-editor" cannot be started'):
        await edit_text("Write of tea.")
