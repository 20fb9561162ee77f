"""JSON Schema of the manifests, for editors and other checkers."""

from typing import cast

from pydantic import JsonValue
from pydantic.json_schema import models_json_schema

from ark_temporal.manifests.base import ArkResource, Resource
from ark_temporal.manifests.kinds import KINDS, kind_named

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str | None = None) -> dict[str, JsonValue]:
    """The JSON Schema (2020-12) of one kind, or of a manifest of any kind.

    Args:
        kind: Name or short name of a kind, in any case; by default, all kinds.

    Raises:
        KeyError: There is no such kind.
    """
    if kind is None:
        return _any_kind()
    model = kind_named(kind)
    if model is None:
        raise KeyError(kind)
    schema = model.model_json_schema()
    _strict_head(schema, model)
    return {"$schema": DIALECT, **schema}


def _any_kind() -> dict[str, JsonValue]:
    models = list(KINDS.values())
    references, schema = models_json_schema([(model, "validation") for model in models])
    definitions = schema["$defs"]
    choices: list[JsonValue] = []
    for model in models:
        reference = str(references[model, "validation"]["$ref"])
        _strict_head(definitions[reference.rpartition("/")[2]], model)
        choices.append(
            {
                "if": {"properties": {"kind": {"const": model.KIND}}, "required": ["kind"]},
                "then": {"$ref": reference},
            }
        )
    return {
        "$schema": DIALECT,
        "title": "Manifest",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {"kind": {"enum": [model.KIND for model in models]}},
        "allOf": choices,
        "$defs": cast(JsonValue, definitions),
    }


def _strict_head(schema: dict[str, JsonValue], model: type[Resource]) -> None:
    """Requires what a manifest must say and Python code need not; drops defaults that are no help."""
    required = cast(list[JsonValue], schema.get("required", []))
    schema["required"] = ["apiVersion", "kind", *required]
    properties = cast(dict[str, dict[str, JsonValue]], schema["properties"])
    for name in ("apiVersion", "kind"):
        properties[name].pop("default", None)
    if issubclass(model, ArkResource):
        properties["status"] = {"type": "object", "description": str(properties["status"]["description"])}
