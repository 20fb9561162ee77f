"""Text that fits a terminal and does nothing to it."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal import Span, Terminal, cut, one_line, pad, printable, width


@given(st.text(), st.integers(0, 60))
def test_cut_never_takes_more_columns_than_it_may(text: str, columns: int) -> None:
    assert width(cut(one_line(text), columns)) <= columns


@given(st.lists(st.text(max_size=12), max_size=5), st.integers(0, 40), st.booleans())
def test_a_painted_line_fits_whatever_its_spans(texts: list[str], columns: int, colour: bool) -> None:
    terminal = Terminal(io.StringIO(), live=True, colour=colour)
    painted = terminal.paint([Span(one_line(text), "red") for text in texts], columns)
    shown = painted.replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert width(shown) <= columns


def test_wide_and_combining_characters_count_as_terminals_count_them() -> None:
    assert [width(text) for text in ("abc", "日本", "e\u0301", "👍", "")] == [3, 4, 1, 2, 0]
    assert cut("日本語", 5) == "日本…"
    assert pad("日本", 6) == "日本  "
    assert pad("1", 3, right=True) == "  1"


@given(st.text())
def test_printable_text_steers_nothing(text: str) -> None:
    kept = printable(f"a\x1b[2J{text}\u202eb\x07")
    assert not set(kept) & {chr(code) for code in (*range(9), *range(11, 32), 127, 0x9B, 0x202E)}
    assert printable(kept) == kept


def test_one_line_has_no_line_breaks() -> None:
    assert one_line(" a\r\n\tb\u2028c ") == "a b c"


@pytest.mark.parametrize(("term", "live"), [("dumb", False), ("xterm", True)])
def test_a_dumb_terminal_is_not_rewritten(term: str, live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Terminal.of(Tty()).live is live
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal.of(Tty()).colour is False
