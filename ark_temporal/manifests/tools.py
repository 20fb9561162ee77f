"""What an agent can call: `mcpServers[]` and `tools[]`."""

from collections.abc import Mapping
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import JsonSchemaText, KeyRef, ManifestModel, NonBlank, StepName, Template


class HeaderValue(ManifestModel):
    """The value of one HTTP header: written out, or kept in a Secret."""

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
    def _exactly_one(self) -> "HeaderValue":
        if (self.value is None) == (self.secret_key_ref is None):
            raise PydanticCustomError("one-of", "Exactly one of `value` and `secretKeyRef` must be given.")
        return self


def _headers_by_name(value: object) -> object:
    """Reads the list form, `[{name, value | valueFrom}]`, as a map from name to value."""
    if not isinstance(value, list):
        return value
    headers: dict[str, object] = {}
    for item in cast(list[object], value):
        if not isinstance(item, dict):
            raise _bad_header()
        entry = dict(cast(Mapping[str, object], item))
        name = entry.pop("name", None)
        if not isinstance(name, str) or not name:
            raise _bad_header()
        headers[name] = entry
    return headers


def _bad_header() -> PydanticCustomError:
    return PydanticCustomError(
        "header-shape",
        "Every header of the list form needs a `name`, and `value` or `valueFrom`.",
    )


Headers = Annotated[
    dict[str, HeaderValue],
    BeforeValidator(
        _headers_by_name,
        json_schema_input_type=dict[str, str | HeaderValue] | list[dict[str, object]],
    ),
]


class McpAuth(ManifestModel):
    """How the worker proves itself to an MCP server."""

    type: Literal["bearer"] = Field(default="bearer", description="Always `bearer`.")
    token_secret_ref: KeyRef = Field(description="The key of a Secret that holds the token.")


class McpServer(ManifestModel):
    """A server whose tools the agent sees as `<name>__<tool>`."""

    name: StepName = Field(description="Name of the server, and prefix of its tools.")
    url: NonBlank = Field(
        description="Its address. `/sse` and `/mcp` at the end select real MCP, anything else the simple "
        "HTTP form; each falls back to the other."
    )
    headers: Headers = Field(
        default_factory=dict[str, HeaderValue],
        description="HTTP headers, as a map from name to `{value}` or `{secretKeyRef}`, or as a list.",
    )
    auth: McpAuth | None = Field(default=None, description="A bearer token from a Secret.")
    guidance: str | None = Field(
        default=None, description="When and how to use the tools; added to the system prompt."
    )


class WebhookTool(ManifestModel):
    """An HTTP endpoint that the model calls as a tool."""

    name: StepName = Field(description="Name of the tool, unique within the agent.")
    description: str = Field(default="", description="What it does, for the model.")
    url: Annotated[Template, Field(min_length=1)] = Field(
        description="Its address; may hold `{{ .input.x }}` and a query string."
    )
    method: Literal["GET", "POST", "PUT", "PATCH"] = Field(
        default="POST", description="HTTP method. GET sends the arguments as query, the others as JSON."
    )
    input_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of the arguments, as a string of JSON or as a mapping."
    )
    headers: Headers = Field(
        default_factory=dict[str, HeaderValue],
        description="HTTP headers, as a map from name to `{value}` or `{secretKeyRef}`, or as a list.",
    )
