"""The commands around events, as a user's shell sees them."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.e2e.command import ROOT, Command
from worker.embedded import server_binary

pytestmark = pytest.mark.slow

EXAMPLE = str(ROOT / "examples" / "scheduled-digest")
EVENTS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
EVENT = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: slowly, namespace: press}
spec:
  roles: [{name: sits, model: mock, systemPrompt: Sit.}]
  pipeline: [{role: sits, inputs: {said: "{{ .input.said }}"}}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkEvent
metadata: {name: called, namespace: press}
spec:
  source: {type: webhook}
  concurrencyPolicy: Forbid
  targets: [{team: slowly, input: {said: "{{ .trigger.body.said }}"}}]
"""
SCRIPT = "rules: [{contains: wait, delaySeconds: 20}]\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, with a `dev` whose mock answers in all runs that events start."""
    home = tmp_path_factory.mktemp("events")
    (home / "mock.yaml").write_text(SCRIPT)
    (home / "event.yaml").write_text(EVENT)
    command = Command(home)
    running = command.start("dev", "--provider", "mock", "--mock-script", str(home / "mock.yaml"))
    try:
        running.wait_for("Ctrl-C stops it", out=True)
        applied = command.run("apply", "-f", EXAMPLE, "-f", str(home / "event.yaml"), "--wait")
        assert applied.code == 0, applied.err
        yield command
    finally:
        running.interrupt()
        running.end()


def test_events_are_listed_and_shown(desk: Command) -> None:
    listed = desk.run("events", "list")
    assert listed.code == 0
    lines = {line.split()[0]: line for line in listed.out.splitlines()}
    assert list(lines) == ["EVENT", "default/digest-written", "default/morning-digest", "press/called"]
    assert "cron 0 7 * * 1-5 (Europe/Berlin)" in lines["default/morning-digest"]
    assert [lines[name].split()[-4] for name in ("default/digest-written", "press/called")] == [
        "Watching",
        "WebhookReady",
    ]
    shown = json.loads(desk.run("events", "show", "morning-digest", "-o", "json").out)
    status = shown["status"]
    assert status["conditions"] == [{"type": "Ready", "status": "True", "reason": "Active"}]
    assert status["observedGeneration"] == shown["revision"]
    following = datetime.fromisoformat(status["nextFireAt"])
    assert following > datetime.now(UTC)
    assert following.weekday() < 5
    assert len(shown["upcoming"]) == 10
    called = json.loads(desk.run("events", "show", "press/called", "-o", "json").out)
    assert called["status"]["webhookURL"] == "/triggers/press/called/fire"
    wide = desk.run("get", "event", "-o", "wide").out
    assert wide.splitlines()[0].split()[-3:] == ["LAST", "NEXT", "FIRED"]
    described = desk.run("describe", "event/morning-digest").out
    assert "\nnext  " in described
    assert "Active" in described


def test_an_event_is_fired_by_hand_and_by_temporals_own_command(desk: Command) -> None:
    first = desk.run("events", "trigger", "morning-digest", "--id", "one", "--by", "ann", "--watch")
    assert first.code == 0, first.err
    assert first.out.startswith("[mock] write was asked")
    run = first.err.split()[1]
    again = desk.run("events", "trigger", "morning-digest", "--id", "one")
    assert again.out == f"{run}\n"
    shown = json.loads(desk.run("runs", "show", run, "-o", "json").out)
    assert (shown["cause"]["source"], shown["submittedBy"]) == ("manual", "ann")

    fired = json.loads(desk.run("events", "show", "morning-digest", "-o", "json").out)["status"]["firedCount"]
    plain(desk, "schedule", "trigger", "--schedule-id", "arkevent/default/morning-digest")
    status = json.loads(desk.run("events", "show", "morning-digest", "-o", "json").out)["status"]
    assert status["firedCount"] == fired + 1
    assert datetime.fromisoformat(status["lastFiredAt"]) <= datetime.now(UTC)


def test_any_program_can_fire_an_event(desk: Command) -> None:
    [command] = re.findall(r"^temporal (workflow start .*?)\n```", EVENTS, re.MULTILINE | re.DOTALL)
    words = shlex.split(command.replace("\\\n", " "))
    plain(desk, *words)
    result = plain(desk, "workflow", "result", "--workflow-id", words[words.index("--workflow-id") + 1])
    assert '"fired":true' in result
    assert "digest-run-" in result


def plain(desk: Command, *words: str) -> str:
    """Temporal's own command."""
    address = json.loads((desk.home / "dev.json").read_text())["address"]
    command = [server_binary(), *words, "--address", address]
    return subprocess.run(command, check=True, timeout=30, capture_output=True, text=True).stdout


def test_an_event_is_paused_and_resumed(desk: Command) -> None:
    paused = desk.run("events", "pause", "morning-digest", "--by", "bob", "-m", "holiday")
    assert paused.out.startswith("ArkEvent/morning-digest paused (revision ")
    assert "is paused already" in desk.run("events", "pause", "morning-digest").out
    assert "Suspended" in desk.run("events", "show", "morning-digest").out
    refused = desk.run("events", "backfill", "morning-digest", "--from", "2025-11-03", "--to", "2025-11-04")
    assert refused.code == 2
    assert "is suspended" in refused.err
    assert desk.run("events", "resume", "morning-digest").code == 0
    latest = json.loads(desk.run("history", "event/morning-digest", "-o", "json").out)
    assert [each["comment"] for each in latest[:2]] == ["resumed", "holiday"]


def test_times_gone_by_are_fired(desk: Command) -> None:
    period = ("--from", "2025-10-24", "--to", "2025-10-27T23:00")
    dry = desk.run("events", "backfill", "morning-digest", *period, "--dry-run")
    assert dry.out.split() == ["2025-10-24T05:00:00+00:00", "2025-10-27T06:00:00+00:00"]
    told = json.loads(desk.run("events", "backfill", "morning-digest", *period, "-o", "json").out)
    assert [each["slot"] for each in told] == dry.out.split()
    run = desk.run("runs", "show", told[1]["runs"][0], "-o", "json")
    assert json.loads(run.out)["cause"]["firedAt"] == "2025-10-27T06:00:00Z"
    many = desk.run("events", "backfill", "morning-digest", "--from", "2025-01-01", "--to", "2025-03-01")
    assert (many.code, many.out) == (2, "")
    assert "This would fire morning-digest 43 times. Add --yes" in many.err


def test_forbid_skips_and_says_so(desk: Command) -> None:
    held = desk.run("events", "trigger", "press/called", "--body", '{"said": "wait"}')
    assert held.code == 0
    skipped = desk.run("events", "trigger", "press/called", "-o", "json")
    assert skipped.code == 0
    told = json.loads(skipped.out)
    assert (told["fired"], "Forbid" in told["reason"]) == (False, True)
    text = desk.run("events", "trigger", "press/called")
    assert (text.code, text.out) == (0, "")
    assert "called was not fired: A run that it has started goes on" in text.err
    assert desk.run("runs", "cancel", held.out.strip(), "--wait").code == 0
    fired = desk.run("events", "trigger", "press/called", "--body", "-", stdin='{"said": "go"}')
    assert fired.out.startswith("slowly-run-")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("trigger", "nix"), 'There is no ArkEvent "default/nix"'),
        (("trigger", "morning-digest", "--body", "{"), "--body: the text given is not JSON"),
        (("trigger", "morning-digest", "--body", "@big.json"), "cannot be read"),
        (("backfill", "press/called", "--from", "2025-01-01", "--to", "2025-01-02"), "source is webhook"),
        (("backfill", "morning-digest", "--from", "soon", "--to", "2025-01-02"), '"soon" is no time'),
        (("backfill", "morning-digest", "--from", "2025-01-02", "--to", "2025-01-01"), "before --from"),
        (("backfill", "morning-digest", "--from", "2025-01-02", "--to", "2999-01-01"), "has not come yet"),
        (("show", "nix"), "There is no ArkEvent"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Command, words: tuple[str, ...], why: str) -> None:
    ended = desk.run("events", *words)
    assert ended.code == 2
    assert why in ended.err
    assert "Traceback" not in ended.err


def test_names_of_events_complete(desk: Command) -> None:
    line = {"COMP_WORDS": "ark-temporal events show ", "COMP_CWORD": "3"}
    assert desk.run(env={**line, "_ARK_TEMPORAL_COMPLETE": "complete_bash"}).out.split() == [
        "digest-written",
        "morning-digest",
        "press/called",
    ]
