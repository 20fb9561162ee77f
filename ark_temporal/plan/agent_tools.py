"""What an agent's manifest says about tools and memory, as the plan has it: secrets by name only."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import JsonValue

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkMemory, Bundle, JsonSchemaText, McpAuth, McpServer, Tool
from ark_temporal.manifests import GivenValue as WrittenValue
from ark_temporal.manifests import KeyRef as WrittenRef
from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.plan.compile_gates import People
from ark_temporal.plan.tools import (
    EmbeddingsPlan,
    GivenValue,
    KeyRef,
    McpServerPlan,
    MemoryPlan,
    OAuthPlan,
    ToolPlan,
    WebhookPlan,
)
from ark_temporal.tools.types import Effect

_EFFECTS: Mapping[str, Effect] = {
    "GET": "read",
    "PUT": "idempotent",
    "DELETE": "idempotent",
    "POST": "unsafe",
    "PATCH": "unsafe",
}
"""What HTTP says of its methods; PATCH and POST may do something new each time."""


def tool_plans(parts: AgentParts, people: People) -> tuple[ToolPlan, ...]:
    """The tools that an agent declares, in its order.

    Args:
        parts: The agent.
        people: Who may be asked to approve calls.
    """
    only_hosts = _strict_hosts(parts)
    return tuple(_tool(tool, only_hosts, people) for tool in parts.tools)


def server_plans(parts: AgentParts, people: People) -> tuple[McpServerPlan, ...]:
    """The MCP servers of an agent, in its order."""
    return tuple(_server(server, people) for server in parts.mcp_servers)


def memory_plan(
    parts: AgentParts, bundle: Bundle, namespace: str, provider: Provider | None
) -> MemoryPlan | None:
    """What an agent remembers with; None where it forgets after each task.

    Args:
        parts: The agent.
        bundle: Where its ArkMemory is. One that is missing was warned about at loading.
        namespace: Of the agent.
        provider: What answers for all models; with the mock, nobody else is asked for vectors either.
    """
    if parts.memory_ref is None:
        return None
    memory = bundle.find(ArkMemory, parts.memory_ref.name, namespace)
    if memory is None:
        return None
    name, spec = memory.metadata.name, memory.spec
    if spec.backend == "redis" and spec.redis is not None:
        return MemoryPlan(
            name=name,
            backend="redis",
            secret=spec.redis.secret_ref.name,
            ttl_seconds=spec.redis.ttl_seconds,
            max_entries=spec.redis.max_entries,
        )
    store = spec.vector_store
    if spec.backend != "vector-store" or store is None or store.provider != "qdrant":
        return None
    wanted = EmbeddingsPlan(provider=store.embeddings.provider, model=store.embeddings.model)
    return MemoryPlan(
        name=name,
        backend="vector-store",
        secret=store.secret_ref.name if store.secret_ref else "",
        endpoint=store.endpoint,
        collection=store.collection,
        ttl_seconds=store.ttl_seconds,
        embeddings=EmbeddingsPlan(provider="hash") if provider == "mock" else wanted,
    )


def _strict_hosts(parts: AgentParts) -> tuple[str, ...]:
    """With `networkPolicy: {mode: strict}`, the hosts of the listed MCP servers and no others."""
    if parts.network_policy is None or parts.network_policy.mode != "strict":
        return ()
    hosts = [_host_and_port(server.url) for server in parts.mcp_servers if server.url]
    return tuple(dict.fromkeys(hosts)) or ("none.invalid",)


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tool(tool: Tool, only_hosts: tuple[str, ...], people: People) -> ToolPlan:
    gate = people.tool_gate(tool.require_approval, tool.approval)
    if tool.type != "webhook":
        return ToolPlan(
            type=tool.type,
            name=tool.name,
            description=tool.description,
            effect=tool.effect,
            timeout_seconds=tool.timeout_seconds,
            gate=gate,
        )
    assert tool.url is not None, "the checks demand it"
    return ToolPlan(
        name=tool.name,
        description=tool.description,
        input_schema=_arguments(tool.input_schema),
        effect=tool.effect or _EFFECTS[tool.method],
        timeout_seconds=tool.timeout_seconds,
        webhook=WebhookPlan(
            url=tool.url, method=tool.method, headers=_values(tool.headers), only_hosts=only_hosts
        ),
        gate=gate,
    )


def _arguments(schema: JsonSchemaText | None) -> dict[str, JsonValue]:
    """A schema as every provider takes it: of an object, with `properties` even where there are none."""
    written = schema.parsed if schema is not None else {}
    assert isinstance(written, dict), "the checks demand it"
    return {"type": "object", "properties": {}, **written}


def _server(server: McpServer, people: People) -> McpServerPlan:
    return McpServerPlan(
        name=server.name,
        url=server.url or "",
        command=(*server.command, *server.args) if server.command is not None else (),
        env=_values(server.env),
        headers=_values(server.headers),
        token=_token(server.auth),
        oauth=_oauth(server.auth),
        effects=dict(server.effects),
        only=tuple(dict.fromkeys(server.tools)),
        gates=people.server_gates(server.require_approval, server.approval),
        timeout_seconds=server.timeout_seconds,
    )


def _token(auth: McpAuth | None) -> KeyRef | None:
    if auth is None or auth.type != "bearer" or auth.token_secret_ref is None:
        return None
    return _ref(auth.token_secret_ref)


def _oauth(auth: McpAuth | None) -> OAuthPlan | None:
    if auth is None or auth.type != "oauth2":
        return None
    assert auth.client_secret_ref is not None, "the checks demand all three"
    return OAuthPlan(
        token_url=auth.token_url or "",
        client_id=auth.client_id or "",
        client_secret=_ref(auth.client_secret_ref),
        scopes=tuple(auth.scopes),
    )


def _values(written: Mapping[str, WrittenValue]) -> dict[str, GivenValue]:
    return {name: _value(given) for name, given in written.items()}


def _value(given: WrittenValue) -> GivenValue:
    if given.secret_key_ref is not None:
        return GivenValue(ref=_ref(given.secret_key_ref))
    return GivenValue(value=given.value)


def _ref(written: WrittenRef) -> KeyRef:
    return KeyRef(name=written.name, key=written.key)
