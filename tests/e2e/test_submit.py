"""Runs on a Temporal that lives on: `dev`, `submit`, `worker` and `runs`."""

import json
import re
import signal
import subprocess

import pytest

from tests.e2e.command import COMMAND, DATA, NEWS, ROOT, Command, environment, words
from tests.e2e.screen import run_in_terminal

pytestmark = pytest.mark.slow

SUBMIT = ("submit", NEWS, "--provider", "mock", "-i", "topic=tea")
SUBMIT_LONG = (*SUBMIT, "-i", "topic=oolong")


def test_without_watch_stdout_is_the_id_alone(dev: Command) -> None:
    ended = dev.run(*SUBMIT)
    assert ended.code == 0
    run_id = ended.out.strip()
    assert re.fullmatch(r"news-run-[0-9a-f]{6}", run_id)
    assert f"/workflows/{run_id}" in ended.err
    result = dev.run("runs", "result", run_id)
    assert (result.code, result.out) == (0, "PUBLISHED the article\n")


def test_values_of_secrets_are_the_workers_business(dev: Command) -> None:
    sources = (str(DATA / "secret.yaml"), str(DATA / "keys.yaml"))
    ended = dev.run("submit", *sources, "--watch", "-o", "json", "--id", "keyed")
    record = json.loads(ended.out)
    assert (ended.code, record["steps"][0]["calls"][0]["provider"]) == (0, "mock")
    assert 'Secret "model-keys" of these manifests stays here' in ended.err
    assert "hunter2" not in ended.out + ended.err


def test_watch_prints_the_result_and_the_id_goes_to_stderr(dev: Command) -> None:
    ended = dev.run(*SUBMIT, "--watch", "--id", "watched")
    assert (ended.code, ended.out) == (0, "PUBLISHED the article\n")
    assert ended.err.startswith("submitted watched\n")


def test_the_same_id_starts_nothing_twice(dev: Command) -> None:
    first = dev.run(*SUBMIT, "--id", "once")
    again = dev.run(*SUBMIT, "--id", "once")
    assert (first.out, again.out, again.code) == ("once\n", "once\n", 0)
    assert "nothing new was started" in again.err
    assert "another plan" not in again.err
    other = dev.run("submit", NEWS, "-i", "topic=tea", "--id", "once", "-o", "json")
    assert json.loads(other.out) | {"ui": ""} == {
        "id": "once",
        "existed": True,
        "otherPlan": True,
        "plan": json.loads(other.out)["plan"],
        "ui": "",
    }
    assert "another plan" in other.err


def test_ctrl_c_detaches_and_the_run_goes_on(dev: Command) -> None:
    running = dev.start(*SUBMIT, "--watch", "--id", "left")
    running.wait_for("write: running")
    running.interrupt()
    ended = running.end()
    assert (ended.code, ended.out) == (3, "")
    assert "`ark-temporal runs watch left`" in ended.err
    back = dev.run("runs", "watch", "left")
    assert (back.code, back.out) == (0, "PUBLISHED the article\n")


def test_another_ctrl_c_cancels(dev: Command) -> None:
    shown = run_in_terminal(
        [*SUBMIT, "--watch", "--id", "dropped"],
        dev.home,
        columns=100,
        keys=[("▸ write", b"\x03"), ("Ctrl-C again", b"\x03")],
    )
    assert shown.code == 8
    assert any(line.startswith("◼ Cancelled in ") for line in shown.screen.text)


def test_patience_ends_and_the_run_goes_on(dev: Command) -> None:
    ended = dev.run(*SUBMIT, "--watch", "--timeout", "0.5", "-o", "json")
    assert (ended.code, json.loads(ended.out)["phase"]) == (3, "Running")


def test_list_and_show(dev: Command) -> None:
    dev.run(*SUBMIT, "--watch", "--id", "shown")
    listed = dev.run("runs", "list", "--team", "news")
    assert ["shown", "news", "Succeeded"] in [words(line)[:3] for line in listed.out.splitlines()]
    found = json.loads(dev.run("runs", "list", "-o", "json", "--limit", "1").out)
    assert [run["id"] for run in found] == ["shown"]
    text = dev.run("runs", "show", "latest", "--full").out
    assert {"run", "shown"} <= set(words(text))
    assert ["✓", "write", "Succeeded", "mock-large"] in [words(line)[:4] for line in text.splitlines()]
    assert "Collect facts about tea." in text
    record = json.loads(dev.run("runs", "show", "shown", "-o", "json").out)
    assert record["output"] == "PUBLISHED the article"


def test_cancel_and_terminate(dev: Command) -> None:
    dev.run(*SUBMIT_LONG, "--id", "stopped")
    asked = dev.run("runs", "cancel", "stopped", "--wait")
    assert (asked.code, asked.err) == (0, "The run stopped has ended: Cancelled.\n")
    again = dev.run("runs", "cancel", "stopped")
    assert (again.code, again.err) == (0, "The run stopped has ended already: Cancelled.\n")
    assert dev.run("runs", "watch", "stopped").code == 8
    dev.run(*SUBMIT_LONG, "--id", "killed")
    assert dev.run("runs", "terminate", "killed", "--reason", "enough").code == 0
    result = dev.run("runs", "result", "killed")
    assert (result.code, result.out) == (8, "")
    assert "enough" in result.err


def test_a_run_waits_for_a_worker_and_says_so(dev: Command) -> None:
    watching = dev.start(*SUBMIT, "--watch", "--task-queue", "elsewhere")
    watching.wait_for('no worker listens on task queue "elsewhere"')
    worker = dev.start("worker", "--task-queue", "elsewhere")
    worker.wait_for("ready: ")
    ended = watching.end()
    worker.interrupt(signal.SIGTERM)
    stopped = worker.end()
    assert (ended.code, ended.out.startswith("PUBLISHED ")) == (0, True)
    assert stopped.code == 0
    assert "stopped" in stopped.err
    assert "Traceback" not in stopped.err


def test_what_is_wrong_has_a_code_and_no_traceback(dev: Command) -> None:
    for code, arguments in (
        (2, ("runs", "show", "nobody")),
        (2, ("runs", "watch", "nobody")),
        (2, ("runs", "list", "--phase", "Nonsense")),
        (2, ("runs", "list", "--query", "not a query")),
        (2, ("submit", NEWS, "-i", "topic=tea", "--storage", "gs://bucket")),
        (2, ("submit", NEWS)),
        (2, ("dev",)),
        (4, ("runs", "list", "--address", "127.0.0.1:1")),
        (4, ("runs", "list", "--namespace", "nowhere")),
        (4, ("runs", "list", "--tls-ca-path", "/nowhere/ca.pem")),
    ):
        ended = dev.run(*arguments)
        assert (ended.code, ended.out) == (code, ""), f"{arguments}: {ended}"
        assert ended.err.startswith("error: "), ended.err
        assert "Traceback" not in ended.err


def test_doctor_finds_everything_in_place(dev: Command) -> None:
    ended = dev.run("doctor", "-o", "json")
    checks = {check["name"]: check["status"] for check in json.loads(ended.out)["checks"]}
    assert ended.code == 0
    assert {
        checks[name] for name in ("temporal", "namespace", "search attributes", "workers", "storage")
    } == {"ok"}
    lost = dev.run("doctor", "--address", "127.0.0.1:1")
    assert lost.code == 1
    assert re.search(r"^fail temporal ", lost.out, re.MULTILINE)


def test_the_stream_of_a_watch_ends_with_its_reader(dev: Command) -> None:
    dev.run(*SUBMIT, "--id", "streamed")
    line = " ".join([*COMMAND, "runs", "watch", "streamed", "-o", "jsonl"])
    ended = subprocess.run(
        ["bash", "-c", f"{line} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(dev.home),
        cwd=ROOT,
        check=False,
    )
    assert json.loads(ended.stdout)["event"] == "started"
    assert (ended.returncode, ended.stderr) == (141, "")


def test_the_shell_completes_ids_of_runs(dev: Command) -> None:
    dev.run(*SUBMIT, "--id", "zebra")
    line = {"COMP_WORDS": "ark-temporal runs show z", "COMP_CWORD": "3"}
    ended = dev.run(env={**line, "_ARK_TEMPORAL_COMPLETE": "complete_bash"})
    assert ended.out.split() == ["zebra"]
    assert ended.err == ""
