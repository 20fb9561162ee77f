"""Texts made safe for Go source, HTML, JavaScript and URLs, character for character as Go does."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote as percent_encode

from ark_temporal.templates.strings import bytes_of, well_formed

_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_HTML: Final = str.maketrans(
    {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"}
)
_JS: Final = str.maketrans(
    {chr(code): f"\\u{code:04X}" for code in (*range(0x20), *map(ord, "<>&="))}
    | {"\\": "\\\\", "'": "\\'", '"': '\\"'}
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def quote(text: str, mark: str = '"', *, ascii_only: bool = False) -> str:
    """A Go string (or, with `mark` a single quote, rune) constant for a text."""
    if text.isascii() and text.isprintable() and mark not in text and "\\" not in text:
        return f"{mark}{text}{mark}"
    return mark + "".join(_quoted(char, mark, ascii_only) for char in text) + mark


def _quoted(char: str, mark: str, ascii_only: bool) -> str:
    code = ord(char)
    if char == mark:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable() and (code < 0x80 or not ascii_only):
        return char
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def can_back_quote(text: str) -> bool:
    """Whether a text can stand between back quotes on one line."""
    return not any(
        char in "`\x7f\ufeff" or (char < " " and char != "\t") or "\ud800" <= char <= "\udfff"
        for char in text
    )


def escape_html(text: str) -> str:
    """The text for an HTML element or a quoted attribute."""
    return text.translate(_HTML)


def escape_js(text: str) -> str:
    """The text for the inside of a quoted JavaScript string."""
    escaped = well_formed(text).translate(_JS)
    return escaped if escaped.isascii() else _NOT_ASCII.sub(_escape_js_run, escaped)


def _escape_js_run(found: re.Match[str]) -> str:
    run = found[0]
    if run.isprintable():
        return run
    return "".join(char if char.isprintable() else f"\\u{ord(char):04X}" for char in run)


def escape_url(text: str) -> str:
    """The text for a URL's query."""
    return percent_encode(bytes_of(text), safe=" ").replace(" ", "+")
