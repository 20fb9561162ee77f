"""The tools of one agent in one run: what its plan declares, and what its servers said they have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from pydantic import JsonValue

from ark_temporal.llm.types import ToolSpec
from ark_temporal.plan.calls import ToolDiscovery, ToolList
from ark_temporal.plan.model import AgentPlan, Plan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.tools import DEFAULT_TOOL_SECONDS, McpServerPlan, ToolPlan
from ark_temporal.tools.types import Effect, ToolInfo

DELEGATE = "delegate"
SUBMIT_SUBTASK = "submit_subtask"
SEARCH_MEMORY = "search_memory"

_BUILTIN: dict[str, tuple[str, dict[str, JsonValue]]] = {
    SUBMIT_SUBTASK: (
        "Start a task that runs by itself, in the background. Gives its id at once; its result is not "
        "waited for.",
        {
            "type": "object",
            "properties": {"prompt": {"type": "string", "description": "What is to be done, in full."}},
            "required": ["prompt"],
        },
    ),
    SEARCH_MEMORY: (
        "Search what was remembered from earlier tasks.",
        {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What to look for."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "description": "At most so many."},
            },
            "required": ["query"],
        },
    ),
}


@dataclass(frozen=True)
class Tool:
    """Something that the model may call, and where it is.

    Attributes:
        declared: The tool as the plan declares it; None for one of an MCP server.
        server: The MCP server that has it.
        gate: What people must approve before it is called.
    """

    name: str
    effect: Effect
    timeout_seconds: int
    declared: ToolPlan | None = None
    server: McpServerPlan | None = None
    remote_name: str = ""
    gate: GatePlan | None = None
    input_schema: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


def delegation(agent: AgentPlan, plan: Plan) -> tuple[ToolSpec, ...]:
    """The tool by which an agent hands tasks to others, where it may."""
    if not agent.can_delegate:
        return ()
    told = [f"- {role}{_about(role, plan)}" for role in agent.can_delegate]
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {
            "role": {"type": "string", "enum": list(agent.can_delegate), "description": "Who is to do it."},
            "prompt": {
                "type": "string",
                "description": "What is to be done, in full; they see nothing else.",
            },
        },
        "required": ["role"],
    }
    return (
        ToolSpec(
            name=DELEGATE,
            description="Hand a task to another role, and get its result. Tasks that do not need each "
            "other's results can be handed on in one turn; they are then done at the same time. Roles:\n"
            + "\n".join(told),
            input_schema=schema,
        ),
    )


def _about(role: str, plan: Plan) -> str:
    description = "a team" if role in plan.teams else plan.agents[role].description
    return f": {' '.join(description.split())}" if description else ""


class Toolbox:
    """Finds an agent's tools by the names that its model uses."""

    def __init__(self, agent: AgentPlan, lists: Mapping[str, ToolList]) -> None:
        """Put a toolbox together.

        Args:
            agent: Whose tools.
            lists: What was discovered, by the discovery's id.
        """
        self._agent = agent
        self._declared = {tool.name: tool for tool in declared_tools(agent)}
        self._servers = {server.name: server for server in agent.mcp_servers}
        self._found = {tool.name: tool for one in lists.values() for tool in reversed(one.tools)}

    @property
    def names(self) -> list[str]:
        """The names of all tools."""
        handing_on = [DELEGATE] if self._agent.can_delegate else []
        return list(dict.fromkeys([*handing_on, *self._declared, *self._found]))

    def find(self, name: str) -> Tool | None:
        """The tool of that name; what the plan declares goes before what servers have."""
        declared, found = self._declared.get(name), self._found.get(name)
        if declared is not None:
            own = found if found is not None and not found.server else ToolInfo(name=name)
            seconds = declared.timeout_seconds or ceil(own.timeout_seconds) or DEFAULT_TOOL_SECONDS
            schema = declared.input_schema or own.input_schema
            effect = declared.effect or own.effect
            return Tool(name, effect, seconds, declared=declared, gate=declared.gate, input_schema=schema)
        if found is None or found.server not in self._servers:
            return None
        server = self._servers[found.server]
        return Tool(
            name,
            found.effect,
            server.timeout_seconds,
            server=server,
            remote_name=found.remote_name,
            gate=server.gates.get(found.remote_name) or server.gates.get("*"),
            input_schema=found.input_schema,
        )


def declared_tools(agent: AgentPlan) -> tuple[ToolPlan, ...]:
    """The tools that an agent has by its plan; one with a memory may search it."""
    if agent.memory is None or any(tool.name == SEARCH_MEMORY for tool in agent.tools):
        return agent.tools
    return (*agent.tools, ToolPlan(type="builtin", name=SEARCH_MEMORY, effect="read"))


def discoveries(agent: AgentPlan, *, step: str, namespace: str) -> tuple[ToolDiscovery, ...]:
    """What has to be asked once in a run before an agent's tools are known."""
    prefix = agent.role.replace("#", "##") + "#tools"
    python = tuple(tool for tool in agent.tools if tool.type == "python")
    asked = [
        ToolDiscovery(
            id=f"{prefix}-{server.name}", step=step, role=agent.role, namespace=namespace, server=server
        )
        for server in agent.mcp_servers
    ]
    if python:
        asked.append(ToolDiscovery(id=prefix, step=step, role=agent.role, namespace=namespace, python=python))
    return tuple(asked)


def declared_specs(agent: AgentPlan) -> tuple[ToolSpec, ...]:
    """The tools whose form the plan itself knows: webhooks and those built in."""
    return tuple(_spec(tool, agent) for tool in declared_tools(agent) if tool.type != "python")


def offered(declared: Sequence[ToolSpec], lists: Iterable[ToolList]) -> tuple[ToolSpec, ...]:
    """All that a model may call, each name once, in an order that stays from turn to turn."""
    specs = {tool.name: tool for tool in declared}
    for one in lists:
        for tool in one.tools:
            spec = ToolSpec(name=tool.name, description=tool.description, input_schema=tool.input_schema)
            specs.setdefault(tool.name, spec)
    return tuple(specs.values())


def _spec(tool: ToolPlan, agent: AgentPlan) -> ToolSpec:
    if tool.type == "builtin" and tool.name in _BUILTIN:
        description, schema = _BUILTIN[tool.name]
        if tool.name == SUBMIT_SUBTASK and agent.can_delegate:
            schema = _with_role(schema, agent)
        return ToolSpec(name=tool.name, description=tool.description or description, input_schema=schema)
    return ToolSpec(name=tool.name, description=tool.description, input_schema=tool.input_schema)


def _with_role(schema: dict[str, JsonValue], agent: AgentPlan) -> dict[str, JsonValue]:
    """Of one who may hand tasks to others, others may do the subtask."""
    role: JsonValue = {
        "type": "string",
        "enum": [agent.role, *agent.can_delegate],
        "description": "Who is to do it; you, where it is left out.",
    }
    properties = schema["properties"]
    assert isinstance(properties, dict), "every tool built in has properties"
    return {**schema, "properties": {**properties, "role": role}}
