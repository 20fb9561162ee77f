"""A server that answers with exactly the bytes that a test says, over a real socket."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class RawServer:
    """Where it listens, and what it got."""

    host: str
    port: int = 0
    scheme: str = "http"
    requests: list[Received] = field(default_factory=list[Received])
    connections: int = 0

    def url(self, path: str = "/", host: str | None = None) -> str:
        host = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{self.scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def serving(
    reply: Reply, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncGenerator[RawServer]:
    """Serve every request with one reply; a function may write it as slowly or as wrongly as it likes."""
    server = RawServer(host, scheme="https" if tls else "http")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        while True:
            server.requests.append(await _read(reader))
            if not isinstance(reply, bytes):
                await reply(writer)
                return
            writer.write(reply)
            await writer.drain()

    async with listening(handle, host=host, tls=tls) as port:
        server.port = port
        yield server


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[int]:
    """Handle each connection to a port; all of them are closed at the end."""
    handlers: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            await handle(reader, writer)
            writer.close()
            await writer.wait_closed()
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            handlers.discard(task)

    listener = await asyncio.start_server(connected, host, 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def answer(
    body: bytes | str = b"ok", content_type: str = "text/plain", status: str = "200 OK", headers: str = ""
) -> bytes:
    """A whole HTTP answer; `headers` has lines that end in CR LF."""
    content = body.encode() if isinstance(body, str) else body
    typed = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"HTTP/1.1 {status}\r\n{typed}Content-Length: {len(content)}\r\n{headers}\r\n".encode() + content


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    return Received(method, target, headers, await reader.readexactly(length))
