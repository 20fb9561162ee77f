"""Whether an agent's tools can be told apart by their names."""

from collections.abc import Iterator, Sequence

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.mcp import McpServer
from ark_temporal.manifests.origins import Finding, Path

SEARCH_MEMORY = "search_memory"
"""The built-in tool that an agent with a memory has by itself."""
SEPARATOR = "__"
"""Stands between a server's name and that of its tool."""
_LONGEST_NAME = 64


def repeated(names: Sequence[str], path: Path, field: str, what: str) -> Iterator[Finding]:
    """Names that stand twice in one list."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            message = f'The {what} "{name}" is already given as item {first[name] + 1} of this list.'
            yield Finding((*path, index, field), "duplicate-name", message, "Rename or remove one of them.")


def check_tool_names(parts: AgentParts, path: Path, *, remembers: bool) -> Iterator[Finding]:
    """Findings about names that two tools share, or that models do not take.

    Args:
        parts: The agent.
        path: Where it is written.
        remembers: Whether it has a memory that it can search.
    """
    servers = parts.mcp_servers
    yield from repeated([each.name for each in servers], (*path, "mcpServers"), "name", "MCP server")
    yield from repeated([each.name for each in parts.tools], (*path, "tools"), "name", "tool")
    for index, tool in enumerate(parts.tools):
        place = (*path, "tools", index, "name")
        if remembers and tool.name == SEARCH_MEMORY and tool.type != "builtin":
            message = f'"{SEARCH_MEMORY}" is the tool that the agent has by its memory.'
            yield Finding(place, "duplicate-name", message, "Rename this one.")
        for server in servers:
            yield from _hidden(tool.name, server, place)
    for index, server in enumerate(servers):
        yield from _too_long(server, (*path, "mcpServers", index))


def _hidden(name: str, server: McpServer, place: Path) -> Iterator[Finding]:
    """A tool that bears the name of a server's tool, which it would hide."""
    own = name.removeprefix(f"{server.name}{SEPARATOR}")
    if own == name or not own:
        return
    if own in server.tools:
        message = f'The MCP server "{server.name}" has a tool of this name.'
        yield Finding(place, "duplicate-name", message, "Rename this one.")
    elif not server.tools:
        message = f'If the MCP server "{server.name}" has a tool "{own}", this one hides it.'
        yield Finding(place, "hidden-tool", message, "Rename this one.", "warning")


def _too_long(server: McpServer, place: Path) -> Iterator[Finding]:
    for index, tool in enumerate(server.tools):
        whole = f"{server.name}{SEPARATOR}{tool}"
        if len(whole) > _LONGEST_NAME:
            message = f'Models see "{whole}" shortened: they take names of up to {_LONGEST_NAME} characters.'
            hint = "Give the server a shorter name."
            yield Finding((*place, "tools", index), "name-too-long", message, hint, "warning")
