"""Turns what pydantic found into sentences about the manifest. Values of Secrets are never repeated."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ark_temporal.manifests.base import PATTERN_MEANINGS, Resource
from ark_temporal.manifests.diagnostics import did_you_mean, nearest, quoted, shortlist
from ark_temporal.manifests.fields import field_at, fields_of, model_at
from ark_temporal.manifests.kubernetes import Secret
from ark_temporal.manifests.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ark_temporal.manifests.origins import Finding, Origin, Path

_EXPECTED: Mapping[str, str] = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_OWN_EXPECTED = frozenset({"json-schema-type", "quantity-type"})


@dataclass(frozen=True)
class Complaint:
    """A finding, and the known field that an unknown one was probably meant to be."""

    finding: Finding
    unknown: bool = False
    meant: str | None = None


def complaints(error: ValidationError, model: type[Resource], origin: Origin) -> Iterator[Complaint]:
    """One complaint for each error, in sentences."""
    for detail in error.errors(include_url=False, include_input=False):
        path: Path = tuple(detail["loc"])
        if detail["type"] == "extra_forbidden":
            yield _unknown_field(path, model)
        else:
            code, message, hint = _explain(detail, path, model, origin)
            yield Complaint(Finding(path, code, message, hint))


def _unknown_field(path: Path, model: type[Resource]) -> Complaint:
    name = str(path[-1])
    owner = model_at(model, path[:-1])
    known = list(fields_of(owner)) if owner else []
    best = nearest(name, known)
    message = f'There is no field "{name}" here; known fields: {shortlist(known, 40)}.'
    hint = did_you_mean(name, known) or "Remove it."
    return Complaint(Finding(path, "unknown-field", message, hint, at_key=True), unknown=True, meant=best)


def _explain(detail: ErrorDetails, path: Path, model: type[Resource], origin: Origin) -> tuple[str, str, str]:
    """Code, message and hint of one error."""
    kind, context = detail["type"], detail.get("ctx", {})
    node = origin.node(path)
    found = _found(node, secret=model is Secret)
    if kind == "missing":
        return "missing-field", f'The field "{path[-1]}" is required.', _how_to_add(path, model)
    if kind in _EXPECTED or kind in _OWN_EXPECTED:
        expected = _EXPECTED.get(kind) or detail["msg"]
        return "wrong-type", f"Expected {expected}, found {found}.", _quote_hint(kind, node)
    if kind == "literal_error":
        return _not_allowed(str(context.get("expected", "")), node, found)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        meaning = PATTERN_MEANINGS.get(pattern, f"text that matches {pattern}")
        return "wrong-format", f"Expected {meaning}; found {found}.", ""
    if kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        field = field_at(model, path)
        allowed = field.shape.range if field else ""
        return "out-of-range", f"Expected a number, {allowed}; found {found}.", ""
    if kind in ("string_too_short", "too_short"):
        return "too-short", f"Expected {_at_least(kind, context)}; found {found}.", ""
    if kind in ("string_too_long", "too_long"):
        return "too-long", f"At most {context.get('max_length')} characters are allowed.", "Shorten it."
    return kind.replace("_", "-"), detail["msg"], ""


def _how_to_add(path: Path, model: type[Resource]) -> str:
    field = field_at(model, path)
    if field is None:
        return "Add it."
    if field.shape.choices:
        return f"Add it, with one of: {shortlist(field.shape.choices)}."
    article = "an" if field.shape.name[0] in "aeio" else "a"
    return f"Add it, as {article} {field.shape.name}."


def _at_least(kind: str, context: Mapping[str, object]) -> str:
    least = context.get("min_length", 1)
    return f"at least {least} {'character' if kind.startswith('string') else 'item'}" + (
        "s" if least != 1 else ""
    )


def _not_allowed(expected: str, node: Node | None, found: str) -> tuple[str, str, str]:
    allowed = re.findall(r"'([^']*)'", expected)
    text = node.text if isinstance(node, ScalarNode) else ""
    listed = ", ".join(f'"{each}"' for each in allowed)
    one_of = f"one of {listed}" if len(allowed) > 1 else listed
    return "not-allowed", f"Expected {one_of}; found {found}.", did_you_mean(text, allowed)


def _quote_hint(kind: str, node: Node | None) -> str:
    if kind == "string_type" and isinstance(node, ScalarNode) and node.value is not None:
        return "Put it in quotes."
    is_text = isinstance(node, ScalarNode) and isinstance(node.value, str)
    if kind in ("int_type", "bool_type", "float_type") and is_text:
        return "Remove the quotes." if isinstance(node, ScalarNode) and node.style else ""
    return ""


def _found(node: Node | None, *, secret: bool) -> str:
    """What stands in the file, in words."""
    if node is None:
        return "nothing"
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list" if node.items else "an empty list"
    if node.value is None:
        return "nothing"
    if secret:
        if isinstance(node.value, str):
            return "a string"
        return "a boolean" if isinstance(node.value, bool) else "a number"
    if isinstance(node.value, str):
        return f"the string {quoted(node.text)}"
    return f"the {'boolean' if isinstance(node.value, bool) else 'number'} {node.text[:60]}"
