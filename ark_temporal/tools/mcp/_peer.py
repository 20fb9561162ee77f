"""One server of a pool: what it speaks, the connections to it, and the sessions that runs have there."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from pydantic import JsonValue

from ark_temporal.tools.mcp import _calls, _simple
from ark_temporal.tools.mcp._connection import Connection, open_sse, open_stdio, open_streamable
from ark_temporal.tools.mcp._door import Door, HttpClientFactory
from ark_temporal.tools.mcp._exchange import Exchange
from ark_temporal.tools.mcp._failures import Failures, NotSpokenError, SessionGoneError
from ark_temporal.tools.mcp._listing import RemoteTool, listing
from ark_temporal.tools.mcp._oauth import Tokens
from ark_temporal.tools.mcp._scrub import Scrubber
from ark_temporal.tools.mcp.server import McpServer, ToolListing
from ark_temporal.tools.types import ToolAnswer, ToolError

Dialect = Literal["streamable HTTP", "SSE", "simple HTTP"]

_SHARED: Final = ""
"""Key of the connection that all runs use, where there are no sessions."""

_MAX_LOST: Final = 10_000
_LOST_SECONDS: Final = 24 * 3600.0
"""How long it is remembered that a run's session was lost, if the run does not ask."""


class Peer:
    """A server, as one worker process knows it."""

    def __init__(
        self, server: McpServer, http_client: HttpClientFactory, tokens: Tokens, *, allow_commands: bool
    ) -> None:
        self._server = server
        self._scrubber = Scrubber(server.secrets())
        self._failures = Failures(server.name, self._scrubber)
        self._http_client = http_client
        self._tokens = tokens
        self._allow_commands = allow_commands
        self._door: Door | None = None
        self._dialect: Dialect | None = None
        self._connections: dict[str, Connection] = {}
        self._unready: set[Connection] = set()
        self._closed = False
        self._opening = asyncio.Lock()
        self._attempts = 0
        self._failed: ToolError | None = None
        # Runs whose session was lost, and whether they were told.
        self._lost: OrderedDict[str, bool] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._users = 0
        self._used_at = asyncio.get_running_loop().time()

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep it from being closed for idleness."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._used_at = asyncio.get_running_loop().time()

    async def list_tools(self, server: McpServer, session: str) -> ToolListing:
        """See `McpPool.list_tools`."""
        exchange = Exchange(server.timeout_seconds)
        connection = await self._reach(session, exchange)
        try:
            found, cut = await self._list(connection, exchange, server.only)
        except SessionGoneError:
            self._retire(session)
            connection = await self._reach(session, exchange)
            try:
                found, cut = await self._list(connection, exchange, server.only)
            except SessionGoneError:
                raise self._failures.unreachable("it forgets its sessions at once") from None
        return listing(server, found, cut, self._scrubber)

    async def call_tool(
        self, name: str, arguments: Mapping[str, JsonValue], key: str, session: str, seconds: float
    ) -> ToolAnswer:
        """See `McpPool.call_tool`."""
        exchange = Exchange(seconds)
        self._find(session)
        if self._lost.get(session) is False:
            del self._lost[session]
            return self._not_called()
        connection = await self._reach(session, exchange)
        try:
            answer = await self._call(connection, name, arguments, key, session, exchange)
        except SessionGoneError:
            self._retire(session)
            if self._lost.get(session) is False:
                del self._lost[session]
                return self._not_called()
            # Nothing was done, and the run has nothing there or was told: so this is still its one attempt.
            connection = await self._reach(session, exchange)
            try:
                answer = await self._call(connection, name, arguments, key, session, exchange)
            except SessionGoneError:
                raise self._failures.unreachable("it forgets its sessions at once") from None
        text = self._failures.clean(answer.content)
        if self._lost.pop(session, False):
            text = f"[{self._session_lost()}]\n{text}"
        return ToolAnswer(content=text, is_error=answer.is_error)

    async def end_session(self, session: str) -> None:
        """Close a run's session, if it has one."""
        self._lost.pop(session, None)
        connection = self._connections.pop(session, None)
        if connection:
            await connection.aclose()

    def close_idle(self, seconds: float) -> bool:
        """Close the connections that nobody used for so long; whether nothing is left that is in use."""
        limit = asyncio.get_running_loop().time() - seconds
        for key, connection in list(self._connections.items()):
            if not connection.in_flight and connection.used_at < limit:
                self._retire(key)
        if self._lost:
            limit -= _LOST_SECONDS
        return not self._connections and not self._users and self._used_at < limit

    async def aclose(self) -> None:
        """Close all connections; calls under way end with an error."""
        self._closed = True
        connections = {*self._connections.values(), *self._unready}
        self._connections.clear()
        await asyncio.gather(*(connection.aclose() for connection in connections), *self._closing)
        if self._door:
            await self._door.aclose()

    async def _list(
        self, connection: Connection | None, exchange: Exchange, only: tuple[str, ...]
    ) -> tuple[list[RemoteTool], bool]:
        if connection is None:
            return await self._list_simply(exchange), False
        return await _calls.list_tools(
            connection, self._failures, exchange, only, stateful=self._is_session(connection)
        )

    async def _list_simply(self, exchange: Exchange) -> list[RemoteTool]:
        try:
            return await _simple.list_tools(self._the_door(), exchange)
        except NotSpokenError as refusal:
            self._dialect = None
            raise self._failures.unreachable(f"it does not list its tools any more ({refusal})") from None

    async def _call(
        self,
        connection: Connection | None,
        name: str,
        arguments: Mapping[str, JsonValue],
        key: str,
        session: str,
        exchange: Exchange,
    ) -> ToolAnswer:
        if connection is None:
            return await _simple.call_tool(self._the_door(), name, arguments, key, exchange)
        stateful = self._is_session(connection)
        try:
            answer = await _calls.call_tool(
                connection, self._failures, name, arguments, key, exchange, stateful=stateful
            )
        except ToolError as error:
            if stateful and (error.type == "ToolConnectionLost" or not connection.alive):
                connection.used = connection.told = True
                text = f"{error} {self._session_lost()}"
                raise ToolError(error.type, text, sent=error.sent, retryable=error.retryable) from None
            raise
        connection.used = True
        return answer

    async def _reach(self, session: str, exchange: Exchange) -> Connection | None:
        """A connection to ask, opened if there is none; None where the dialect has no connections."""
        found = self._find(session)
        if found or self._simple():
            return found
        attempts = self._attempts
        try:
            async with asyncio.timeout(exchange.remaining):
                await self._opening.acquire()
        except TimeoutError:
            raise self._failures.timeout(exchange.seconds, sent=False) from None
        try:
            found = self._find(session)
            if found or self._simple():
                return found
            if self._failed and self._attempts > attempts:
                # It failed while this waited for it: a crowd does not knock one after the other.
                failed = self._failed
                raise ToolError(failed.type, str(failed), sent=False, retryable=failed.retryable)
            self._failed = None
            try:
                return await self._open(session, exchange)
            except ToolError as error:
                self._failed = error
                raise
            finally:
                self._attempts += 1
        finally:
            self._opening.release()

    async def _open(self, session: str, exchange: Exchange) -> Connection | None:
        opening = Exchange(exchange.remaining)
        if self._closed:
            raise self._failures.unreachable("the worker is stopping")
        if bool(self._server.command) == bool(self._server.url):
            raise self._failures.not_configured("has no address", "Give it either a url or a command.")
        if self._server.command:
            return await self._start(opening)
        refusals: list[str] = []
        for dialect in self._dialects():
            try:
                connection = await self._try(dialect, session, opening)
            except NotSpokenError as refusal:
                refusals.append(f"{dialect}: {refusal}")
            else:
                self._dialect = dialect
                return connection
        self._dialect = None
        raise self._failures.unreachable(f"it answers, but not as an MCP server ({'; '.join(refusals)})")

    async def _start(self, opening: Exchange) -> Connection:
        if not self._allow_commands:
            raise self._failures.forbidden(
                "is a command, and this worker starts none",
                "Allow commands on the worker, or run the server elsewhere and give its url.",
            )
        connection = open_stdio(self._server, self._failures, opening)
        try:
            await self._until_ready(connection)
        except NotSpokenError as refusal:
            why = f"its command does not speak MCP ({refusal})"
            raise self._failures.bad_reply(why, sent=False, retryable=True) from None
        self._connections[_SHARED] = connection
        return connection

    def _dialects(self) -> list[Dialect]:
        """The dialects in the order in which they are tried."""
        path = self._server.url.partition("?")[0].rstrip("/")
        if path.endswith("/mcp"):
            order: list[Dialect] = ["streamable HTTP", "SSE", "simple HTTP"]
        elif path.endswith("/sse"):
            order = ["SSE", "streamable HTTP", "simple HTTP"]
        else:
            order = ["simple HTTP", "streamable HTTP", "SSE"]
        return sorted(order, key=lambda dialect: dialect != self._dialect)

    async def _try(self, dialect: Dialect, session: str, opening: Exchange) -> Connection | None:
        opening = Exchange(opening.remaining)
        door = self._the_door()
        if dialect == "simple HTTP":
            await _simple.list_tools(door, opening)
            return None
        if dialect == "SSE":
            connection = open_sse(door, opening)
            await self._until_ready(connection)
            self._connections[session] = connection
            return connection
        connection, carrier = open_streamable(door, opening)
        await self._until_ready(connection)
        self._connections[session if carrier.stateful else _SHARED] = connection
        return connection

    async def _until_ready(self, connection: Connection) -> None:
        self._unready.add(connection)
        try:
            await connection.ready()
        except BaseException:
            self._later(connection.aclose)
            raise
        finally:
            self._unready.discard(connection)

    def _simple(self) -> bool:
        return self._dialect == "simple HTTP"

    def _find(self, session: str) -> Connection | None:
        for key in (_SHARED, session):
            connection = self._connections.get(key)
            if connection is None:
                continue
            if connection.alive:
                return connection
            self._retire(key)
        return None

    def _is_session(self, connection: Connection) -> bool:
        return self._connections.get(_SHARED) is not connection and not self._server.command

    def _retire(self, key: str) -> None:
        """Let go of a connection, and remember the run whose session it was if it may miss something."""
        connection = self._connections.pop(key, None)
        if connection is None:
            return
        if key != _SHARED and connection.used:
            self._lost[key] = connection.told
            while len(self._lost) > _MAX_LOST:
                self._lost.popitem(last=False)
        self._later(connection.aclose)

    def _later(self, close: Callable[[], Awaitable[None]]) -> None:
        """Close without keeping a caller waiting; what closes everything does this as well."""
        if self._closed:
            return

        async def run() -> None:
            await close()

        task = asyncio.create_task(run())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _the_door(self) -> Door:
        if self._door is None:
            self._door = Door(self._server, self._http_client, self._tokens, self._failures)
        return self._door

    def _not_called(self) -> ToolAnswer:
        text = f"{self._session_lost()} This call was not made. Set up again what it needs, then repeat it."
        return ToolAnswer(content=text, is_error=True)

    def _session_lost(self) -> str:
        return (
            f'This run\'s session with the MCP server "{self._server.name}" was lost, with whatever state '
            "it held; the next call opens a new one."
        )
