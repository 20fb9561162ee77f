"""Servers that bring tools of their own: `mcpServers[]`."""

import shlex
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.approval import Rule, ToolApproval
from ark_temporal.manifests.base import Int, KeyRef, ManifestModel, NonBlank, ServerName
from ark_temporal.manifests.tools import DEFAULT_TOOL_SECONDS
from ark_temporal.manifests.values import GivenValue, Headers, Variables
from ark_temporal.tools.types import Effect


def _words(value: object) -> object:
    """Reads a command line as a shell would, without running anything in it."""
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError:
        raise PydanticCustomError(
            "command-quotes",
            "A quote in the command is never closed. Close it, or write the command as a list.",
        ) from None


Command = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(_words, json_schema_input_type=str | Annotated[list[str], Field(min_length=1)]),
]


class McpAuth(ManifestModel):
    """How the worker proves itself to an MCP server."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"type": {"const": "oauth2"}}, "required": ["type"]},
            "then": {"required": ["tokenUrl", "clientId", "clientSecretRef"]},
            "else": {"required": ["tokenSecretRef"]},
        }
    )

    type: Literal["bearer", "oauth2"] = Field(
        default="bearer",
        description="`bearer` sends a token; `oauth2` fetches one with client credentials (ours).",
    )
    token_secret_ref: KeyRef | None = Field(
        default=None, description="The key of a Secret that holds the token; `bearer` needs it."
    )
    token_url: NonBlank | None = Field(
        default=None, description="Where tokens are given out; `oauth2` needs it (ours)."
    )
    client_id: NonBlank | None = Field(
        default=None, description="Who asks for a token; `oauth2` needs it (ours)."
    )
    client_secret_ref: KeyRef | None = Field(
        default=None, description="The key of a Secret with the client's secret; `oauth2` needs it (ours)."
    )
    scopes: list[NonBlank] = Field(
        default_factory=list[str], description="What the token is asked to allow (ours)."
    )


class McpServer(ManifestModel):
    """A server whose tools the agent sees as `<name>__<tool>`: at an address, or a command that is run."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["command"]}]},
    )

    name: ServerName = Field(description="Name of the server, and prefix of its tools.")
    url: NonBlank | None = Field(
        default=None,
        description="Its address. `/sse` and `/mcp` at the end select real MCP, anything else the simple "
        "HTTP form; each falls back to the other. Either this or `command` is given.",
    )
    command: Command | None = Field(
        default=None,
        description="What the worker starts, to speak with over standard input and output: a list, or one "
        "string that is split as a shell would. No shell runs it (ours).",
    )
    args: list[str] = Field(default_factory=list[str], description="Further words of the command (ours).")
    env: Variables = Field(
        default_factory=dict[str, GivenValue],
        description="Variables of the command, as a map from name to `{value}` or `{secretKeyRef}`, or as a "
        "list. It sees none of the worker's own beyond what every program needs (ours).",
    )
    headers: Headers = Field(
        default_factory=dict[str, GivenValue],
        description="HTTP headers, as a map from name to `{value}` or `{secretKeyRef}`, or as a list.",
    )
    auth: McpAuth | None = Field(default=None, description="A bearer token from a Secret, or OAuth 2.0.")
    guidance: str | None = Field(
        default=None, description="When and how to use the tools; added to the system prompt."
    )
    tools: list[NonBlank] = Field(
        default_factory=list[str],
        description="The tools that are offered, by the server's own names; none named means all (ours).",
    )
    effects: dict[str, Effect] = Field(
        default_factory=dict[str, Effect],
        description="What its tools do to the world, by the server's own names or `*`: `read`, `idempotent` "
        "or `unsafe`. Wins over what the server says (ours).",
    )
    timeout_seconds: Annotated[Int, Field(ge=1)] = Field(
        default=DEFAULT_TOOL_SECONDS,
        description="Longest time that listing its tools, or one call, may take, in seconds (ours).",
    )
    require_approval: dict[str, Rule] = Field(
        default_factory=dict[str, str],
        description="Which calls wait for a person, by the server's own names of its tools or `*`: `never`, "
        "`always`, or a template over `.arguments` and `.input` (ours).",
    )
    approval: ToolApproval | None = Field(
        default=None, description="Who decides about such a call, and how long that may take (ours)."
    )
