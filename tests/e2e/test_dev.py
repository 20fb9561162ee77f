"""`ark-temporal dev` comes, goes and comes back."""

import signal

import pytest

from tests.e2e.command import NEWS, Command, Running, script

pytestmark = pytest.mark.slow


def start_dev(command: Command) -> Running:
    running = command.start("dev", *script("slow"))
    running.wait_for("Ctrl-C stops it", out=True)
    return running


def test_runs_and_those_who_watch_them_outlive_a_restart(command: Command) -> None:
    first = start_dev(command)
    command.run("submit", NEWS, "--provider", "mock", "-i", "topic=tea", "--id", "long")
    watching = command.start("runs", "watch", "long")
    watching.wait_for("write: running")
    first.interrupt(signal.SIGTERM)
    assert first.end().code == 0
    watching.wait_for("does not answer; the run goes on")
    second = start_dev(command)
    try:
        ended = watching.end(60)
        assert (ended.code, ended.out) == (0, "PUBLISHED the article\n")
        assert "Temporal is back" in ended.err
        listed = command.run("runs", "list")
        assert "long" in listed.out
    finally:
        second.interrupt()
        stopped = second.end()
    assert stopped.code == 0
    assert "Traceback" not in stopped.err


def test_a_worker_waits_for_a_temporal_that_is_not_there_yet(command: Command) -> None:
    worker = command.start("worker", "--address", "127.0.0.1:1")
    worker.wait_for("Trying again for 60 seconds")
    worker.interrupt()
    ended = worker.end()
    assert ended.code == 130
    assert "Traceback" not in ended.err
