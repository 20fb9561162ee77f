"""`ark-temporal run`, as a user runs it."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.command import COMMAND, DATA, NEWS, ROOT, Command, environment, script

pytestmark = pytest.mark.slow

RUN = ("run", NEWS, "--mock", "-i", "topic=tea")
ESCAPE = "\x1b"


def test_the_result_is_on_stdout_and_progress_on_stderr(command: Command) -> None:
    ended = command.run(*RUN, *script("slow"))
    assert (ended.code, ended.out) == (0, "PUBLISHED the article\n")
    assert ESCAPE not in ended.err
    lines = ended.err.splitlines()
    assert re.match(r"\[\d\d:\d\d:\d\d\] run news-run-\w+  plan [0-9a-f]{8}  4 steps  ui http://", lines[0])
    for step, told in (
        ("research", "running"),
        ("write", r"succeeded, 2\.\ds, \d+ tok"),
        ("translate", "skipped: "),
        ("publish", "succeeded"),
    ):
        assert any(re.match(rf"\[[\d:]+\] {step}: {told}", line) for line in lines), ended.err
    assert lines[-1].startswith("✓ Succeeded in ")


def test_steps_that_run_at_the_same_time_all_count(command: Command) -> None:
    ended = command.run(*RUN, *script("slow"), "-i", "language=de", seconds=20)
    assert (ended.code, ended.out) == (0, "PUBLISHED the article\n")


def test_json_is_the_whole_record(command: Command) -> None:
    ended = command.run(*RUN, "-o", "json")
    record = json.loads(ended.out)
    assert (ended.code, record["phase"], record["input"]["topic"]) == (0, "Succeeded", "tea")
    assert [step["name"] for step in record["steps"]] == ["research", "write", "translate", "publish"]
    assert record["output"].startswith("PUBLISHED ")


def test_jsonl_is_a_stream_of_events_that_ends_with_the_record(command: Command) -> None:
    ended = command.run(*RUN, *script("retry"), "-o", "jsonl")
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["started", "ended"]
    assert events[0]["steps"] == ["research", "write", "translate", "publish"]
    phases = [event["phase"] for event in events if event["event"] == "step" and event["step"] == "publish"]
    assert phases == ["Running", "Succeeded"]
    assert [event["step"] for event in events if event["event"] == "retry"][:1] == ["write"]
    assert events[-1]["record"]["output"] == "PUBLISHED the article"
    assert ended.err == ""


def test_a_path_gets_the_result(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    ended = command.run(*RUN, *script("slow"), "-o", str(target))
    assert (ended.code, ended.out) == (0, "")
    assert target.read_text() == "PUBLISHED the article\n"


def test_a_failed_run_says_why_and_has_no_result(command: Command) -> None:
    ended = command.run(*RUN, *script("fail"))
    assert (ended.code, ended.out) == (1, "")
    assert "error: step write: ModelBadRequest: the model does not like this" in ended.err
    assert "Traceback" not in ended.err


def test_the_record_of_a_failed_run_is_printed_too(command: Command) -> None:
    ended = command.run(*RUN, *script("fail"), "-o", "json")
    record = json.loads(ended.out)
    assert (ended.code, record["reason"], record["error"]["step"]) == (1, "StepFailed", "write")


def test_a_used_up_budget_has_a_code_of_its_own(command: Command) -> None:
    manifest = Path(NEWS).read_text().replace("spec:\n", "spec:\n  maxTokens: 10\n", 1)
    ended = command.run("run", "-", "--mock", "-i", "topic=tea", stdin=manifest)
    assert ended.code == 6
    assert "BudgetExceeded" in ended.err


def test_a_run_that_takes_too_long_has_a_code_of_its_own(command: Command) -> None:
    started = time.monotonic()
    ended = command.run(*RUN, *script("stuck"), "--timeout", "1")
    assert ended.code == 9
    assert "TimedOut" in ended.err
    assert time.monotonic() - started < 20, "calls under way must not be waited for"


def test_values_of_secrets_reach_the_worker_and_nobody_else(command: Command) -> None:
    sources = (str(DATA / "secret.yaml"), str(DATA / "keys.yaml"))
    ended = command.run("run", *sources, "-o", "json")
    record = json.loads(ended.out)
    assert (ended.code, record["steps"][0]["calls"][0]["provider"]) == (0, "mock")
    assert "hunter2" not in ended.out + ended.err


def test_ctrl_c_cancels_the_run(command: Command) -> None:
    running = command.start(*RUN, *script("stuck"), "-o", "json")
    running.wait_for("write: running")
    running.interrupt()
    ended = running.end()
    assert (ended.code, json.loads(ended.out)["phase"]) == (8, "Cancelled")
    assert "Traceback" not in ended.err


def test_a_reader_that_has_seen_enough_is_no_failure(command: Command) -> None:
    words = " ".join([*COMMAND, *RUN, *script("slow"), "-o", "json"])
    ended = subprocess.run(
        ["bash", "-c", f"{words} | head -c 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(command.home),
        cwd=ROOT,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "{")
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_a_killed_run_leaves_no_server_behind(command: Command) -> None:
    running = command.start(*RUN, *script("stuck"))
    running.wait_for("write: running")
    port = re.search(r"http://127\.0\.0\.1:(\d+)/", running.err)
    assert port is not None
    running.interrupt(signal.SIGKILL)
    running.end()
    assert _closes(int(port[1]))


def _closes(port: int) -> bool:
    """Whether nothing listens on a port any more within a few seconds."""
    import socket

    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return True
        time.sleep(0.1)
    return False
