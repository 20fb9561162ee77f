"""What the models say about their fields: types, ranges, other names."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import annotated_types
from pydantic import BaseModel, JsonValue, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ark_temporal.manifests.base import JsonSchemaText, ManifestModel, Shown

_SCALARS: Mapping[object, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    SecretStr: "string (secret)",
    JsonSchemaText: "JSON Schema (string or mapping)",
}


@dataclass(frozen=True)
class Shape:
    """The type of a field, taken apart.

    Attributes:
        name: The type in words, such as `list of objects`.
        model: The model of the object, or of the list's or map's values; None for plain values.
        container: How values of the model are held.
        choices: The allowed values, where they are counted out.
        low: Least number, length or count allowed.
        high: Greatest number, length or count allowed.
    """

    name: str
    model: type[ManifestModel] | None = None
    container: Literal["", "list", "map"] = ""
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def range(self) -> str:
        """The range in words; empty when there is none."""
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"{self.low:g} or more"
        return f"{self.high:g} or less" if self.high is not None else ""


@dataclass(frozen=True)
class Field:
    """One field of a model, by its manifest name."""

    name: str
    shape: Shape
    required: bool
    default: JsonValue
    description: str
    other_name_of: str = ""


@cache
def fields_of(model: type[ManifestModel]) -> Mapping[str, Field]:
    """All fields of a model by manifest name, required ones first and other names last."""
    listed = sorted(model.model_fields.items(), key=lambda item: not item[1].is_required())
    found = {alias_of(name, info): _field(name, info) for name, info in listed}
    for name, other in model.other_names.items():
        target = found[other.target]
        model_shown = target.shape.model if other.shown == "object" else None
        shape = Shape(other.shown, model_shown) if other.shown else target.shape
        text = f"Another way to write `{other.target}`."
        found[name] = Field(name, shape, False, None, text, other_name_of=other.target)
    return found


def alias_of(name: str, info: FieldInfo) -> str:
    """The manifest name of a model's field."""
    alias = info.validation_alias or info.alias
    return alias if isinstance(alias, str) else name


def _field(name: str, info: FieldInfo) -> Field:
    shape = shape_of(info.annotation, info.metadata)
    return Field(alias_of(name, info), shape, info.is_required(), _default(info), info.description or "")


def _default(info: FieldInfo) -> JsonValue:
    value = cast(object, info.get_default(call_default_factory=True, validated_data={}))
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return None
    return cast(JsonValue, value)


def shape_of(annotation: Any, metadata: list[Any] | None = None) -> Shape:
    """Takes a field's annotation apart."""
    notes = list(metadata or [])
    inner = annotation
    while True:
        origin = cast(object, get_origin(inner))
        if origin is Annotated:
            inner, *more = get_args(inner)
            notes += more
        elif _is_union(origin) and type(None) in get_args(inner):
            rest = tuple(each for each in get_args(inner) if each is not type(None))
            inner = Union[rest]  # noqa: UP007 - made of a tuple
        else:
            return _shape(inner, notes)


def _is_union(origin: object) -> bool:
    return origin is Union or origin is types.UnionType


def _shape(annotation: Any, notes: list[Any]) -> Shape:
    flat = [note for each in notes for note in (each.metadata if isinstance(each, FieldInfo) else (each,))]
    low = next((float(cast(Any, note.ge)) for note in flat if isinstance(note, annotated_types.Ge)), None)
    high = next((float(cast(Any, note.le)) for note in flat if isinstance(note, annotated_types.Le)), None)
    shown = next((note.name for note in flat if isinstance(note, Shown)), None)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        item = shape_of(arguments[0])
        return Shape(f"list of {_plural(item.name)}", item.model, "list", item.choices)
    if origin is dict:
        item = shape_of(arguments[1])
        return Shape(f"map of string to {item.name}", item.model, "map", item.choices)
    if origin is Literal:
        return Shape("string", choices=tuple(map(str, arguments)))
    if isinstance(annotation, type) and issubclass(annotation, ManifestModel):
        return Shape("object", annotation)
    if _is_union(origin):
        return Shape(" or ".join(shape_of(each).name for each in arguments))
    return Shape(shown or _SCALARS.get(cast(object, annotation), "any value"), low=low, high=high)


def _plural(name: str) -> str:
    head, _, rest = name.partition(" ")
    return name if name == "any value" else f"{head}s {rest}".strip()


def model_at(model: type[ManifestModel], path: tuple[str | int, ...]) -> type[ManifestModel] | None:
    """The model of the object at a path of manifest names; None where there is none."""
    return _follow(model, path)[0]


def field_at(model: type[ManifestModel], path: tuple[str | int, ...]) -> Field | None:
    """The field at a path of manifest names; None where there is none."""
    return _follow(model, path)[1]


def _follow(
    model: type[ManifestModel], path: tuple[str | int, ...]
) -> tuple[type[ManifestModel] | None, Field | None]:
    current: type[ManifestModel] | None = model
    field: Field | None = None
    inside = False
    for segment in path:
        if inside:
            inside = False
            continue
        if isinstance(segment, int) or current is None:
            continue
        field = fields_of(current).get(segment)
        if field is None:
            return None, None
        current, inside = field.shape.model, field.shape.container == "map"
    return current, field
