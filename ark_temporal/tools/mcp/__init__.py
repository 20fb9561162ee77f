"""MCP servers: what they offer, and calls of it. Importing this loads no SDK; using a pool does."""

from ark_temporal.tools.mcp.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.mcp.pool import McpPool
from ark_temporal.tools.mcp.server import McpOAuth, McpServer, ToolListing

__all__ = ["MAX_ANSWER_BYTES", "McpOAuth", "McpPool", "McpServer", "ToolListing"]
