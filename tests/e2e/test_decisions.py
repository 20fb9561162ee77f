"""An agent with tools, and a call of which nobody knows whether it took effect: what a user sees and does."""

import json
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.command import ROOT, Command, script, words
from tests.e2e.screen import run_in_terminal
from tests.integration.agents.sink import Sink

pytestmark = pytest.mark.slow

CASHIER = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: cashier}
spec:
  model: mock-small
  systemPrompt: You pay bills.
  tools:
    - {name: add, type: python}
    - {name: pay, url: TILL/pay, timeoutSeconds: 1}
"""
TOOLS = ("--tools", str(ROOT / "tests/integration/agents/desk_tools.py"))
TASK = ("--task", "Pay the bill.")
ASKED = r"eave it open\?$"


@pytest.fixture(scope="module")
def till() -> Iterator[Sink]:
    """A service that takes longer than the agent waits."""
    with Sink(delay=1.5) as sink:
        yield sink


@pytest.fixture(scope="module")
def cashier(till: Sink, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The agent's manifest, as a file."""
    file = tmp_path_factory.mktemp("manifest") / "cashier.yaml"
    file.write_text(CASHIER.replace("TILL", till.url))
    return str(file)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, with a home in which a `dev` runs that has the agent's Python tool."""
    command = Command(tmp_path_factory.mktemp("dev"))
    running = command.start("dev", *TOOLS, *script("paying"))
    try:
        running.wait_for("Ctrl-C stops it", out=True)
        yield command
    finally:
        running.interrupt(signal.SIGTERM)
        ended = running.end()
    assert ended.code == 0, ended.err


def submit(cashier: str, id: str) -> tuple[str, ...]:
    return ("submit", cashier, "--provider", "mock", *TASK, "--id", id, "--watch")


def waiting(desk: Command, cashier: str, id: str) -> str:
    """Start a run, and leave it when it waits for a person: what was said then."""
    ended = desk.run(*submit(cashier, id), "--no-wait")
    assert (ended.code, ended.out) == (7, ""), ended
    return ended.err


def commands(told: str) -> dict[str, list[str]]:
    """The commands that were told, by what they decide, as words without quotes."""
    found = re.findall(r"^ +ark-temporal (approvals (\w+) .*)$", told, re.MULTILINE)
    return {verdict: line.replace("'", "").split() for line, verdict in found}


def test_tool_calls_are_told_and_the_run_waits(desk: Command, cashier: str) -> None:
    told = waiting(desk, cashier, "told")
    lines = [line.partition("] ")[2] for line in told.splitlines()]
    assert 'cashier: add {"a": 2, "b": 40} → 42' in lines
    assert any(line.startswith('cashier: add {"a": "two"} → error: ') for line in lines)
    assert any(line.startswith('cashier: pay {"sum": 42} → error: Tool ') for line in lines)
    assert any(line.startswith("cashier waits for a person (cashier#tool-1.3): ") for line in lines)
    assert list(commands(told)) == ["retry", "answer", "reject"]


def test_the_told_commands_decide(desk: Command, cashier: str, till: Sink) -> None:
    told = commands(waiting(desk, cashier, "retried"))
    till.delay = 0
    try:
        decided = desk.run(*told["retry"])
        ended = desk.run("runs", "result", "retried")
    finally:
        till.delay = 1.5
    assert (decided.code, decided.out) == (0, "")
    assert (ended.code, ended.out) == (0, "It is paid.\n")
    assert len({asked.key for asked in till.asked[-2:]}) == 1
    again = desk.run(*told["retry"])
    assert (again.code, '"cashier#tool-1.3" was already retried by ' in again.err) == (0, True)
    late = desk.run("approvals", "reject", "retried")
    assert (late.code, '"cashier#tool-1.3" was already retried by ' in late.err) == (1, True)


def test_what_waits_is_listed_shown_and_answered(desk: Command, cashier: str) -> None:
    waiting(desk, cashier, "listed")
    listed = desk.run("approvals", "list", "listed")
    assert words(listed.out)[8:12] == ["listed", "cashier#tool-1.3", "cashier", "pay"]
    assert "listed" in desk.run("approvals", "list", "--mine", "--team", "cashier").out
    assert desk.run("approvals", "list", "listed", "--team", "others").out == ""
    [found] = json.loads(desk.run("approvals", "list", "listed", "-o", "json").out)
    assert (found["awaiting"]["id"], found["toolCall"]["tool"]) == ("cashier#tool-1.3", "pay")
    shown = desk.run("approvals", "show", "latest").out
    assert found["toolCall"]["key"] in shown
    assert "ark-temporal approvals answer listed 'cashier#tool-1.3' --text TEXT" in shown
    record = desk.run("runs", "show", "listed").out
    rows = [words(line) for line in record.splitlines()]
    assert ["✓", "cashier", "add", "read"] in [row[:4] for row in rows]
    assert ["✗", "cashier", "pay", "unsafe"] in [row[:4] for row in rows]
    assert "waits for a person" in record
    given = ("--text", "-", "--by", "ada", "--comment", "the till says so")
    answered = desk.run("approvals", "answer", "listed", *given, stdin="paid: 42")
    assert (answered.code, answered.err) == (0, 'The run listed: "cashier#tool-1.3" is answered.\n')
    result = desk.run("runs", "result", "listed", "-o", "json")
    step = json.loads(result.out)["steps"][0]
    assert (result.code, step["toolCalls"][2]["result"]) == (0, "paid: 42")
    assert step["warnings"] == ["Tool call cashier#tool-1.3: answer was decided by ada: the till says so"]


def test_a_rejected_run_has_a_code_of_its_own(desk: Command, cashier: str) -> None:
    watching = desk.start(*submit(cashier, "rejected"), "-o", "jsonl")
    watching.wait_for('"event":"awaiting"', out=True)
    events = [json.loads(line) for line in watching.err.splitlines() if line.startswith("{")]
    assert [event["tool"] for event in events if event["event"] == "tool"] == ["add", "add", "pay"]
    assert events[-1]["decisions"] == ["retry", "answer", "reject"]
    assert desk.run("approvals", "reject", "rejected", "cashier#tool-1.3", "--by", "ada").code == 0
    ended = watching.end()
    assert (ended.code, json.loads(ended.out.splitlines()[-1])["event"]) == (5, "ended")
    assert desk.run("runs", "watch", "rejected").code == 5


def test_what_does_not_wait_cannot_be_decided(desk: Command, cashier: str) -> None:
    waiting(desk, cashier, "odd")
    wrong = desk.run("approvals", "retry", "odd", "cashier#tool-9.9")
    assert (wrong.code, "it waits for: cashier#tool-1.3" in wrong.err) == (2, True)
    assert desk.run("approvals", "show", "odd", "nothing").code == 2
    assert desk.run("approvals", "retry", "nobody").code == 2
    unfit = desk.run("approvals", "approve", "odd")
    assert (unfit.code, "it takes: retry, answer, reject" in unfit.err) == (2, True)
    prompted = desk.run("approvals", "retry", "odd", "--prompt", "Pay less.")
    assert (prompted.code, "for a step that failed" in prompted.err) == (2, True)
    assert desk.run("runs", "cancel", "odd", "--wait").err == "The run odd has ended: Cancelled.\n"
    assert desk.run("runs", "terminate", "odd").err == "The run odd has ended already: Cancelled.\n"


def test_a_person_at_the_terminal_is_asked(desk: Command, cashier: str) -> None:
    shown = run_in_terminal(
        submit(cashier, "typed"),
        desk.home,
        columns=100,
        keys=[(ASKED, b"maybe\r"), (ASKED, b"a\r"), ("answer:$", b"paid, I saw it\r")],
    )
    assert shown.code == 0
    assert shown.ever(r"^  ▸ cashier .*calling pay$")
    assert [line for line in shown.screen.text if line.startswith("  ✓ cashier")]
    assert shown.screen.text[-2] == "It is paid."
    record = json.loads(desk.run("runs", "show", "typed", "-o", "json").out)
    assert record["steps"][0]["toolCalls"][2]["result"] == "paid, I saw it"


def test_a_question_may_be_left_open(desk: Command, cashier: str) -> None:
    left = run_in_terminal(submit(cashier, "open"), desk.home, columns=100, keys=[(ASKED, b"l\r")])
    assert left.code == 7
    assert any("ark-temporal approvals reject open" in line for line in left.screen.text)
    back = ("runs", "watch", "open", "--timeout", "1")
    bored = run_in_terminal(back, desk.home, columns=100)
    assert bored.code == 3
    assert bored.ever(ASKED)
    gone = run_in_terminal(("runs", "watch", "open"), desk.home, columns=100, keys=[(ASKED, b"\x03")])
    assert gone.code == 3
    assert any("Detached; the run goes on" in line for line in gone.screen.text)


def test_a_question_ends_when_somebody_else_decides(desk: Command, cashier: str) -> None:
    waiting(desk, cashier, "raced")

    def decide_soon() -> None:
        time.sleep(2.5)
        desk.run("approvals", "answer", "raced", "--text", "paid")

    with ThreadPoolExecutor() as other:
        deciding = other.submit(decide_soon)
        shown = run_in_terminal(("runs", "watch", "raced"), desk.home, columns=100)
        deciding.result()
    assert shown.code == 0
    assert shown.ever(ASKED)
    assert shown.screen.text[-2] == "It is paid."


def test_run_asks_too(cashier: str, tmp_path: Path) -> None:
    shown = run_in_terminal(
        ("run", cashier, "--mock", *TASK, *TOOLS, *script("paying")),
        tmp_path,
        columns=80,
        keys=[(ASKED, b"reject\r"), (r"empty\):$", b"too late\r")],
    )
    assert shown.code == 5
    assert any("reject was decided by" in line for line in shown.screen.text)
    assert any("ToolOutcomeUnknown" in line for line in shown.screen.text)
