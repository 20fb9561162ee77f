"""Homes for the command's data, and one `dev` that a module's tests share."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import DATA, Command, script

# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command, with a home of its own."""
    return Command(tmp_path)


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, with a home in which a `dev` runs."""
    command = Command(tmp_path_factory.mktemp("dev"))
    running = command.start("dev", str(DATA / "keys.yaml"), *script("slow"))
    try:
        running.wait_for("Ctrl-C stops it", out=True)
        yield command
    finally:
        running.interrupt(signal.SIGTERM)
        ended = running.end()
    assert ended.code == 0, ended.err
