"""Where each part of a resource was written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from ark_temporal.manifests.diagnostics import Diagnostic, Location, Severity
from ark_temporal.manifests.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source, plain

Path = tuple[str | int, ...]
"""Manifest names and list indices, from the document's root."""

WRITTEN_AS: Mapping[str, tuple[str, ...]] = {
    "arkAgent": ("arkonisDeployment",),
    "canDelegate": ("delegates",),
    "channels": ("channel",),
    "entry": ("members",),
    "events": ("on",),
    "pipeline": ("steps",),
    "rateLimiting": ("rateLimitSeconds",),
    "roles": ("members", "steps"),
    "secretKeyRef": ("valueFrom",),
    "team": ("pipeline",),
    "teamOutput": ("pipelineOutput",),
    "tokenUrl": ("tokenURL",),
    "urlFrom": ("urlSecretRef",),
    "webhookURLFrom": ("webhookUrlSecretRef",),
}
"""Other names under which a part may stand in the document."""
_IN_OTHER_SHAPES: Mapping[str, tuple[str, ...]] = {"name": ("role",), "role": ("name",)}
"""Further such names inside a part that stands under another name: there, `name` and `role` swap."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to say about one resource.

    Attributes:
        path: The part that is meant.
        code: Stable name of this kind of finding.
        message: What was found, and what was expected.
        hint: How to mend it.
        severity: How bad it is.
        offset: The character that is meant, where the part is a text.
        inner: The part inside the part that is meant, where that may be written as text or as YAML; in a
            text, `offset` says where it is.
        at_key: Whether the part's name is meant, not its value.
    """

    path: Path
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    offset: int | None = None
    inner: Path = ()
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A node, the path as it is written, and where the node's key or list item starts."""

    node: Node
    path: Path
    key_start: int
    found: bool


@dataclass(frozen=True)
class Origin:
    """The text and the node that a resource was read from.

    Attributes:
        source: The text.
        root: The document's node.
        label: The resource, such as `ArkTeam/blog`.
    """

    source: Source
    root: MappingNode
    label: str

    @property
    def document(self) -> dict[str, JsonValue]:
        """The whole document as plain data, as it was written."""
        return {key: plain(entry.value) for key, entry in self.root.entries.items()}

    def location(self, path: Sequence[str | int] = ()) -> Location:
        """Where a part is written; for a part that is not written, where its nearest parent is."""
        place = self._walk(tuple(path))
        return self._location(place.node.start if place.found else place.key_start)

    def node(self, path: Path) -> Node | None:
        """The node of a part, if it is written."""
        place = self._walk(path)
        return place.node if place.found else None

    def written(self, path: Path) -> Path:
        """The path of a part with the names that the document uses."""
        return self._walk(path).path

    def diagnose(self, finding: Finding) -> Diagnostic:
        """Places a finding in the file."""
        place = self._walk((*finding.path, *finding.inner))
        index = place.node.start if place.found and not finding.at_key else place.key_start
        is_text = place.found != bool(finding.inner)
        if finding.offset is not None and is_text and isinstance(place.node, ScalarNode):
            index = self.source.index_in(place.node, finding.offset)
        spot = self._location(index)
        return Diagnostic(
            severity=finding.severity,
            file=spot.file,
            line=spot.line,
            column=spot.column,
            path=f"{self.label} {shown_path(place.path)}".strip(),
            code=finding.code,
            message=finding.message,
            hint=finding.hint,
        )

    def _location(self, index: int) -> Location:
        return Location(self.source.name, *self.source.position(index))

    def _walk(self, path: Path) -> _Place:
        node: Node = self.root
        key_start = self.root.start
        written: list[str | int] = []
        renamed = False
        for number, segment in enumerate(path):
            if segment == 0 and not isinstance(node, SequenceNode):
                continue  # a single value that stands for a list of one
            if renamed and isinstance(node, ScalarNode):
                continue  # a plain value that stands for an object
            child = next(_children(node, segment, _other_names(segment, renamed)), None)
            if child is None:
                return _Place(node, (*written, *path[number:]), key_start, False)
            names, key_start, node = child
            renamed = renamed or names[0] != segment
            written += names
        return _Place(node, tuple(written), key_start, True)


def _other_names(segment: str | int, renamed: bool) -> tuple[str, ...]:
    name = str(segment)
    return (*WRITTEN_AS.get(name, ()), *(_IN_OTHER_SHAPES.get(name, ()) if renamed else ()))


def _children(node: Node, segment: str | int, others: tuple[str, ...]) -> Iterator[tuple[Path, int, Node]]:
    """The child that a segment means: its name as written, where it starts, and its node."""
    if isinstance(node, MappingNode) and isinstance(segment, str):
        for name in (segment, *others):
            if name not in node.entries:
                continue
            value = node.entries[name].value
            if name != segment and isinstance(value, MappingNode) and segment in value.entries:
                inner = value.entries[segment]
                yield (name, segment), inner.key_start, inner.value
            yield (name,), node.entries[name].key_start, value
    elif isinstance(node, SequenceNode) and isinstance(segment, int):
        if segment < len(node.items):
            yield (segment,), node.items[segment].start, node.items[segment]
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            named = item.get("name") if isinstance(item, MappingNode) else None
            if isinstance(named, ScalarNode) and named.text == segment:
                yield (index,), item.start, item


def shown_path(path: Path) -> str:
    """A path as text: `spec.pipeline[1].dependsOn[0]`."""
    text = ""
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif segment and segment.replace("-", "").replace("_", "").isalnum():
            text += f".{segment}" if text else segment
        else:
            text += f'["{segment}"]'
    return text
