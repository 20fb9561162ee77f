"""What an agent can reach and change, as far as its plan tells: addresses without secrets, effects."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue

from ark_temporal.manifests.checks.addresses import is_credential
from ark_temporal.plan.model import AgentPlan, Plan
from ark_temporal.plan.people import EscalationPlan, GatePlan, LastWord, NotifyPlan
from ark_temporal.plan.toolbox import declared_tools
from ark_temporal.plan.tools import (
    DEFAULT_TOOL_SECONDS,
    GivenValue,
    KeyRef,
    McpServerPlan,
    MemoryPlan,
    ToolPlan,
)
from ark_temporal.templates import TemplateError, parse
from ark_temporal.tools.types import Effect
from ark_temporal.wire import FrozenWire

ANY_TOOL = "*"
"""Stands for all tools of a server whose effects are not named one by one."""

NEVER_HOLDS = "false"
"""The condition of a gate that is always open."""

_HIDDEN = "***"
_USUAL_PATHS = ("", "/", "/mcp", "/sse")


class GateReach(FrozenWire):
    """A decision of people that something waits for.

    Attributes:
        when: Before the step's agent is asked, after it answered, or before a tool is called.
        conditional: Whether it only holds where its condition does.
        asks: Whether people answer a question, and do not only approve.
        approvers: Who may decide; absent for anybody.
        quorum: How many must approve.
        four_eyes: Whether whoever submitted the run may not decide.
        timeout_seconds: How long the first have; absent for ever.
        on_timeout: What is done then.
        escalation: Who may decide after that, and how long these have.
        at_last: What is done after the last of them.
        notify: The ArkNotify that tells people.
    """

    when: Literal["before", "after", "call"]
    conditional: bool = False
    asks: bool = False
    approvers: tuple[str, ...] = ()
    quorum: int = 1
    four_eyes: bool = False
    timeout_seconds: int | None = None
    on_timeout: Literal["approve", "reject", "fail", "escalate"] = "reject"
    escalation: tuple[EscalationPlan, ...] = ()
    at_last: LastWord = "reject"
    reminder_seconds: int | None = None
    notify: str = ""


class NotifyReach(FrozenWire):
    """Who is told how a team's runs go, or that an agent's provider does not answer.

    Attributes:
        name: The ArkNotify.
        channels: The types of its channels; none tells nobody.
        events: Which events are told; none named means all.
        window_seconds: In which `max_per_window` messages about each event are sent; 0 has no bound.
    """

    name: str
    channels: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    window_seconds: int
    max_per_window: int


class ToolReach(FrozenWire):
    """A tool that the manifest declares.

    Attributes:
        effect: What a call may do; None where the Python function says it itself.
        method: HTTP method of a webhook.
        host: Where a webhook is: scheme, host and port. The rest of an address may be a secret.
        timeout_seconds: The longest one call takes.
        gate: What people must approve before a call.
    """

    name: str
    type: Literal["webhook", "python", "builtin"]
    effect: Effect | None = None
    method: str = ""
    host: str = ""
    timeout_seconds: int = 0
    gate: GateReach | None = None


class ServerReach(FrozenWire):
    """An MCP server, whose tools are known when a run has asked it.

    Attributes:
        place: Its address, or the command that starts it; what looks like a credential is left out.
        starts_process: Whether the worker starts it.
        tools: The tools that are offered; none named means all that it has.
        effects: What its tools do, by their own names or `*`; for the others the server's own word holds.
        timeout_seconds: The longest one call takes.
        gates: What people must approve before a call, by the tools' own names or `*`.
        unasked: Tools that need no approval though `*` does.
    """

    name: str
    place: str
    starts_process: bool = False
    tools: tuple[str, ...] = ()
    effects: dict[str, Effect] = Field(default_factory=dict[str, Effect])
    timeout_seconds: int = 0
    gates: dict[str, GateReach] = Field(default_factory=dict[str, GateReach])
    unasked: tuple[str, ...] = ()


class MemoryReach(FrozenWire):
    """What an agent remembers with.

    Attributes:
        place: Where it is, without secrets.
        embeddings: Who turns text into vectors, as `provider` or `provider/model`; empty for Redis.
    """

    name: str
    backend: Literal["redis", "vector-store"]
    place: str
    embeddings: str = ""


def gate_within_reach(gate: GatePlan, when: Literal["before", "after", "call"]) -> GateReach:
    """A gate, as people look at it before a run."""
    return GateReach(
        when=when,
        conditional=bool(gate.condition),
        asks=gate.asks,
        approvers=gate.approvers,
        quorum=gate.quorum,
        four_eyes=gate.four_eyes,
        timeout_seconds=gate.timeout_seconds,
        on_timeout=gate.on_timeout,
        escalation=gate.escalation,
        at_last=gate.at_last,
        reminder_seconds=gate.reminder_seconds,
        notify=gate.notify.name if gate.notify is not None else "",
    )


def told_within_reach(notify: NotifyPlan | None) -> NotifyReach | None:
    """Whom a notification reaches, without its addresses."""
    if notify is None:
        return None
    return NotifyReach(
        name=notify.name,
        channels=tuple(channel.type for channel in notify.channels),
        events=notify.events,
        window_seconds=notify.window_seconds,
        max_per_window=notify.max_per_window,
    )


def every_agent(plan: Plan) -> Iterator[tuple[str, AgentPlan]]:
    """All agents of a plan and of the teams in it, by role; in a team, its role stands before, as `a/b`."""
    yield from plan.agents.items()
    for team, nested in plan.teams.items():
        yield from ((f"{team}/{role}", agent) for role, agent in every_agent(nested))


def tools_within_reach(agent: AgentPlan, run_input: Mapping[str, JsonValue] | None) -> tuple[ToolReach, ...]:
    """The declared tools of an agent.

    Args:
        agent: The agent.
        run_input: The run's input, for addresses with templates; None where it is not known.
    """
    return tuple(_tool(tool, run_input) for tool in declared_tools(agent))


def servers_within_reach(agent: AgentPlan) -> tuple[ServerReach, ...]:
    """The MCP servers of an agent."""
    return tuple(
        ServerReach(
            name=server.name,
            place=_command(server.command) if server.command else place_of(server.url),
            starts_process=bool(server.command),
            tools=server.only,
            effects=server.effects,
            timeout_seconds=server.timeout_seconds,
            gates={
                tool: gate_within_reach(gate, "call")
                for tool, gate in server.gates.items()
                if gate.condition != NEVER_HOLDS
            },
            unasked=tuple(tool for tool, gate in server.gates.items() if gate.condition == NEVER_HOLDS),
        )
        for server in agent.mcp_servers
    )


def memory_within_reach(memory: MemoryPlan | None) -> MemoryReach | None:
    """The memory of an agent."""
    if memory is None:
        return None
    if memory.backend == "redis":
        place = f'the REDIS_URL of the Secret "{memory.secret}"'
        return MemoryReach(name=memory.name, backend="redis", place=place)
    there = "Qdrant on the worker" if memory.endpoint == "local" else place_of(memory.endpoint)
    vectors = memory.embeddings
    return MemoryReach(
        name=memory.name,
        backend="vector-store",
        place=f'{there}, collection "{memory.collection}"',
        embeddings=f"{vectors.provider}/{vectors.model}" if vectors.model else vectors.provider,
    )


def sources_of(agent: AgentPlan) -> Iterator[tuple[Literal["Secret", "ConfigMap"], str]]:
    """Kind and name of every Secret and ConfigMap that an agent needs; some come more than once."""
    for source in agent.env_from:
        yield source.kind, source.name
    for ref in _refs(agent):
        yield ref.kind, ref.name
    if agent.memory is not None and agent.memory.secret:
        yield "Secret", agent.memory.secret


def sources_within(plan: Plan) -> Iterator[tuple[Literal["Secret", "ConfigMap"], str]]:
    """The same for all agents of a plan, those of teams in it too, and for all that tells people."""
    for _, agent in every_agent(plan):
        yield from sources_of(agent)
    for gate in (gate for step in plan.steps for gate in step.gates):
        for ref in _in_gate(gate):
            yield ref.kind, ref.name
    if plan.notify is not None:
        for ref in _in_notify(plan.notify):
            yield ref.kind, ref.name
    for nested in plan.teams.values():
        yield from sources_within(nested)


def place_of(url: str) -> str:
    """An address without what may be secret in it: user, password, query, and a path of its own."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return _HIDDEN
    shown = parts.path if parts.path in _USUAL_PATHS else "/…"
    return f"{parts.scheme}://{host}{shown}" if host else _HIDDEN


def _tool(tool: ToolPlan, run_input: Mapping[str, JsonValue] | None) -> ToolReach:
    webhook = tool.webhook
    return ToolReach(
        name=tool.name,
        type=tool.type,
        effect=_effect(tool),
        method=webhook.method if webhook else "",
        host=_host(webhook.url, run_input) if webhook else "",
        timeout_seconds=tool.timeout_seconds or DEFAULT_TOOL_SECONDS,
        gate=gate_within_reach(tool.gate, "call") if tool.gate is not None else None,
    )


def _effect(tool: ToolPlan) -> Effect | None:
    """What a built-in tool does, we know: starting a subtask twice with one key starts it once."""
    if tool.type == "builtin":
        return tool.effect or "idempotent"
    return tool.effect


def _host(url: str, run_input: Mapping[str, JsonValue] | None) -> str:
    """Scheme, host and port; with a template in them that cannot be rendered, as they are written."""
    if run_input is not None:
        with suppress(TemplateError):  # a run tells the model so; here the address stays as it is written
            url = parse(url).render({"input": dict(run_input), "pipeline": {"input": dict(run_input)}})
    scheme, separator, rest = url.partition("://")
    if not separator or "{{" in scheme:
        return url.partition("?")[0]
    ends = [rest.find(char) for char in "/?#" if char in rest]
    return f"{scheme}://{rest[: min(ends, default=len(rest))].rpartition('@')[2]}"


def _command(words: tuple[str, ...]) -> str:
    """A command line without the values of what looks like a credential."""
    shown: list[str] = []
    hide = False
    for word in words:
        name, separator, _ = word.partition("=")
        if hide:
            shown.append(_HIDDEN)
            hide = False
        elif separator and is_credential(name):
            shown.append(f"{name}={_HIDDEN}")
        elif "://" in word:
            shown.append(place_of(word))
        else:
            shown.append(word)
            hide = word.startswith("-") and is_credential(word)
    return " ".join(shown)


def _refs(agent: AgentPlan) -> Iterator[KeyRef]:
    yield from (part.ref for part in agent.system if part.ref is not None)
    for tool in agent.tools:
        if tool.webhook is not None:
            yield from _in_values(tool.webhook.headers)
        if tool.gate is not None:
            yield from _in_gate(tool.gate)
    for server in agent.mcp_servers:
        yield from _in_server(server)
    if agent.notify is not None:
        yield from _in_notify(agent.notify)


def _in_server(server: McpServerPlan) -> Iterator[KeyRef]:
    yield from _in_values(server.env)
    yield from _in_values(server.headers)
    if server.token is not None:
        yield server.token
    if server.oauth is not None:
        yield server.oauth.client_secret
    for gate in server.gates.values():
        yield from _in_gate(gate)


def _in_gate(gate: GatePlan) -> Iterator[KeyRef]:
    if gate.notify is not None:
        yield from _in_notify(gate.notify)


def _in_notify(notify: NotifyPlan) -> Iterator[KeyRef]:
    for channel in notify.channels:
        email = channel.email
        refs = (channel.url, *((email.username, email.password) if email is not None else ()))
        yield from (ref for ref in refs if ref is not None)
        yield from _in_values(channel.headers)


def _in_values(values: Mapping[str, GivenValue]) -> Iterator[KeyRef]:
    yield from (given.ref for given in values.values() if given.ref is not None)
