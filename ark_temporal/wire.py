"""The base of every model that travels through Temporal or is printed as JSON."""

from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """A model with camelCase JSON that leaves out whatever equals its default.

    History is paid for by the byte and read by people in the Web UI: a field that says nothing is not sent.
    A field added later with a default therefore changes neither old payloads nor old digests.

    Attributes:
        always: Names of fields that are written even where they equal their default.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True, extra="forbid"
    )

    always: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = handler(self)
        values = self.__dict__
        for name, alias, default in _optional_fields(type(self)):
            value = values[name]
            if value is default or value == default:
                written.pop(alias, None)
        return written


class FrozenWire(Wire):
    """A `Wire` that cannot be changed once made."""

    model_config = ConfigDict(frozen=True)


@cache
def _optional_fields(model: type[Wire]) -> tuple[tuple[str, str, object], ...]:
    """Name, JSON name and default of each field that may be left out."""
    return tuple(
        (name, field.serialization_alias or name, field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
        if name not in model.always and not field.is_required()
    )
