"""What a kind or a field is for, in words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ark_temporal.manifests.base import ManifestModel
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.fields import Field, Shape, fields_of
from ark_temporal.manifests.kinds import KINDS, kind_named


class UnknownPathError(LookupError):
    """No kind or field has that name; the message names the nearest one."""


@dataclass(frozen=True)
class FieldSummary:
    """One field of an object.

    Attributes:
        name: Its manifest name.
        type: Its type in words.
        required: Whether it must be given.
        description: What it means.
    """

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True)
class Explanation:
    """What a kind or a field is.

    Attributes:
        kind: The kind, as in a manifest.
        path: The field, as in a manifest; only the kind's name for the kind itself.
        type: The type in words.
        required: Whether it must be given.
        default: The value used when it is not given, as JSON; empty if there is none.
        range: Allowed numbers or values; empty if any.
        description: What it means.
        fields: The fields of the object, or of the objects in a list or map.
    """

    kind: str
    path: str
    type: str
    required: bool
    default: str
    range: str
    description: str
    fields: tuple[FieldSummary, ...]

    def __str__(self) -> str:
        facts = [("KIND", self.kind), ("FIELD", self.path), ("TYPE", self.type)]
        facts += [("REQUIRED", "yes")] if self.required else []
        facts += [("DEFAULT", self.default)] if self.default else []
        facts += [("ALLOWED", self.range)] if self.range else []
        lines = [f"{name:<10}{value}" for name, value in facts] + ["", self.description]
        if self.fields:
            lines += ["", "FIELDS"]
        for each in self.fields:
            lines += [f"  {each.name} <{each.type}>{' (required)' if each.required else ''}"]
            lines += [f"      {each.description}"]
        return "\n".join(lines)


def explain(path: str) -> Explanation:
    """Explains a kind or a field, such as `ArkTeam` or `arkteam.spec.pipeline.if`.

    The kind is read in any case and by its short names; lists and maps are passed through.

    Raises:
        UnknownPathError: There is no such kind or field.
    """
    head, *names = path.strip().strip(".").split(".")
    model = kind_named(head)
    if model is None:
        hint = did_you_mean(head, KINDS, among="Kinds")
        raise UnknownPathError(f'There is no kind "{head}". {hint}')
    kind = model.KIND
    field = Field(kind, _object(model), True, None, summary_of(model))
    walked = [kind]
    for name in names:
        field = _child(field, name.partition("[")[0], ".".join(walked))
        walked.append(field.name)
    return Explanation(
        kind=kind,
        path=".".join(walked),
        type=field.shape.name,
        required=field.required,
        default=shown_default(field),
        range=shown_range(field),
        description=field.description,
        fields=_summaries(field.shape.model),
    )


def _child(field: Field, name: str, walked: str) -> Field:
    known: Mapping[str, Field] = fields_of(field.shape.model) if field.shape.model else {}
    by_lower = {each.lower(): found for each, found in known.items()}
    found = known.get(name) or by_lower.get(name.lower())
    if found is None:
        hint = did_you_mean(name, known, among="Fields") or "It has no fields."
        raise UnknownPathError(f'{walked} has no field "{name}". {hint}')
    return found


def _object(model: type[ManifestModel]) -> Shape:
    return Shape("object", model)


def _summaries(model: type[ManifestModel] | None) -> tuple[FieldSummary, ...]:
    listed = fields_of(model).values() if model else ()
    return tuple(FieldSummary(each.name, each.shape.name, each.required, each.description) for each in listed)


def summary_of(model: type[ManifestModel]) -> str:
    """What a model is, from its own description."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def shown_default(field: Field) -> str:
    """A field's default as JSON; empty if there is none worth showing."""
    empty: tuple[JsonValue, ...] = (None, "", [], {})
    return "" if field.required or field.default in empty else json.dumps(field.default)


def shown_range(field: Field) -> str:
    """A field's allowed numbers or values; empty if any."""
    return ", ".join(field.shape.choices) or field.shape.range
