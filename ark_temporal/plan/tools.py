"""What a plan says about an agent's tools and memory: names and addresses, never a secret's value."""

from typing import Literal

from pydantic import Field, JsonValue

from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.references import GivenValue, KeyRef
from ark_temporal.tools.types import Effect
from ark_temporal.wire import FrozenWire

DEFAULT_TOOL_SECONDS = 60
"""The longest that one attempt of a tool call takes where its manifest says nothing."""


class OAuthPlan(FrozenWire):
    """OAuth 2.0 client credentials: a token is fetched, used until it expires, and fetched again."""

    token_url: str
    client_id: str
    client_secret: KeyRef
    scopes: tuple[str, ...] = ()


class McpServerPlan(FrozenWire):
    """An MCP server: an address, or a command that speaks over its standard input and output.

    Attributes:
        name: Prefix of its tools.
        token: A bearer token.
        effects: What its tools do, by their own names or `*`; wins over what the server says.
        only: The tools that are offered, by their own names; none named means all.
        gates: Which calls people must approve first, by the tools' own names or `*`.
        timeout_seconds: The longest that listing its tools or one call takes.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = ()
    env: dict[str, GivenValue] = Field(default_factory=dict[str, GivenValue])
    headers: dict[str, GivenValue] = Field(default_factory=dict[str, GivenValue])
    token: KeyRef | None = None
    oauth: OAuthPlan | None = None
    effects: dict[str, Effect] = Field(default_factory=dict[str, Effect])
    only: tuple[str, ...] = ()
    gates: dict[str, GatePlan] = Field(default_factory=dict[str, GatePlan])
    timeout_seconds: int = DEFAULT_TOOL_SECONDS


class WebhookPlan(FrozenWire):
    """Where a webhook tool is.

    Attributes:
        url: Template over the run's `.input`.
        only_hosts: Where the agent may go, as `host:port`; none named leaves it to the operator alone.
    """

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: dict[str, GivenValue] = Field(default_factory=dict[str, GivenValue])
    only_hosts: tuple[str, ...] = ()


class ToolPlan(FrozenWire):
    """A tool that the manifest declares.

    Attributes:
        type: `webhook` has its address in `webhook`; a `python` tool is registered on the workers under
            `name`; a `builtin` one is ours.
        input_schema: Of a webhook's arguments; the other two kinds know their own.
        effect: What a call may do; None leaves a Python tool to its own declaration.
        timeout_seconds: The longest that one attempt takes; None leaves it to a Python tool's declaration.
        gate: What people must approve before a call; None calls at once.
    """

    type: Literal["webhook", "python", "builtin"] = "webhook"
    name: str
    description: str = ""
    input_schema: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    effect: Effect | None = None
    timeout_seconds: int | None = None
    webhook: WebhookPlan | None = None
    gate: GatePlan | None = None


class EmbeddingsPlan(FrozenWire):
    """Who turns text into vectors. Credentials come from the role's environment."""

    provider: Literal["openai", "openai-compatible", "gemini", "local", "hash"] = "openai"
    model: str = ""


class MemoryPlan(FrozenWire):
    """What an agent remembers with.

    Attributes:
        name: The ArkMemory.
        secret: Name of the Secret with `REDIS_URL`, or `VECTOR_STORE_API_KEY`.
        ttl_seconds: How long an entry lives; 0 is for ever.
        max_entries: Most entries in Redis; 0 is no limit.
    """

    name: str
    backend: Literal["redis", "vector-store"]
    secret: str = ""
    endpoint: str = ""
    collection: str = "agent-memories"
    ttl_seconds: int = 0
    max_entries: int = 0
    embeddings: EmbeddingsPlan = EmbeddingsPlan()
