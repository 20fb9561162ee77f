"""What a stream can show, and text that fits it."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TextIO

Style = Literal["", "dim", "bold", "red", "green", "yellow", "cyan"]

_CODES: dict[Style, str] = {"dim": "2", "bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_FALLBACK = (80, 24)


class Span(NamedTuple):
    """A piece of a line in one style."""

    text: str
    style: Style = ""


Line = Sequence[Span]


@dataclass(frozen=True)
class Terminal:
    """A stream, and what can be done with it.

    Attributes:
        live: Whether lines can be rewritten in place.
        colour: Whether ANSI colours are wanted.
        unicode: Whether it shows more than ASCII.
    """

    stream: TextIO
    live: bool = False
    colour: bool = False
    unicode: bool = True

    @classmethod
    def of(cls, stream: TextIO) -> "Terminal":
        """Find out about a stream. `TERM=dumb` and `NO_COLOR` are honoured."""
        live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        return cls(
            stream,
            live=live,
            colour=live and not os.environ.get("NO_COLOR"),
            unicode="utf" in (stream.encoding or "").lower(),
        )

    def size(self) -> tuple[int, int]:
        """Columns and rows now."""
        try:
            columns, rows = os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError):
            return _FALLBACK
        return columns or _FALLBACK[0], rows or _FALLBACK[1]

    def paint(self, line: Line, width: int | None = None) -> str:
        """A line as text, cut to `width` columns, with colours where they are wanted."""
        spans = line if width is None else _cut(line, width, self.ellipsis)
        if not self.colour:
            return "".join(span.text for span in spans)
        return "".join(
            f"\x1b[{_CODES[span.style]}m{span.text}\x1b[0m" if span.style else span.text for span in spans
        )

    @property
    def ellipsis(self) -> str:
        """What stands for text that was cut off; one column wide."""
        return "…" if self.unicode else "~"

    @property
    def arrow(self) -> str:
        """What leads from a call to its result."""
        return "→" if self.unicode else "->"

    def write(self, text: str) -> None:
        """Write at once."""
        self.stream.write(text)
        self.stream.flush()


def stderr() -> Terminal:
    """Where progress, warnings and errors go."""
    return Terminal.of(sys.stderr)


def say(text: str, style: Style = "") -> None:
    """Tell the user something that is not the command's result."""
    terminal = stderr()
    terminal.write(terminal.paint([Span(printable(text), style)]) + "\n")


def complain(text: str, label: Literal["error", "warning"] = "error") -> None:
    """Tell the user what is wrong."""
    terminal = stderr()
    style: Style = "red" if label == "error" else "yellow"
    terminal.write(terminal.paint([Span(f"{label}: ", style), Span(printable(text))]) + "\n")


def width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def one_line(text: str) -> str:
    """Text from anywhere as one line that does nothing to a terminal."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Text without what would steer a terminal or turn the writing around; line breaks and tabs stay."""
    return "".join(char for char in text if char in "\n\t" or not _steers(char))


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Text filled with spaces to a number of columns."""
    space = " " * max(columns - width(text), 0)
    return space + text if right else text + space


def cut(text: str, columns: int, ellipsis: str = "…") -> str:
    """Text that takes at most so many columns."""
    if width(text) <= columns:
        return text
    kept, used = "", 0
    for char in text:
        used += _char_width(char)
        if used > columns - 1:
            break
        kept += char
    return kept + ellipsis if columns > 0 else ""


def _cut(line: Line, columns: int, ellipsis: str) -> list[Span]:
    spans: list[Span] = []
    left = columns
    for index, span in enumerate(line):
        following = any(later.text for later in line[index + 1 :])
        taken = width(span.text)
        if taken > left or (taken == left and following):
            spans.append(Span(cut(span.text + ellipsis, left, ellipsis), span.style))
            break
        spans.append(span)
        left -= taken
    return spans


def _steers(char: str) -> bool:
    """Control characters, and format characters other than those that join emoji and letters."""
    category = unicodedata.category(char)
    return category in ("Cc", "Cs") or (category == "Cf" and char not in "\u200c\u200d")


def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
