"""Runs that ask people: by the command, at the terminal, in teams of teams, by the plain `temporal`."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import DATA, ROOT, Command, environment, script, words
from tests.e2e.screen import run_in_terminal
from worker.embedded import server_binary

pytestmark = pytest.mark.slow

ASKED = r"eave it open\?$"
TOOLS = ("--tools", str(ROOT / "tests/integration/agents/desk_tools.py"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, with a home in which a `dev` runs."""
    command = Command(tmp_path_factory.mktemp("dev"))
    running = command.start("dev", *TOOLS, *script("gates-script"))
    try:
        running.wait_for("Ctrl-C stops it", out=True)
        yield command
    finally:
        running.interrupt(signal.SIGTERM)
        ended = running.end()
    assert ended.code == 0, ended.err


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Teams that ask people, as a file."""
    return _manifest(tmp_path_factory.mktemp("manifest"), "reject")


def _manifest(directory: Path, on_timeout: str) -> str:
    file = directory / "gates.yaml"
    file.write_text((DATA / "gates.yaml").read_text().replace("ON_TIMEOUT", on_timeout))
    return str(file)


def submit(gates: str, team: str, id: str, topic: str = "tea") -> tuple[str, ...]:
    given = ("--provider", "mock", "-i", f"topic={topic}", "--id", id, "--watch")
    return ("submit", gates, "--team", team, *given)


def waiting(desk: Command, gates: str, team: str, id: str, topic: str = "tea") -> str:
    """Start a run, and leave it when it waits for a person: what was said then."""
    ended = desk.run(*submit(gates, team, id, topic), "--no-wait")
    assert (ended.code, ended.out) == (7, ""), ended
    return ended.err


def commands(text: str, program: str = "ark-temporal") -> list[list[str]]:
    """The commands of a program that a text tells, as words."""
    return [shlex.split(line)[1:] for line in re.findall(rf"^ +({program} .*)$", text, re.MULTILINE)]


def test_what_was_seen_is_approved_once_and_nothing_else(desk: Command, gates: str) -> None:
    show, *told = commands(waiting(desk, gates, "press", "seen"))
    assert "You write" in desk.run(*show).out
    assert [each[1] for each in told] == ["approve", "edit", "reject"]
    [row] = [words(line) for line in desk.run("approvals", "list", "--team", "press").out.splitlines()[1:]]
    assert row[:4] == ["seen", "writer#output", "press", "output"]
    for digest, code in (("0" * 64, 1), ("abc", 2)):
        assert desk.run("approvals", "approve", "seen", "--digest", digest).code == code
    approved = desk.run(*told[0], "--by", "ann")
    digest = told[0][-1]
    assert (approved.code, f"Approved was writer#output, digest {digest}." in approved.err) == (0, True)
    again = desk.run(*told[0], "--by", "bob")
    assert (again.code, '"writer#output" was already approved by ann' in again.err) == (0, True)
    late = desk.run(*told[2])
    assert (late.code, '"writer#output" was already approved by ann' in late.err) == (1, True)
    edited = desk.run("approvals", "edit", "seen", "printer#approval", "--text", "-", stdin="Print tea.")
    assert (edited.code, "printer#approval" in edited.err) == (0, True)
    result = desk.run("runs", "result", "seen")
    assert (result.code, "printer was asked: “Print tea" in result.out) == (0, True)
    shown = desk.run("runs", "show", "seen").out
    assert ["writer#output", "output", "approve", "ann", digest] in [
        words(line)[2:] for line in shown.splitlines()
    ]


def test_several_people_approve_and_not_the_one_who_submitted(desk: Command, gates: str) -> None:
    waiting(desk, gates, "board", "filed")
    assert "--by NAME" in desk.run("approvals", "show", "filed").out
    assert desk.run("approvals", "list", "--by", "eve").out == ""
    assert "filed" in desk.run("approvals", "list", "--by", "bob").out
    refused = desk.run("approvals", "approve", "filed", "--by", "eve")
    assert (refused.code, "these may: ann, bob" in refused.err) == (1, True)
    first = desk.run("approvals", "approve", "filed", "--by", "ann")
    assert (first.code, "1 of 2 approvals" in first.err) == (0, True)
    assert desk.run("approvals", "list", "--by", "ann").out == ""
    shown = desk.run("approvals", "show", "filed").out
    assert "ann, bob (1 of 2)" in shown
    assert desk.run("approvals", "approve", "filed", "--by", "bob").code == 0
    assert desk.run("runs", "result", "filed").code == 0


def test_the_plain_command_approves_what_show_tells(desk: Command, gates: str) -> None:
    waiting(desk, gates, "press", "plain")
    [approve, *_, reject] = commands(desk.run("approvals", "show", "plain").out, "temporal")
    assert [each[1] for each in (approve, reject)] == ["signal", "signal"]
    subprocess.run(
        [str(server_binary()), *approve], check=True, capture_output=True, env=_at(desk), timeout=30
    )
    waiting_now = desk.run("runs", "watch", "plain", "--no-wait")
    assert (waiting_now.code, "printer waits for a person" in waiting_now.err) == (7, True)
    [_, edit, _] = commands(desk.run("approvals", "show", "plain").out, "temporal")
    subprocess.run([str(server_binary()), *edit], check=True, capture_output=True, env=_at(desk), timeout=30)
    assert "printer was asked: “TEXT" in desk.run("runs", "result", "plain").out


def _at(desk: Command) -> dict[str, str]:
    """What leads the plain command to the `dev` of that home."""
    dev = json.loads((desk.home / "dev.json").read_text())
    return environment(desk.home, TEMPORAL_ADDRESS=dev["address"])


def test_a_question_wants_an_answer_that_fits(desk: Command, gates: str) -> None:
    waiting(desk, gates, "guide", "asked")
    refused = desk.run("approvals", "answer", "asked", "--json", "0")
    assert (refused.code, "does not match the schema" in refused.err) == (1, True)
    assert desk.run("approvals", "approve", "asked").code == 2
    assert desk.run("approvals", "answer", "asked", "--json", "3").code == 0
    assert "cups: 3" in desk.run("runs", "result", "asked").out


def test_a_question_is_answered_at_the_terminal(desk: Command, gates: str) -> None:
    shown = run_in_terminal(
        submit(gates, "guide", "typed"),
        desk.home,
        columns=100,
        keys=[
            (ASKED, b"a\r"),
            ("answer:$", b"many\r"),
            ("does not match", b""),
            (ASKED, b"a\r"),
            ("answer:$", b"5\r"),
        ],
    )
    assert shown.code == 0
    assert shown.ever(r"How many cups\?")
    assert shown.ever(r'must match \{"type": "integer"')
    assert "cups: 5" in "\n".join(shown.screen.text)


def test_at_the_terminal_an_output_is_edited_and_a_step_rejected(
    desk: Command, gates: str, tmp_path: Path
) -> None:
    editor = tmp_path / "editor.py"
    editor.write_text("import pathlib, sys\npathlib.Path(sys.argv[1]).write_text('Better.\\n')\n")
    shown = run_in_terminal(
        submit(gates, "press", "edited"),
        desk.home,
        columns=120,
        keys=[
            (ASKED, b"e\r"),
            (r"\[y\]es or \[n\]o\?$", b"y\r"),
            (r"printer waits for a person", b""),
            (ASKED, b"j\r"),
            (r"empty\):$", b"too dull\r"),
        ],
        EDITOR=shlex.join([sys.executable, str(editor)]),
    )
    assert shown.code == 5
    assert shown.ever(r"^    Better\.$")
    record = json.loads(desk.run("runs", "show", "edited", "-o", "json").out)
    assert [each["decision"] for each in record["decisions"]] == ["edit", "reject"]
    assert (record["error"]["type"], record["decisions"][1]["comment"]) == ("Rejected", "too dull")


def test_what_a_team_in_a_team_asks_is_found_from_the_top(desk: Command, gates: str) -> None:
    told = waiting(desk, gates, "house", "top")
    assert "approvals approve top-desk-1 'writer#output'" in told
    [row] = [words(line) for line in desk.run("approvals", "list", "top").out.splitlines()[1:]]
    assert row[:3] == ["top-desk-1", "writer#output", "press"]
    approved = desk.run("approvals", "approve", "top", "writer#output", "--by", "ann")
    assert (approved.code, "top-desk-1" in approved.err) == (0, True)
    again = desk.run("approvals", "approve", "top", "writer#output")
    assert (again.code, "top-desk-1" in again.err, "by ann" in again.err) == (0, True, True)
    assert desk.run("approvals", "approve", "top-desk-1").code == 0
    assert desk.run("runs", "result", "top").code == 0
    assert "run top-desk-1" in desk.run("runs", "show", "top").out


def test_what_a_team_in_a_team_asks_is_asked_at_the_terminal(desk: Command, gates: str) -> None:
    shown = run_in_terminal(
        submit(gates, "house", "above"),
        desk.home,
        columns=120,
        keys=[(ASKED, b"a\r"), ("printer waits for a person", b""), (ASKED, b"a\r")],
    )
    assert shown.code == 0
    assert shown.ever(r"^\? writer waits for a person  above-desk-1 writer#output$")


def test_who_may_not_decide_is_not_asked(desk: Command, gates: str) -> None:
    left = run_in_terminal((*submit(gates, "board", "not-yours"), "--timeout", "3"), desk.home, columns=120)
    assert left.code == 3
    assert not left.ever(ASKED)
    assert left.ever(r"approvals approve not-yours 'clerk#approval' --digest \w{12} --by NAME$")


@pytest.mark.parametrize(
    ("on_timeout", "code", "type"), [("reject", 5, "Rejected"), ("fail", 1, "ApprovalTimedOut")]
)
def test_time_decides_where_nobody_does(
    desk: Command, tmp_path: Path, on_timeout: str, code: int, type: str
) -> None:
    ended = desk.run(*submit(_manifest(tmp_path, on_timeout), "late", f"late-{on_timeout}"))
    assert (ended.code, type in ended.err) == (code, True), ended.err


def test_a_failed_step_is_done_again_with_a_better_prompt(desk: Command, gates: str) -> None:
    told = waiting(desk, gates, "fragile", "parked", "poison")
    assert "cook waits for a person (cook#failed)" in told
    assert "nobody eats this" in desk.run("approvals", "show", "parked").out
    assert desk.run("approvals", "retry", "parked").code == 0
    worse = desk.run("runs", "watch", "parked", "--no-wait")
    assert (worse.code, "cook~2#failed" in worse.err) == (7, True)
    better = ("--prompt", "Cook soup.", "--model", "mock-large")
    assert desk.run("approvals", "retry", "parked", *better).code == 0
    assert "Cook soup" in desk.run("runs", "result", "parked").out
    assert "done again 2 times" in desk.run("runs", "show", "parked").out


def test_a_tool_call_is_approved_with_other_arguments(desk: Command, gates: str) -> None:
    waiting(desk, gates, "till", "summed")
    shown = desk.run("approvals", "show", "summed").out
    assert '    "b": 40' in shown
    assert desk.run("approvals", "edit", "summed", "--text", "forty").code == 1
    assert desk.run("approvals", "edit", "summed", "--json", '{"a": 1, "b": 1}').code == 0
    assert desk.run("runs", "result", "summed").out == "It is added up.\n"
    [call] = json.loads(desk.run("runs", "show", "summed", "-o", "json").out)["steps"][0]["toolCalls"]
    assert call["result"] == "2"
