"""Reads YAML, and JSON as part of it, into nodes.

PyYAML supplies the events; scalars are read by the core schema of YAML 1.2, which is what people who write
for Kubernetes expect: `on` and `yes` are strings, and there are no dates and no base-60 numbers.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import yaml
from pydantic import JsonValue

from ark_temporal.manifests.nodes import Entry, MappingNode, Node, ScalarNode, SequenceNode

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml: slower, the same events
    from yaml import SafeLoader as _Loader

MAX_DEPTH = 100
"""Levels of nesting a document may have."""
MAX_ALIASED = 100_000
"""Values that the aliases of one document may expand to."""

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOLEAN = re.compile(r"(?:(?P<true>true|True|TRUE)|false|False|FALSE)\Z")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"(?:0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_JSON = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_MAX_DIGITS = 400

_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_UNREADABLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class YamlProblem:
    """Something wrong with the YAML itself, at a character of the text."""

    code: str
    index: int
    message: str
    hint: str = ""


@dataclass(frozen=True)
class YamlFile:
    """What a text holds.

    Attributes:
        documents: Its documents that are not empty.
        problems: What was wrong.
        complete: Whether the text was read to its end.
    """

    documents: tuple[Node, ...]
    problems: tuple[YamlProblem, ...]
    complete: bool


class _GiveUpError(Exception):
    """Nothing more can be read."""

    def __init__(self, problem: YamlProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Composed:
    """A node, the number of values in it with aliases expanded, and its height."""

    node: Node
    size: int
    height: int


@dataclass
class _Composer:
    """Builds the nodes of one text from its events."""

    text: str
    events: Iterator[yaml.Event]
    problems: list[YamlProblem] = field(default_factory=list[YamlProblem])
    documents: list[Node] = field(default_factory=list[Node])
    anchors: dict[str, _Composed | None] = field(default_factory=dict[str, _Composed | None])
    aliased: int = 0
    end: int = 0

    def read_all(self) -> None:
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors, self.aliased = {}, 0
                node = self.compose(next(self.events), 0).node
                if not (isinstance(node, ScalarNode) and node.value is None):
                    self.documents.append(node)

    def compose(self, event: yaml.Event, depth: int) -> _Composed:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, depth)
        start = _index(event)
        if depth > MAX_DEPTH:
            raise _GiveUpError(_too_deep(start))
        anchor = cast(yaml.NodeEvent, event).anchor
        if anchor:
            self.anchors[anchor] = None
        if isinstance(event, yaml.SequenceStartEvent):
            composed = self.sequence(event, depth)
        elif isinstance(event, yaml.MappingStartEvent):
            composed = self.mapping(event, depth)
        else:
            composed = _Composed(self.scalar(cast(yaml.ScalarEvent, event)), 1, 1)
        if anchor:
            self.anchors[anchor] = composed
        return composed

    def alias(self, event: yaml.AliasEvent, depth: int) -> _Composed:
        start, name = _index(event), str(event.anchor)
        target = self.anchors.get(name)
        if target is None:
            reason = "refers to itself" if name in self.anchors else "has no anchor before it"
            self.problem("yaml-alias", start, f'The alias "*{name}" {reason}.')
            return _Composed(ScalarNode(start, start, None, "", ""), 1, 1)
        self.aliased += target.size
        if self.aliased > MAX_ALIASED:
            text = f"The aliases of this document expand to more than {MAX_ALIASED:,} values."
            raise _GiveUpError(YamlProblem("yaml-too-large", start, text, "Write less of it by alias."))
        if depth + target.height > MAX_DEPTH:
            raise _GiveUpError(_too_deep(start))
        return target

    def sequence(self, event: yaml.SequenceStartEvent, depth: int) -> _Composed:
        self.known_tag(event, "seq")
        items: list[Node] = []
        size = height = 0
        for inner in self.until(yaml.SequenceEndEvent):
            item = self.compose(inner, depth + 1)
            items.append(item.node)
            size, height = size + item.size, max(height, item.height)
        return _Composed(SequenceNode(_index(event), self.end, tuple(items)), size + 1, height + 1)

    def mapping(self, event: yaml.MappingStartEvent, depth: int) -> _Composed:
        self.known_tag(event, "map")
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        size = height = 0
        for inner in self.until(yaml.MappingEndEvent):
            key = self.key(inner, depth)
            value = self.compose(next(self.events), depth + 1)
            size, height = size + value.size, max(height, value.height)
            if key is None:
                continue
            if key.text == "<<" and not key.style:
                merged.append(value.node)
            elif key.text in entries:
                first = self.text.count("\n", 0, entries[key.text].key_start) + 1
                message = f'The key "{key.text}" is given twice in one mapping; the first is in line {first}.'
                self.problem("yaml-duplicate-key", key.start, message, "Keep one of them.")
            else:
                entries[key.text] = Entry(key.start, value.node)
        for node in merged:
            self.merge(node, entries)
        return _Composed(MappingNode(_index(event), self.end, entries), size + 1, height + 1)

    def until(self, last: type[yaml.Event]) -> Iterator[yaml.Event]:
        for event in self.events:
            if isinstance(event, last):
                self.end = event.end_mark.index if event.end_mark else 0
                return
            yield event

    def key(self, event: yaml.Event, depth: int) -> ScalarNode | None:
        composed = self.compose(event, depth + 1)
        if isinstance(composed.node, ScalarNode):
            return composed.node
        self.problem("yaml-key", _index(event), "A key must be a single value, not a list or a mapping.")
        return None

    def merge(self, node: Node, entries: dict[str, Entry]) -> None:
        """Adds what `<<` brings in; keys that are already there win."""
        for each in node.items if isinstance(node, SequenceNode) else (node,):
            if not isinstance(each, MappingNode):
                self.problem("yaml-merge", each.start, "`<<` takes a mapping, or a list of mappings.")
                continue
            for key, entry in each.entries.items():
                entries.setdefault(key, entry)

    def scalar(self, event: yaml.ScalarEvent) -> ScalarNode:
        start, text, style = _index(event), str(event.value), event.style or ""
        tag = self.known_tag(event, "str" if style else "")
        value: JsonValue = text
        if tag != "str" and not (style and not event.tag):
            value = self.plain_value(text, start)
        end = event.end_mark.index if event.end_mark else start
        return ScalarNode(start, end, value, text, style)

    def plain_value(self, text: str, start: int) -> JsonValue:
        try:
            return _core_value(text)
        except ValueError as error:
            self.problem("yaml-number", start, str(error), "Put it in quotes to keep it as text.")
            return None

    def known_tag(self, event: yaml.NodeEvent, default: str) -> str:
        tag = cast(str | None, getattr(event, "tag", None))
        if tag is None:
            return default
        if tag == "!":
            return "str"
        if tag not in _TAGS:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self.problem("yaml-tag", _index(event), f'The tag "{shown}" is not supported.', "Remove the tag.")
        return _TAGS.get(tag, default)

    def problem(self, code: str, index: int, message: str, hint: str = "") -> None:
        self.problems.append(YamlProblem(code, index, message, hint))


def _index(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _too_deep(index: int) -> YamlProblem:
    return YamlProblem("yaml-too-deep", index, f"The document is nested more than {MAX_DEPTH} levels deep.")


def _core_value(text: str) -> JsonValue:
    """Reads a plain scalar by the core schema of YAML 1.2.

    Raises:
        ValueError: It is a number that JSON cannot hold.
    """
    if _NULL.match(text):
        return None
    boolean = _BOOLEAN.match(text)
    if boolean:
        return boolean["true"] is not None
    if _NOT_JSON.match(text):
        raise ValueError(f'"{text}" is a number that JSON does not have.')
    if not (_FLOAT.match(text) or _BASED.match(text)):
        return text
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"The number has more than {_MAX_DIGITS} digits.")
    if _INTEGER.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    number = float(text)
    if math.isinf(number):
        raise ValueError(f'"{text}" is greater than any number that can be held.')
    return number


def read_yaml(text: str) -> YamlFile:
    """Reads all documents of a text, as far as it can be read."""
    unreadable = _UNREADABLE.search(text)
    if unreadable:
        code = f"U+{ord(unreadable.group()):04X}"
        message = f"The character {code} is not allowed in YAML."
        return YamlFile(
            (), (YamlProblem("yaml-character", unreadable.start(), message, "Remove it."),), False
        )
    composer = _Composer(text, iter(yaml.parse(text, Loader=_Loader)))
    try:
        composer.read_all()
    except _GiveUpError as error:
        composer.problems.append(error.problem)
    except yaml.YAMLError as error:
        composer.problems.append(_syntax_problem(error, text))
    else:
        return YamlFile(tuple(composer.documents), tuple(composer.problems), True)
    return YamlFile(tuple(composer.documents), tuple(composer.problems), False)


def _syntax_problem(error: yaml.YAMLError, text: str) -> YamlProblem:
    if not isinstance(error, yaml.MarkedYAMLError):
        return YamlProblem("yaml-syntax", 0, "This is not YAML.")
    mark = error.problem_mark or error.context_mark
    index = min(mark.index, len(text)) if mark else 0
    context = error.context or ""
    if context and error.context_mark and mark and error.context_mark.line != mark.line:
        context += f" that begins in line {error.context_mark.line + 1}"
    said = ", ".join(part for part in (context, error.problem) if part)
    hint = "Indent with spaces; YAML does not allow tabs there." if text[index : index + 1] == "\t" else ""
    return YamlProblem("yaml-syntax", index, f"This is not YAML: {said}.", hint)
