"""Source text to tokens: delimiters, trim markers, comments, and what is inside an action."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from ark_temporal.templates.errors import PlacedError

SPACES: Final = " \t\r\n"
KEYWORDS: Final = frozenset(
    ("block", "break", "continue", "define", "else", "end", "if", "range", "template", "with")
)
_SPACE: Final = tuple(SPACES)
_CONSTANTS: Final = frozenset(("true", "false", "nil"))


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    OPEN = auto()
    CLOSE = auto()
    SPACE = auto()
    KEYWORD = auto()
    NAME = auto()
    CONSTANT = auto()
    FIELD = auto()
    DOT = auto()
    VARIABLE = auto()
    NUMBER = auto()
    STRING = auto()
    RAW = auto()
    RUNE = auto()
    PIPE = auto()
    DECLARE = auto()
    ASSIGN = auto()
    COMMA = auto()
    LEFT = auto()
    RIGHT = auto()
    OTHER = auto()
    END = auto()


class Token(NamedTuple):
    """One token: its kind, its text as written, and where it starts."""

    kind: Kind
    text: str
    offset: int


# Possessive quantifiers throughout: no alternative is ever tried twice on the same characters.
_ACTION = re.compile(
    r"""
    (?P<SPACE>[ \t\r\n]++)
  | (?P<NUMBER>(?=[+-]|\.?[0-9])[+-]?+(?:
        0[xX][0-9a-fA-F_]*+(?:\.[0-9a-fA-F_]*+)?+(?:[pP][+-]?+[0-9_]*+)?+
      | 0[oO][0-7_]*+(?:\.[0-7_]*+)?+
      | 0[bB][01_]*+(?:\.[01_]*+)?+
      | [0-9_]*+(?:\.[0-9_]*+)?+(?:[eE][+-]?+[0-9_]*+)?+
      )i?+)
  | (?P<FIELD>\.\w*+)
  | (?P<VARIABLE>\$\w*+)
  | (?P<NAME>\w++)
  | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*+"?+)
  | (?P<RAW>`[^`]*+`?+)
  | (?P<RUNE>'(?:[^'\\\n]|\\[^\n])*+'?+)
  | (?P<DECLARE>:=)
  | (?P<ASSIGN>=)
  | (?P<PIPE>\|)
  | (?P<COMMA>,)
  | (?P<LEFT>\()
  | (?P<RIGHT>\))
    """,
    re.VERBOSE,
)
_KINDS: Final = {kind.name: kind for kind in Kind}
_WORDS: Final = frozenset((Kind.FIELD, Kind.VARIABLE, Kind.NAME))
_QUOTED: Final = {Kind.STRING: '"', Kind.RAW: "`", Kind.RUNE: "'"}
_AFTER_WORD: Final = frozenset(" \t\r\n.,|:()")


def tokens(source: str) -> Iterator[Token]:
    """The tokens of a template, the last of kind `Kind.END`.

    Args:
        source: The template's source.

    Raises:
        PlacedError: At the first character that starts no token, once all before it were taken.
    """
    position = 0
    while True:
        start = source.find("{{", position)
        if start < 0:
            break
        trims = _trims_left(source, start + 2)
        text = source[position:start]
        if trims:
            text = text.rstrip(SPACES)
        if text:
            yield Token(Kind.TEXT, text, position)
        inside = start + (4 if trims else 2)
        if source.startswith("/*", inside):
            position = _skip_comment(source, start, inside)
        else:
            yield Token(Kind.OPEN, "{{", start)
            position = yield from _action(source, start, inside)
    if position < len(source):
        yield Token(Kind.TEXT, source[position:], position)
    yield Token(Kind.END, "", len(source))


def _trims_left(source: str, offset: int) -> bool:
    return source.startswith("-", offset) and source.startswith(_SPACE, offset + 1)


def _skip_spaces(source: str, offset: int) -> int:
    while offset < len(source) and source[offset] in SPACES:
        offset += 1
    return offset


def _skip_comment(source: str, start: int, inside: int) -> int:
    """Where the text after a comment begins."""
    end = source.find("*/", inside + 2)
    if end < 0:
        raise PlacedError("The comment is not closed; end it with */}}.", start)
    end += 2
    if source.startswith("}}", end):
        return end + 2
    if source.startswith(_SPACE, end) and source.startswith("-}}", end + 1):
        return _skip_spaces(source, end + 4)
    raise PlacedError(
        "A comment must fill its action: }} (or a space and -}}) has to follow */ at once.", end
    )


def _action(source: str, start: int, position: int) -> Generator[Token, None, int]:
    """Tokens up to and with the closing delimiter; returns where the text after it begins."""
    depth = 0
    while position < len(source):
        after = _closing(source, position)
        if after is not None:
            if depth:
                raise PlacedError("A parenthesis is not closed before the end of the action.", position)
            yield Token(Kind.CLOSE, "}}", position)
            return after
        token = _token(source, position)
        depth += (token.kind is Kind.LEFT) - (token.kind is Kind.RIGHT)
        if depth < 0:
            raise PlacedError("A closing parenthesis has no opening one.", position)
        yield token
        position += len(token.text)
    raise PlacedError("The action is not closed; end it with }}.", start)


def _closing(source: str, position: int) -> int | None:
    """Where the text after `}}` or ` -}}` at this position begins; None when neither is there."""
    if source.startswith("}}", position):
        return position + 2
    end = _skip_spaces(source, position)
    if end > position and source.startswith("-}}", end):
        return _skip_spaces(source, end + 3)
    return None


def _token(source: str, position: int) -> Token:
    found = _ACTION.match(source, position)
    if found is None or found.lastgroup is None:
        return _other(source, position)
    kind, text, end = _KINDS[found.lastgroup], found.group(), found.end()
    if kind in _WORDS:
        _check_word(source, text, position, end)
        if kind is Kind.NAME and text in KEYWORDS:
            kind = Kind.KEYWORD
        elif kind is Kind.NAME and text in _CONSTANTS:
            kind = Kind.CONSTANT
        elif text == ".":
            kind = Kind.DOT
    elif kind is Kind.NUMBER:
        _check_number(source, text, position, end)
    elif kind in _QUOTED and (len(text) < 2 or not text.endswith(_QUOTED[kind])):
        raise PlacedError(f"The constant that begins with {text[0]} is not closed.", position)
    return Token(kind, text, position)


def _other(source: str, position: int) -> Token:
    char = source[position]
    if not " " < char < "\x7f":
        raise PlacedError(f"The character {char!r} has no meaning inside an action.", position)
    return Token(Kind.OTHER, char, position)


def _is_letter(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


def _check_word(source: str, text: str, position: int, end: int) -> None:
    if not text.isascii():
        for index, char in enumerate(text[1:] if text[0] in ".$" else text, start=position):
            if not _is_letter(char):
                raise PlacedError(f"The character {char!r} cannot be part of a name.", index)
    if end < len(source) and source[end] not in _AFTER_WORD and not source.startswith("}}", end):
        raise PlacedError(f"The character {source[end]!r} cannot follow {text} directly.", end)


def _check_number(source: str, text: str, position: int, end: int) -> None:
    following = source[end : end + 1]
    if following and _is_letter(following):
        raise PlacedError(f"{text + following} is not a number.", position)
    if text.endswith("i") or following in ("+", "-"):
        raise PlacedError("Complex numbers are not supported; write an integer or a float.", position)
