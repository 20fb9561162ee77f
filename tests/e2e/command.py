"""Running the real command, as a user's shell does."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
NEWS = str(DATA / "news.yaml")
COMMAND = (sys.executable, "-m", "cli.main")
ROOT = Path(__file__).parents[2]

_FOREIGN = ("TEMPORAL_", "ARK_", "ANTHROPIC_", "OPENAI_", "GEMINI_", "GOOGLE_", "AGENT_", "NO_COLOR")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """The tests' own environment, without what would lead the command elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "ARK_HOME": str(home), "COLUMNS": "", **more}


def script(name: str) -> tuple[str, ...]:
    """Options that make the mock follow a script of ours."""
    return ("--mock-script", str(DATA / f"{name}.yaml"))


@dataclass(frozen=True)
class Command:
    """The command, with a home of its own for its data."""

    home: Path

    def run(
        self,
        *words: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        seconds: float = 40,
    ) -> Ended:
        """Run to the end; where that does not come, fail with all that there is to know about why."""
        started = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={"PYTHONFAULTHANDLER": "1", **environment(self.home, **(env or {}))},
            cwd=ROOT,
        )
        with started:
            try:
                out, err = started.communicate(stdin, timeout=seconds)
            except subprocess.TimeoutExpired:
                started.send_signal(signal.SIGABRT)  # writes where each thread is
                out, err = started.communicate(timeout=10)
                load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
                raise AssertionError(
                    f"`{' '.join(words)}` had not ended after {seconds:g} s (load {load}).\n"
                    f"stdout:\n{out}\nstderr:\n{err}"
                ) from None
        return Ended(started.returncode, out, err)

    def start(self, *words: str) -> "Running":
        """Start, and leave it running."""
        process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment(self.home),
            cwd=ROOT,
        )
        return Running(process)


@dataclass
class Running:
    """A command that runs."""

    process: "subprocess.Popen[str]"
    err: str = ""

    def wait_for(self, text: str, *, out: bool = False) -> None:
        """Read its standard error (or output) until a line has the text."""
        stream = self.process.stdout if out else self.process.stderr
        assert stream is not None
        for line in stream:
            self.err += line
            if text in line:
                return
        raise AssertionError(f"{text!r} never came; what came was:\n{self.err}")

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> None:
        """Send Ctrl-C, or another signal."""
        self.process.send_signal(how)

    def end(self, seconds: float = 30) -> Ended:
        """Wait for its end."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return Ended(self.process.returncode, out, self.err + err)


def words(text: str) -> Sequence[str]:
    """What a line consists of, whatever the spaces between."""
    return text.split()
