"""Values that a manifest writes out or leaves in a Secret: HTTP headers, variables of a process."""

from collections.abc import Mapping
from typing import Annotated, cast

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import KeyRef, ManifestModel


class GivenValue(ManifestModel):
    """A value: written out, or kept in a Secret."""

    value: str | None = Field(default=None, repr=False, description="The value itself.")
    secret_key_ref: KeyRef | None = Field(
        default=None, description="A key of a Secret; read on the worker, never recorded."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_shapes(cls, data: object) -> object:
        """Reads `text`, `{valueFrom: {secretKeyRef: ...}}` and `{valueFrom: {name, key}}`."""
        if isinstance(data, str):
            return {"value": data}
        if not isinstance(data, dict):
            return data
        given = dict(cast(Mapping[str, object], data))
        if "valueFrom" in given and "secretKeyRef" not in given:
            source = given.pop("valueFrom")
            wrapped = isinstance(source, dict) and "secretKeyRef" in source
            given["secretKeyRef"] = cast(dict[str, object], source)["secretKeyRef"] if wrapped else source
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> "GivenValue":
        if (self.value is None) == (self.secret_key_ref is None):
            raise PydanticCustomError("one-of", "Exactly one of `value` and `secretKeyRef` must be given.")
        return self


def _by_name(value: object, refusal: PydanticCustomError) -> object:
    """Reads the list form, `[{name, value | valueFrom}]`, as a map from name to value."""
    if not isinstance(value, list):
        return value
    named: dict[str, object] = {}
    for item in cast(list[object], value):
        entry = dict(cast(Mapping[str, object], item)) if isinstance(item, dict) else {}
        name = entry.pop("name", None)
        if not isinstance(name, str) or not name:
            raise refusal
        named[name] = entry
    return named


def _headers(value: object) -> object:
    message = "Every header of the list form needs a `name`, and `value` or `valueFrom`."
    return _by_name(value, PydanticCustomError("header-shape", message))


def _variables(value: object) -> object:
    message = "Every variable of the list form needs a `name`, and `value` or `valueFrom`."
    return _by_name(value, PydanticCustomError("variable-shape", message))


_SHAPES = dict[str, str | GivenValue] | list[dict[str, object]]

Headers = Annotated[dict[str, GivenValue], BeforeValidator(_headers, json_schema_input_type=_SHAPES)]
Variables = Annotated[dict[str, GivenValue], BeforeValidator(_variables, json_schema_input_type=_SHAPES)]
