"""From what a server says about its tools to what a run sees of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import JsonValue

from ark_temporal.tools.mcp._scrub import Scrubber
from ark_temporal.tools.mcp.limits import MAX_LISTING_BYTES, MAX_TOOL_BYTES, MAX_TOOLS
from ark_temporal.tools.mcp.names import tool_name
from ark_temporal.tools.mcp.server import McpServer, ToolListing
from ark_temporal.tools.types import Effect, ToolInfo


@dataclass(frozen=True)
class RemoteTool:
    """A tool in its server's words, whatever the dialect."""

    name: str
    description: str
    input_schema: Mapping[str, object]
    read_only: bool = False
    idempotent: bool = False


def listing(server: McpServer, found: list[RemoteTool], cut: bool, scrubber: Scrubber) -> ToolListing:
    """The tools that a run may call.

    Args:
        server: Whose tools they are.
        found: All tools that it listed.
        cut: Whether it would have listed more.
        scrubber: Takes its secrets out of descriptions.
    """
    builder = _Builder(server, scrubber)
    missing = sorted(set(server.only) - {tool.name for tool in found})
    wanted = [tool for tool in found if not server.only or tool.name in server.only]
    for tool in wanted[:MAX_TOOLS]:
        builder.add(tool)
    if (cut and (missing or not server.only)) or len(wanted) > MAX_TOOLS:
        builder.warn(f"lists more than {MAX_TOOLS} tools, or too many pages; the rest is left out.")
    if missing:
        known = _has(tool.name for tool in found)
        builder.warn(f"has no tool {', '.join(map(_quoted, missing))}, named in `only`. {known}")
    return ToolListing(tuple(builder.tools.values()), tuple(builder.warnings))


class _Builder:
    def __init__(self, server: McpServer, scrubber: Scrubber) -> None:
        self.tools: dict[str, ToolInfo] = {}
        self.warnings: list[str] = []
        self._server = server
        self._scrubber = scrubber
        self._size = 0

    def warn(self, what: str) -> None:
        self.warnings.append(f'MCP server "{self._server.name}" {what}')

    def add(self, tool: RemoteTool) -> None:
        name = tool_name(self._server.name, tool.name)
        shown = _quoted(tool.name)
        if name in self.tools:
            self.warn(f"lists the tool {shown} twice; the first one is used.")
            return
        schema = self._schema(tool)
        if schema is None:
            self.warn(f"has a tool {shown} whose arguments are no JSON object; it is left out.")
            return
        size = len(tool.description.encode()) + len(json.dumps(schema))
        if size > MAX_TOOL_BYTES:
            limit = MAX_TOOL_BYTES // 1024
            self.warn(f"has a tool {shown} whose description is larger than {limit} KiB; it is left out.")
            return
        self._size += size
        if self._size > MAX_LISTING_BYTES:
            limit = MAX_LISTING_BYTES // 1024
            self.warn(f"describes its tools in more than {limit} KiB; {shown} is left out.")
            return
        self.tools[name] = ToolInfo(
            name=name,
            description=self._scrubber.clean(tool.description),
            input_schema=schema,
            effect=_effect(self._server, tool),
            server=self._server.name,
            remote_name=tool.name,
        )

    def _schema(self, tool: RemoteTool) -> dict[str, JsonValue] | None:
        schema = {"type": "object", **tool.input_schema}
        if schema["type"] != "object":
            return None
        return cast(dict[str, JsonValue], json.loads(self._scrubber.clean(json.dumps(schema))))


def _effect(server: McpServer, tool: RemoteTool) -> Effect:
    configured = server.effects.get(tool.name) or server.effects.get("*")
    if configured:
        return configured
    if tool.read_only:
        return "read"
    return "idempotent" if tool.idempotent else "unsafe"


def _has(names: Iterator[str]) -> str:
    known = sorted(names)
    if not known:
        return "It has none."
    shown = ", ".join(map(_quoted, known[:10]))
    return f"It has {shown}{' and others' if len(known) > 10 else ''}."


def _quoted(name: str) -> str:
    return f'"{name[:80]}"'
