"""The MCP servers of one worker process: connections and processes that outlive a call."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from ark_temporal.tools.mcp.server import McpServer, ToolListing
from ark_temporal.tools.types import ToolAnswer

if TYPE_CHECKING:
    import httpx2

    from ark_temporal.tools.mcp._oauth import Tokens
    from ark_temporal.tools.mcp._peer import Peer

IDLE_SECONDS: Final = 1800.0
"""How long a process or a session that nobody uses is kept."""


class McpPool:
    """Lists and calls tools of MCP servers.

    A pool belongs to one event loop, and all its methods are called from it. A server that is a command is
    one process, whoever calls it. A server over HTTP gets at most ten connections. Where its protocol has
    sessions, each run has one of its own, on which its calls find what earlier ones left; when that is lost,
    the run is told so.
    """

    def __init__(
        self,
        http_client: "Callable[..., httpx2.AsyncClient]",
        *,
        allow_commands: bool,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Make an empty pool.

        Args:
            http_client: Makes a client for one server; it is called with `max_connections`, and says who may
                be reached.
            allow_commands: Whether servers that are commands may be started.
            idle_seconds: How long what nobody uses is kept.
        """
        self._http_client = http_client
        self._allow_commands = allow_commands
        self._idle_seconds = idle_seconds
        self._peers: dict[str, Peer] = {}
        self._tokens: Tokens | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._closed = False

    async def list_tools(self, server: McpServer, *, session: str) -> ToolListing:
        """What a server offers.

        Args:
            server: Whom to ask.
            session: The run's id.

        Raises:
            ToolError: There was no list within `server.timeout_seconds`. Nothing was changed.
        """
        async with self._peer(server) as peer:
            return await peer.list_tools(server, session)

    async def call_tool(
        self,
        server: McpServer,
        remote_name: str,
        arguments: Mapping[str, JsonValue],
        *,
        key: str,
        session: str,
        timeout_seconds: float,
    ) -> ToolAnswer:
        """Call a tool once. It is never repeated here.

        Args:
            server: Whose tool it is.
            remote_name: What the server calls it.
            arguments: For the tool.
            key: The call's idempotency key.
            session: The run's id.
            timeout_seconds: The longest that connecting and the call take together.

        Returns:
            The tool's answer or its refusal; also that the run's session was lost, and the call not made.

        Raises:
            ToolError: There was no answer.
        """
        async with self._peer(server) as peer:
            return await peer.call_tool(remote_name, arguments, key, session, timeout_seconds)

    async def end_session(self, session: str) -> None:
        """Close what a run left open: it has ended."""
        await asyncio.gather(*(peer.end_session(session) for peer in list(self._peers.values())))

    async def aclose(self) -> None:
        """Close everything, and stop all processes. Calls under way end with an error."""
        self._closed = True
        peers = list(self._peers.values())
        self._peers.clear()
        if self._reaper:
            self._reaper.cancel()
            await asyncio.wait({self._reaper})
        await asyncio.gather(*(peer.aclose() for peer in peers))
        if self._tokens:
            await self._tokens.aclose()

    @asynccontextmanager
    async def _peer(self, server: McpServer) -> "AsyncGenerator[Peer]":
        """The server's state, loaded with the SDK at the first use, and kept while it is used."""
        from ark_temporal.tools.mcp._oauth import Tokens
        from ark_temporal.tools.mcp._peer import Peer

        if self._closed:
            raise RuntimeError("The pool of MCP servers is closed.")
        if self._tokens is None:
            self._tokens = Tokens(self._http_client)
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap())
        identity = server.identity()
        peer = self._peers.get(identity)
        if peer is None:
            peer = Peer(server, self._http_client, self._tokens, allow_commands=self._allow_commands)
            self._peers[identity] = peer
        with peer.in_use():
            yield peer

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(min(60.0, self._idle_seconds / 4))
            for identity, peer in list(self._peers.items()):
                if peer.close_idle(self._idle_seconds):
                    del self._peers[identity]
                    await peer.aclose()
