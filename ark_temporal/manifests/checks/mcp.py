"""Checks of `mcpServers[]`."""

from collections.abc import Iterable, Iterator

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.checks.addresses import check_address, check_headers, check_variables
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.fields import alias_of
from ark_temporal.manifests.mcp import McpAuth, McpServer
from ark_temporal.manifests.origins import Finding, Path

ANY_TOOL = "*"
"""Stands for all tools of a server."""

_OF_ADDRESSES = ("headers", "auth")
_OF_COMMANDS = ("args", "env")
_OF_AUTH = {
    "bearer": ("token_secret_ref",),
    "oauth2": ("token_url", "client_id", "client_secret_ref"),
}
_OPTIONAL_OF_AUTH = {"bearer": (), "oauth2": ("scopes",)}


def check_servers(parts: AgentParts, path: Path) -> Iterator[Finding]:
    """Findings about the MCP servers of an agent, each by itself."""
    for index, server in enumerate(parts.mcp_servers):
        place = (*path, "mcpServers", index)
        yield from _place_of(server, place)
        if server.url is not None:
            yield from check_address(server.url, (*place, "url"))
        if server.command is not None and not (server.command and server.command[0].strip()):
            yield Finding((*place, "command"), "empty-command", "The command names no program.")
        yield from check_headers(server.headers, (*place, "headers"))
        yield from check_variables(server.env, (*place, "env"))
        if server.auth is not None:
            yield from _auth(server.auth, (*place, "auth"))
        yield from _tools_named(server.effects, server, (*place, "effects"))
        yield from _tools_named(server.require_approval, server, (*place, "requireApproval"))


def _place_of(server: McpServer, place: Path) -> Iterator[Finding]:
    """A server is at an address or is started by a command; each has fields of its own."""
    if server.url is None and server.command is None:
        message = f'The MCP server "{server.name}" has neither `url` nor `command`.'
        hint = "Say where it is by `url`, or what starts it by `command`."
        yield Finding((*place, "url"), "missing-field", message, hint)
        return
    if server.url is not None and server.command is not None:
        message = "A server is either at `url`, or is started by `command`."
        yield Finding((*place, "command"), "one-of", message, "Keep one of them.", at_key=True)
        return
    unused, given = (_OF_COMMANDS, "url") if server.url is not None else (_OF_ADDRESSES, "command")
    for name in unused:
        if name in server.model_fields_set:
            field = alias_of(name, McpServer.model_fields[name])
            message = f"`{field}` has no effect on a server that is given by `{given}`."
            yield Finding((*place, field), "unused-field", message, f"Remove `{field}`.", at_key=True)


def _auth(auth: McpAuth, place: Path) -> Iterator[Finding]:
    for kind, names in _OF_AUTH.items():
        for name in (*names, *_OPTIONAL_OF_AUTH[kind]):
            field = alias_of(name, McpAuth.model_fields[name])
            given = name in auth.model_fields_set
            if kind == auth.type and name in names and not given:
                message = f"Authentication of type `{kind}` needs `{field}`."
                yield Finding((*place, field), "missing-field", message, "Add it.")
            elif kind != auth.type and given:
                message = f"`{field}` has no effect: the type is `{auth.type}`."
                hint = f"Remove it, or write `type: {kind}`."
                yield Finding((*place, field), "unused-field", message, hint, at_key=True)
    if auth.token_url is not None:
        yield from check_address(auth.token_url, (*place, "tokenUrl"))


def _tools_named(names: Iterable[str], server: McpServer, place: Path) -> Iterator[Finding]:
    for name in names:
        own = name.removeprefix(f"{server.name}__")
        if own != name:
            message = f'Tools are named here as the server names them: "{own}".'
            yield Finding((*place, name), "unknown-tool", message, "", "warning", at_key=True)
        elif server.tools and name != ANY_TOOL and name not in server.tools:
            message = f'"{name}" is not among the `tools` that are offered.'
            hint = did_you_mean(name, server.tools)
            yield Finding((*place, name), "unknown-tool", message, hint, "warning", at_key=True)
