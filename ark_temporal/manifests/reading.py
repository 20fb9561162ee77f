"""Reads documents as resources, and says what does not fit."""

import re
from collections.abc import Iterator
from typing import cast

from pydantic import JsonValue, ValidationError

from ark_temporal.manifests.base import API_GROUP, API_VERSION, DEFAULT_NAMESPACE, Resource, ResourceKey
from ark_temporal.manifests.bundle import Loaded
from ark_temporal.manifests.complaints import Complaint, complaints
from ark_temporal.manifests.diagnostics import Diagnostic, did_you_mean, nearest, quoted, shortlist
from ark_temporal.manifests.files import Input
from ark_temporal.manifests.kinds import ARK_KINDS, CORE_KINDS
from ark_temporal.manifests.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source, plain
from ark_temporal.manifests.origins import Finding, Origin, Path
from ark_temporal.manifests.yaml_reader import read_yaml

# What other findings hang on: without it they would be wrong or beside the point.
# fmt: off
_TELLING = frozenset({
    "apiVersion", "arkAgent", "arkTeam", "arkonisDeployment", "backend", "canDelegate", "channel",
    "channels", "clientId", "clientSecretRef", "command", "dependsOn", "entry",
    "inputs", "kind", "members", "metadata", "model", "name", "pipeline", "role", "roles", "routing",
    "source",
    "spec", "steps", "systemPrompt", "systemPromptRef", "targets", "team", "teamOutput",
    "tokenSecretRef", "tokenUrl", "type", "url",
})
# fmt: on
_MANIFEST_HINT = f"A manifest has `apiVersion: {API_VERSION}`, `kind`, `metadata` and `spec`."
_TYPO = 0.7
"""How like a known kind another one is that was meant to be it. `Service` is less like `Secret`."""
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


class Reading:
    """Collects what the inputs hold.

    Attributes:
        loaded: The resources, in order.
        diagnostics: What is wrong with single documents.
        broken: Objects that could not be read.
        complete: Whether all texts were read to their end.
    """

    def __init__(self) -> None:
        self.loaded: list[Loaded] = []
        self.diagnostics: list[Diagnostic] = []
        self.broken: set[ResourceKey] = set()
        self.complete = True
        self._first: dict[ResourceKey, Origin] = {}

    def add(self, given: Input) -> None:
        """Reads one input."""
        self.diagnostics += given.problems
        self.complete = self.complete and not given.problems
        before = len(self.diagnostics)
        manifests = sum(self._read(source, lenient=given.is_directory) for source in given.sources)
        said = given.problems or given.repeated or self._errors(before)
        if not manifests and not said:
            what = "directory" if given.is_directory else "file"
            message = f"The {what} holds no manifest."
            self.diagnostics.append(
                Diagnostic("error", given.name, 0, 0, "", "no-manifests", message, _MANIFEST_HINT)
            )

    def _errors(self, since: int) -> list[Diagnostic]:
        return [each for each in self.diagnostics[since:] if each.severity == "error"]

    def _read(self, source: Source, *, lenient: bool) -> int:
        """Reads one text; returns how many documents in it are meant as manifests."""
        if lenient and not re.search("apiVersion|kind", source.text):
            return 0
        if source.name.lower().endswith(".json"):
            source = Source(source.name, _joined_surrogates(source.text))
        file = read_yaml(source.text)
        self.complete = self.complete and file.complete
        for problem in file.problems:
            self._error(source, problem.index, problem.code, problem.message, problem.hint)
        skipped: list[Origin] = []
        found = 0
        for node in (item for document in file.documents for item in _objects(document)):
            found += self._read_object(source, node, lenient, skipped)
        if skipped:
            names = shortlist(origin.label for origin in skipped)
            message = f"Skipped, because nothing here uses objects of their kinds: {names}."
            self.diagnostics.append(skipped[0].diagnose(Finding((), "skipped", message, severity="info")))
        return found

    def _error(self, source: Source, index: int, code: str, message: str, hint: str) -> None:
        line, column = source.position(index)
        self.diagnostics.append(Diagnostic("error", source.name, line, column, "", code, message, hint))

    def _read_object(self, source: Source, node: Node, lenient: bool, skipped: list[Origin]) -> int:
        if not isinstance(node, MappingNode):
            return 0 if lenient else self._not_a_manifest(source, node, "a mapping is expected")
        version, kind = _text(node, "apiVersion"), _text(node, "kind")
        origin = Origin(source, node, _label(node, kind))
        if version is None and kind is None and not {"apiVersion", "kind"} & node.entries.keys():
            if lenient:
                return 0
            return self._not_a_manifest(source, node, "`apiVersion` and `kind` are missing")
        finding = _wrong_kind(version, kind)
        model = {API_VERSION: ARK_KINDS, "v1": CORE_KINDS}.get(version or "", {}).get(kind or "")
        if finding:
            self.diagnostics.append(origin.diagnose(finding))
        elif model:
            self._read_resource(model, origin)
        elif version == "v1" and (meant := nearest(kind or "", CORE_KINDS, likeness=_TYPO)):
            message = f"Skipped: Kubernetes has no kind {quoted(kind or '')} that manifests refer to."
            finding = Finding(("kind",), "unknown-kind", message, f'Did you mean "{meant}"?', "warning")
            self.diagnostics.append(origin.diagnose(finding))
        else:
            skipped.append(origin)
        return 1

    def _not_a_manifest(self, source: Source, node: Node, reason: str) -> int:
        message = f"This document is not a manifest: {reason}."
        self._error(source, node.start, "not-a-manifest", message, _MANIFEST_HINT)
        return 1

    def _read_resource(self, model: type[Resource], origin: Origin) -> None:
        data = cast(dict[str, JsonValue], plain(origin.root))
        try:
            self._keep(model.model_validate(data, by_alias=True, by_name=False), origin)
            return
        except ValidationError as error:
            found = list(complaints(error, model, origin))
        self.diagnostics += [origin.diagnose(each.finding) for each in found]
        key = _key(model, origin.root)
        if key:
            self.broken.add(key)
        try:
            rest = _without(data, found, origin)
            if rest is not None:
                self._keep(model.model_validate(rest, by_alias=True, by_name=False), origin)
        except ValidationError:
            return  # all that is wrong has been said already

    def _keep(self, resource: Resource, origin: Origin) -> None:
        first = self._first.setdefault(resource.key, origin)
        if first is origin:
            self.loaded.append(Loaded(resource, origin))
            return
        message = (
            f'The {resource.KIND} "{resource.metadata.name}" of namespace "{resource.metadata.namespace}" is '
            f"written twice; the first is at {first.location(('metadata', 'name'))}."
        )
        finding = Finding(
            ("metadata", "name"), "duplicate-resource", message, "Rename or remove one of them."
        )
        self.diagnostics.append(origin.diagnose(finding))


def _joined_surrogates(text: str) -> str:
    """Writes a JSON escape of two halves as one escape, which is how YAML wants it."""

    def joined(match: re.Match[str]) -> str:
        high, low = int(match[2], 16) - 0xD800, int(match[3], 16) - 0xDC00
        return f"{match[1]}\\U{0x10000 + (high << 10) + low:08X}"

    return _SURROGATES.sub(joined, text)


def _objects(node: Node) -> Iterator[Node]:
    """The document itself, or the items of a `kind: List`."""
    if isinstance(node, MappingNode) and _text(node, "kind") == "List":
        items = node.get("items")
        for item in items.items if isinstance(items, SequenceNode) else ():
            yield from _objects(item)
    else:
        yield node


def _text(node: Node | None, key: str) -> str | None:
    value = node.get(key) if isinstance(node, MappingNode) else None
    return value.text if isinstance(value, ScalarNode) and isinstance(value.value, str) else None


def _label(node: MappingNode, kind: str | None) -> str:
    name = _text(node.get("metadata"), "name")
    return f"{kind or 'object'}/{name}" if name else kind or "object"


def _key(model: type[Resource], node: MappingNode) -> ResourceKey | None:
    metadata = node.get("metadata")
    name = _text(metadata, "name")
    return (model.KIND, _text(metadata, "namespace") or DEFAULT_NAMESPACE, name) if name else None


def _wrong_kind(version: str | None, kind: str | None) -> Finding | None:
    """What is wrong with `apiVersion` and `kind`, if anything."""
    if not version:
        return Finding(("apiVersion",), "missing-field", 'The field "apiVersion" is required, as a string.')
    if not kind:
        return Finding(("kind",), "missing-field", 'The field "kind" is required, as a string.')
    group = version.partition("/")[0]
    is_ours = group == API_GROUP
    if version != API_VERSION and (is_ours or kind in ARK_KINDS or nearest(group, (API_GROUP,))):
        message = f"Expected the apiVersion {API_VERSION}, found {quoted(version)}."
        return Finding(("apiVersion",), "unknown-version", message, f"Write `apiVersion: {API_VERSION}`.")
    if is_ours and kind not in ARK_KINDS:
        hint = did_you_mean(kind, ARK_KINDS, among="Known kinds")
        return Finding(("kind",), "unknown-kind", f"{API_GROUP} has no kind {quoted(kind)}.", hint)
    return None


def _without(data: dict[str, JsonValue], found: list[Complaint], origin: Origin) -> JsonValue:
    """The data without its wrong parts, so that the rest can be checked too; None if too much is wrong."""
    for complaint in found:
        path = origin.written(complaint.finding.path)
        if not path:
            return None
        owner = _at(data, path[:-1])
        if not isinstance(owner, dict) or path[-1] not in owner:
            return None
        if complaint.unknown:
            value = owner.pop(str(path[-1]))
            if complaint.meant:
                owner.setdefault(complaint.meant, value)
        elif path[-1] in _TELLING:
            return None
        else:
            del owner[str(path[-1])]
    return data


def _at(data: JsonValue, path: Path) -> JsonValue:
    for segment in path:
        if isinstance(data, dict) and isinstance(segment, str):
            data = data.get(segment)
        elif isinstance(data, list) and isinstance(segment, int) and segment < len(data):
            data = data[segment]
        else:
            return None
    return data
