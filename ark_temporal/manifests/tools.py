"""What an agent can call besides MCP servers: `tools[]`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ark_temporal.manifests.approval import NEVER, Rule, ToolApproval
from ark_temporal.manifests.base import Int, JsonSchemaText, ManifestModel, Template, ToolName
from ark_temporal.manifests.values import GivenValue, Headers
from ark_temporal.tools.types import Effect

DEFAULT_TOOL_SECONDS = 60
"""How long one call may take where a manifest says nothing, in seconds."""

ToolType = Literal["webhook", "python", "builtin"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Tool(ManifestModel):
    """Something that the model may call: an HTTP endpoint, a Python function, or what we bring along."""

    # What a JSON Schema can say of it; with a mend, the checks say the same.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "webhook"}}},
            "then": {"required": ["url"]},
            "else": {"properties": {"url": False, "method": False, "headers": False, "inputSchema": False}},
        }
    )

    type: ToolType = Field(
        default="webhook",
        description="`webhook` calls `url`; `python` calls a function that is registered on the workers "
        "under `name`; `builtin` is one of ours, such as `submit_subtask` (ours).",
    )
    name: ToolName = Field(description="Name of the tool, unique within the agent.")
    description: str = Field(default="", description="What it does, for the model.")
    url: Annotated[Template, Field(min_length=1)] | None = Field(
        default=None,
        description="Address of a webhook, which needs it; may hold `{{ .input.x }}` and a query string.",
    )
    method: Method = Field(
        default="POST",
        description="HTTP method. GET and DELETE send the arguments as query, the others as JSON. "
        "DELETE (ours).",
    )
    input_schema: JsonSchemaText | None = Field(
        default=None,
        description="JSON Schema of a webhook's arguments, as a string of JSON or as a mapping.",
    )
    headers: Headers = Field(
        default_factory=dict[str, GivenValue],
        description="HTTP headers, as a map from name to `{value}` or `{secretKeyRef}`, or as a list.",
    )
    effect: Effect | None = Field(
        default=None,
        description="What a call may do to the world: nothing (`read`), the same again with the same key "
        "(`idempotent`), or something new each time (`unsafe`). By default `read` for GET, `idempotent` for "
        "PUT and DELETE, `unsafe` for POST and PATCH; a Python tool declares its own (ours).",
    )
    timeout_seconds: Annotated[Int, Field(ge=1)] | None = Field(
        default=None,
        description="Longest time one call may take, in seconds: 60 where it is not given, and what a Python "
        "tool declares itself (ours).",
    )
    require_approval: Rule = Field(
        default=NEVER,
        description="Whether a call waits for a person: `never`, `always`, or where this template over "
        "`.arguments` and `.input` renders to a true value (ours).",
    )
    approval: ToolApproval | None = Field(
        default=None, description="Who decides about such a call, and how long that may take (ours)."
    )
