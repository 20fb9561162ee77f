"""What every manifest has in common: the model base, metadata, references, and shared field types."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    JsonValue,
    Strict,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

API_GROUP = "arkonis.dev"
API_VERSION = "arkonis.dev/v1alpha1"
DEFAULT_NAMESPACE = "default"

LABEL_PATTERN = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
STEP_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"
SERVER_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
TOOL_PATTERN = r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$"
FRACTION_PATTERN = r"^(0(\.[0-9]+)?|1(\.0+)?)$"
NOT_BLANK = r"\S"
APPROVAL_RULE_PATTERN = r"^(never|always)$|\{\{"

PATTERN_MEANINGS: Mapping[str, str] = {
    LABEL_PATTERN: "up to 63 lower-case letters, digits and '-', with a letter or digit at both ends",
    NAME_PATTERN: "lower-case letters, digits, '-' and '.', with a letter or digit at both ends",
    STEP_PATTERN: "up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends",
    SERVER_PATTERN: "up to 64 letters, digits, '-' and '_'",
    TOOL_PATTERN: "up to 64 letters, digits, '-' and '_', with a letter or '_' first, as models demand",
    FRACTION_PATTERN: 'a number from 0 to 1 written as a string, such as "0.25"',
    NOT_BLANK: "text that is not blank",
    APPROVAL_RULE_PATTERN: "`never`, `always`, or a template such as `{{ gt .arguments.amount 100 }}`",
}
"""What each pattern asks for, in words for an error message."""


@dataclass(frozen=True)
class Shown:
    """How a type is called in explanations, where its Python name would not help a reader."""

    name: str


Int = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
NonBlank = Annotated[str, Field(pattern=NOT_BLANK)]
StepName = Annotated[str, Field(pattern=STEP_PATTERN)]
ToolName = Annotated[str, Field(pattern=TOOL_PATTERN)]
ServerName = Annotated[str, Field(pattern=SERVER_PATTERN)]
Template = Annotated[str, Shown("template")]
Pattern = Annotated[str, Shown("RE2 pattern")]
ObjectName = Annotated[str, Field(pattern=NAME_PATTERN, max_length=253)]


def _unchanged(value: object) -> object:
    return value


@dataclass(frozen=True, eq=False)
class OtherName:
    """A second name or shape in which a field is written; it is rewritten to the field itself.

    Attributes:
        target: The manifest name of the field it stands for.
        convert: Turns a value in this shape into a value of the field. Values of a wrong type must pass
            through it, so that the field's own check reports them.
        schema: JSON Schema of this shape; `item` is that of one item of the field's list; by default, the
            field's own.
        shown: The type in explanations; by default the field's own.
    """

    target: str
    convert: Callable[[Any], object] = _unchanged
    schema: Mapping[str, JsonValue] | Literal["item"] | None = None
    shown: str | None = None


class ManifestModel(BaseModel):
    """The base of all parts of a manifest: camelCase names, no unknown fields, immutable.

    Attributes:
        other_names: Further names under which fields are accepted.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        hide_input_in_errors=True,
    )

    other_names: ClassVar[Mapping[str, OtherName]] = {}

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, data: object) -> object:
        """Rewrites other names, and treats an empty value (`key:`) like an absent key, as Kubernetes does."""
        if not isinstance(data, dict):
            return data
        given = {key: value for key, value in cast(dict[str, object], data).items() if value is not None}
        for name, other in cls.other_names.items():
            if name not in given:
                continue
            if other.target in given:
                raise PydanticCustomError(
                    "two-names-for-one-field",
                    "`{name}` and `{field}` are two names for one field: keep only `{field}`.",
                    {"name": name, "field": other.target},
                )
            given[other.target] = other.convert(given.pop(name))
        return given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        written = handler(schema)
        body = handler.resolve_ref_schema(written)
        for name, other in cls.other_names.items():
            _describe_other_name(body, name, other)
        return written


def _describe_other_name(body: JsonSchemaValue, name: str, other: OtherName) -> None:
    properties = body["properties"]
    shape = properties[other.target] if other.schema is None else other.schema
    if shape == "item":
        shape = properties[other.target]["items"]
    properties[name] = {**shape, "description": f"Another way to write `{other.target}`."}
    if other.target in body.get("required", []):
        body["required"] = [each for each in body["required"] if each != other.target]
        if not body["required"]:
            del body["required"]
        body.setdefault("allOf", []).append({"anyOf": [{"required": [other.target]}, {"required": [name]}]})


class NameRef(ManifestModel):
    """A reference to an object of the same namespace."""

    name: ObjectName = Field(description="Name of the object, in the same namespace.")


class SourceRef(NameRef):
    """A reference to a whole Secret or ConfigMap."""

    optional: Flag = Field(default=False, description="Whether the object may be missing without a warning.")


class KeyRef(ManifestModel):
    """A reference to one key of a Secret or ConfigMap."""

    name: ObjectName = Field(description="Name of the Secret or ConfigMap, in the same namespace.")
    key: NonBlank = Field(description="The key in its data.")
    optional: Flag = Field(default=False, description="Whether the key may be missing without a warning.")


def name_ref(value: object) -> object:
    """Reads a bare string as a reference by name; everything else is left as it is."""
    return {"name": value} if isinstance(value, str) else value


SERVER_FIELDS = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Metadata(ManifestModel):
    """Who an object is. Fields that only a Kubernetes server fills are accepted and dropped."""

    name: ObjectName = Field(description="Name of the object, unique among its kind in the namespace.")
    namespace: Annotated[str, Field(pattern=LABEL_PATTERN)] = Field(
        default=DEFAULT_NAMESPACE, description="Namespace of the object; references stay inside it."
    )
    labels: dict[str, str] = Field(default_factory=dict[str, str], description="Labels, for selection.")
    annotations: dict[str, str] = Field(
        default_factory=dict[str, str], repr=False, description="Notes that the system does not interpret."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_server_fields(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        kept = {
            key: value for key, value in cast(dict[str, object], data).items() if key not in SERVER_FIELDS
        }
        notes = kept.get("annotations")
        if isinstance(notes, dict):
            # kubectl keeps a copy of the whole object here: for a Secret, with its values.
            kept["annotations"] = {
                key: value for key, value in cast(dict[str, object], notes).items() if key != LAST_APPLIED
            }
        return kept


class Resource(ManifestModel):
    """One object of any kind.

    Attributes:
        KIND: The value of `kind`.
        SHORT_NAMES: Further names under which commands know the kind.
    """

    KIND: ClassVar[str]
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ()

    metadata: Metadata = Field(description="Name, namespace, labels and annotations.")

    @property
    def key(self) -> "ResourceKey":
        """Identity of the object: kind, namespace and name."""
        return self.KIND, self.metadata.namespace, self.metadata.name

    def __str__(self) -> str:
        return f"{self.KIND}/{self.metadata.name}"


ResourceKey = tuple[str, str, str]
"""Kind, namespace, name."""


class ArkResource(Resource):
    """An object of the arkonis.dev group."""

    api_version: Literal["arkonis.dev/v1alpha1"] = Field(
        default=API_VERSION, description="Always `arkonis.dev/v1alpha1`."
    )
    status: dict[str, JsonValue] | None = Field(
        default=None, repr=False, description="Filled in by the system; ignored in a manifest."
    )


class JsonSchemaText(str):
    """A JSON Schema as text. In a manifest it is a string of JSON, or the same as YAML."""

    @cached_property
    def parsed(self) -> JsonValue:
        """The schema as a JSON value.

        Raises:
            ValueError: The text is not JSON, or nested too deeply.
        """
        try:
            return cast(JsonValue, json.loads(self, parse_constant=_refuse_constant))
        except RecursionError:
            raise ValueError("The JSON is nested too deeply.") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._of,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
            json_schema_input_schema=core_schema.union_schema(
                [core_schema.str_schema(), core_schema.dict_schema()]
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, {"type": "object"}]}

    @classmethod
    def _of(cls, value: object) -> "JsonSchemaText":
        if isinstance(value, str):
            return cls(value)
        if isinstance(value, dict | bool):
            return cls(json.dumps(value, ensure_ascii=False))
        raise PydanticCustomError("json-schema-type", "a JSON Schema, as a string of JSON or as a mapping")


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON.")
