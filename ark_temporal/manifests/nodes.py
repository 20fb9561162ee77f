"""YAML as nodes that know where they were written."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value.

    Attributes:
        start: Index of its first character in the text.
        end: Index after its last character.
        value: What it means.
        text: What it says, before it is read as a number or a boolean.
        style: The YAML style: empty (plain), `'`, `"`, `|` or `>`.
    """

    start: int
    end: int
    value: JsonValue
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list of nodes."""

    start: int
    end: int
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of one key, and where the key is."""

    key_start: int
    value: "Node"


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Nodes by key, in the order written."""

    start: int
    end: int
    entries: Mapping[str, Entry]

    def get(self, key: str) -> "Node | None":
        """The value of a key, if it is there."""
        entry = self.entries.get(key)
        return entry.value if entry else None


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True)
class Source:
    """A text and the name of the file it came from."""

    name: str
    text: str

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def position(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of a character."""
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1

    def index_in(self, node: ScalarNode, offset: int) -> int:
        """Index in the text of a character of a scalar's value.

        Folding, escapes and indentation change only white space and the length of escapes, so the
        character is found by counting the visible ones before it.
        """
        offset = min(offset, len(node.text))
        before = node.text[:offset]
        if offset < len(node.text) and not node.text[offset].isspace():
            return self._visible(node, len(before) - _blanks(before))
        solid = before.rstrip()
        if not solid:
            return self._visible(node, 0)
        last = self._visible(node, len(solid) - _blanks(solid) - 1)
        gap = before[len(solid) :]
        return last + 1 + (0 if "\n" in gap else len(gap))

    def _visible(self, node: ScalarNode, number: int) -> int:
        raw = self.text[node.start : node.end]
        for index, blank in _characters(raw, node.style):
            if not blank:
                if number == 0:
                    return node.start + index
                number -= 1
        return node.start


def _blanks(text: str) -> int:
    return sum(map(str.isspace, text))


_PROPERTIES = re.compile(r"(?:[&!]\S*\s+(?:#[^\n]*\n\s*)*)*")
_BLOCK_HEADER = re.compile(r"[|>][^\n]*\n?")
_DOUBLE_QUOTED = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<one>[\s\S]))|[\s\S]"
)
_SINGLE_QUOTED = re.compile(r"''|[\s\S]")
_BLANK_ESCAPES = frozenset("ntrvf NLP_\t\n")


def _characters(raw: str, style: str) -> Iterator[tuple[int, bool]]:
    """Index of each character of a value as written, and whether it is white space."""
    matched = _PROPERTIES.match(raw)
    begin = matched.end() if matched else 0
    if style in ("|", ">"):
        header = _BLOCK_HEADER.match(raw, begin)
        begin = header.end() if header else begin
    if style not in ('"', "'"):
        yield from ((index, raw[index].isspace()) for index in range(begin, len(raw)))
        return
    tokens = _DOUBLE_QUOTED if style == '"' else _SINGLE_QUOTED
    for token in tokens.finditer(raw, begin + 1, len(raw) - 1):
        yield token.start(), _is_blank(token)


def _is_blank(token: re.Match[str]) -> bool:
    text = token.group()
    if not text.startswith("\\") or len(text) == 1:
        return text.isspace()
    groups = token.groupdict()
    if groups["one"]:
        return groups["one"] in _BLANK_ESCAPES
    code = groups["x"] or groups["u"] or groups["U"]
    return chr(int(code, 16)).isspace()


def plain(node: Node) -> JsonValue:
    """The node's value as plain data."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {key: plain(entry.value) for key, entry in node.entries.items()}
