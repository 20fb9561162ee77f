"""Checks of `tools[]`: webhooks, Python functions, built-in tools."""

from collections.abc import Iterator

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.checks.addresses import check_address, check_headers
from ark_temporal.manifests.checks.names import SEARCH_MEMORY
from ark_temporal.manifests.checks.schemas import check_schema
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.fields import alias_of
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.tools import Tool

BUILTIN_TOOLS = ("submit_subtask", SEARCH_MEMORY)
"""The built-in tools that a manifest can ask for."""

_OF_WEBHOOKS = ("url", "method", "headers", "input_schema")
_OWN_EFFECT = ("effect",)


def check_tools(parts: AgentParts, path: Path, *, remembers: bool) -> Iterator[Finding]:
    """Findings about the tools of an agent, each by itself.

    Args:
        parts: The agent.
        path: Where it is written.
        remembers: Whether it has a memory that it can search.
    """
    for index, tool in enumerate(parts.tools):
        place = (*path, "tools", index)
        if tool.type == "webhook":
            yield from _webhook(tool, place)
        else:
            yield from _not_a_webhook(tool, place)
        if tool.type == "builtin":
            yield from _builtin(tool, place, remembers=remembers)


def _webhook(tool: Tool, place: Path) -> Iterator[Finding]:
    if tool.url is None:
        message = f'The webhook tool "{tool.name}" needs `url`.'
        hint = "Add it, or say what else the tool is by `type: python` or `type: builtin`."
        yield Finding((*place, "url"), "missing-field", message, hint)
    else:
        yield from check_address(tool.url, (*place, "url"), template=True)
    yield from check_headers(tool.headers, (*place, "headers"))
    yield from _arguments(tool, (*place, "inputSchema"))


def _arguments(tool: Tool, path: Path) -> Iterator[Finding]:
    found = list(check_schema(tool.input_schema, path))
    yield from found
    if found or tool.input_schema is None:
        return
    schema = tool.input_schema.parsed
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        message = "The arguments of a tool are an object, so its schema must be one of `type: object`."
        hint = "Put the value into a property of an object."
        yield Finding(path, "schema-not-object", message, hint)


def _not_a_webhook(tool: Tool, place: Path) -> Iterator[Finding]:
    refused = _OF_WEBHOOKS + (_OWN_EFFECT if tool.type == "builtin" else ())
    for name in refused:
        if name in tool.model_fields_set:
            field = alias_of(name, Tool.model_fields[name])
            message = f"`{field}` has no place in a tool of `type: {tool.type}`, which knows its own."
            yield Finding((*place, field), "unused-field", message, f"Remove `{field}`.", at_key=True)


def _builtin(tool: Tool, place: Path, *, remembers: bool) -> Iterator[Finding]:
    if tool.name == SEARCH_MEMORY and not remembers:
        message = f'The agent has no memory that "{SEARCH_MEMORY}" could search.'
        hint = "Name an ArkMemory by `memoryRef`: the tool then comes by itself."
        yield Finding((*place, "name"), "no-memory", message, hint)
    elif tool.name not in BUILTIN_TOOLS:
        message = f'There is no built-in tool "{tool.name}".'
        hint = did_you_mean(tool.name, BUILTIN_TOOLS, among="Built-in tools")
        yield Finding((*place, "name"), "unknown-builtin", message, hint)
