"""Serving an ASGI application from inside a process that does other things too."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_STOP_SECONDS = 3


class CannotListenError(RuntimeError):
    """The address is taken, or is none of this machine's."""


@contextlib.asynccontextmanager
async def serving(
    app: "ASGIApp",
    host: str,
    port: int,
    *,
    at_once: int,
    tls: tuple[Path, Path] | None = None,
    listener: socket.socket | None = None,
) -> AsyncGenerator[str]:
    """Serve while the block runs; gives the server's URL.

    Args:
        app: What answers.
        host: Where to listen.
        port: 0 takes any that is free.
        at_once: How many requests are taken at the same time; more are answered with 503.
        tls: Files of the certificate, with those above it, and of its key; None speaks plain HTTP.
        listener: What listens there already, and is closed at the end; None listens now.

    Raises:
        CannotListenError: The port is taken, the host is none of ours, or the files are none of TLS.
    """
    with listener or listening(host, port) as socket_:
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level="warning",  # its comings and goings are the command's to tell
            lifespan="off",
            limit_concurrency=at_once,
            timeout_graceful_shutdown=_STOP_SECONDS,
            server_header=False,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        server = _Server(config)
        _load(config)
        task = asyncio.create_task(server.serve([socket_]))
        try:
            named = f"[{host}]" if ":" in host else host
            yield f"{'https' if tls else 'http'}://{named}:{socket_.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


def _load(config: uvicorn.Config) -> None:
    """Find out about files before anybody is told that the server is there."""
    try:
        config.load()
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise CannotListenError(f"The TLS files cannot be used: {error}.") from None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to the process that we are a part of."""
        yield


def listening(host: str, port: int, *, else_any: bool = False) -> socket.socket:
    """A socket that listens from now on, so that nobody else gets its port; calls wait until it is served.

    Args:
        host: Where to listen.
        port: 0 takes any that is free.
        else_any: Take any where this one is taken.

    Raises:
        CannotListenError: The port is taken, or the host is none of ours.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if else_any:
            return listening(host, 0)
        raise CannotListenError(
            f"Nothing can listen on {host}:{port}: {error.strerror or error}. Choose another with --host "
            "and --port."
        ) from None
    return listener
