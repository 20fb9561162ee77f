"""A terminal small enough to trust: what our output does to a screen, and a command run in one."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.command import COMMAND, ROOT, environment

_TOKEN = re.compile(r"\x1b\[(?P<args>[0-9;]*)(?P<what>[A-Za-z])|(?P<char>.)", re.DOTALL)


@dataclass
class Screen:
    """Rows of cells, and everything that scrolled off the top.

    Attributes:
        wrapped: The text of each line that did not fit its row, at the moment it did not.
        colours: How often a colour was set.
    """

    columns: int
    rows: int
    lines: list[list[str]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    wrapped: list[str] = field(default_factory=list[str])
    colours: int = 0

    def feed(self, text: str) -> None:
        for token in _TOKEN.finditer(text):
            if token["what"]:
                self._control(token["what"], token["args"])
            elif token["char"] == "\r":
                self.column = 0
            elif token["char"] == "\n":
                self._down()
            else:
                self._put(token["char"])

    @property
    def text(self) -> list[str]:
        """All lines, those that scrolled off included, without spaces at their ends."""
        return ["".join(line).rstrip() for line in self.lines]

    def _control(self, what: str, args: str) -> None:
        if what == "A":
            top = max(len(self.lines) - self.rows, 0)
            self.row = max(self.row - int(args or 1), top)
        elif what == "K":
            del self.lines[self.row][self.column :]
        elif what == "J":
            del self.lines[self.row][self.column :]
            del self.lines[self.row + 1 :]
        elif what == "m":
            self.colours += args not in ("", "0")
        else:
            raise AssertionError(f"an escape sequence that nobody expects: {args}{what}")

    def _put(self, char: str) -> None:
        assert unicodedata.category(char) != "Cc", f"a control character on the screen: {char!r}"
        if unicodedata.category(char) in ("Mn", "Cf"):
            return
        size = 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if self.column + size > self.columns:
            self.wrapped.append("".join(self.lines[self.row]))
            self._down()
            self.column = 0
        line = self.lines[self.row]
        line += [" "] * (self.column - len(line))
        line[self.column : self.column + size] = [char, *[""] * (size - 1)]
        self.column += size

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append([])


@dataclass(frozen=True)
class Shown:
    """A command that ran in a terminal.

    Attributes:
        moments: What the screen showed after each piece of output.
    """

    code: int
    screen: Screen
    moments: list[list[str]]

    def ever(self, pattern: str) -> bool:
        """Whether a line that matches was on the screen at some moment."""
        return any(re.search(pattern, line) for moment in self.moments for line in moment)


def run_in_terminal(
    words: Sequence[str],
    home: Path,
    *,
    columns: int,
    rows: int = 24,
    keys: Sequence[tuple[str, bytes]] = (),
    seconds: float = 40,
    **env: str,
) -> Shown:
    """Run the command in a terminal of that size.

    Args:
        words: The command's arguments.
        home: For its data.
        columns: Of the terminal.
        rows: Of the terminal.
        keys: What to type, each as soon as its pattern is on the screen.
        seconds: How long it may take.
        env: More environment.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.execvpe(COMMAND[0], [*COMMAND, *words], {**environment(home), "TERM": "xterm-256color", **env})
    screen, moments, due = Screen(columns, rows), list[list[str]](), list(keys)
    deadline, left = time.monotonic() + seconds, b""
    try:
        while time.monotonic() < deadline and (data := _read(terminal)) is not None:
            text, left = _decode(left + data)
            screen.feed(text)
            moments.append(screen.text)
            if due and any(re.search(due[0][0], line) for line in screen.text):
                os.write(terminal, due.pop(0)[1])
    finally:
        if time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    return Shown(os.waitstatus_to_exitcode(status), screen, moments)


def _read(terminal: int) -> bytes | None:
    """What came within a moment; None at the end."""
    readable, _, _ = select.select([terminal], [], [], 0.2)
    if not readable:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:  # Linux says so when the other side has closed
        return None


def _decode(data: bytes) -> tuple[str, bytes]:
    """Text, and the beginning of a character or a sequence that is not whole yet."""
    try:
        text, rest = data.decode(), b""
    except UnicodeDecodeError as error:
        text, rest = data[: error.start].decode(), data[error.start :]
    cut = re.search(r"\x1b\[?[0-9;]*\Z", text)
    return (text[: cut.start()], text[cut.start() :].encode() + rest) if cut else (text, rest)
