"""`ark-temporal dev`: a Temporal of one's own that keeps what it did."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import collect_garbage_as_usual, options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import write_text
from cli.terminal import say

if TYPE_CHECKING:
    import socket

    from ark_temporal.runs.connection import Connection
    from worker.assembly import WorkerOptions
    from worker.embedded import EmbeddedServer
    from worker.gateway.services import GatewayOptions


def dev(
    sources: options.OptionalSources = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Where everything is kept.", show_default="ARK_HOME or ~/.local/share"
        ),
    ] = None,
    storage: options.Storage = None,
    secrets_dir: options.SecretsDirectory = None,
    max_concurrent_calls: options.MaxConcurrentCalls = 100,
    provider: options.EventsProvider = "auto",
    mock_script: options.MockScriptFile = None,
    prices: options.PricesFile = None,
    tools: options.ToolModules = None,
    allow_host: options.AllowHosts = None,
    deny_host: options.DenyHosts = None,
    allow_commands: options.AllowCommands = True,
    gateway: Annotated[
        bool, typer.Option("--gateway/--no-gateway", help="Whether to serve the API and webhooks too.")
    ] = True,
) -> None:
    """Keep a Temporal, a worker and a gateway running here.

    It has a Web UI and runs until Ctrl-C. Other commands find it by themselves. Its data is kept in a file:
    runs that were under way go on at the next start.
    """
    from ark_temporal.runs.connection import running_dev
    from ark_temporal.runs.paths import data_directory
    from cli.sources import load_sources, secret_stores
    from cli.tool_options import ToolOptions
    from cli.worker_setup import WorkerSetup

    other = running_dev()
    if other is not None:
        raise CommandError(
            f"An `ark-temporal dev` is running already, at {other.address} (Web UI {other.ui}, process "
            f"{other.pid}). Use it, or end it first."
        )
    tooling = ToolOptions.read(tools, allow_host, deny_host, allow_commands=allow_commands)
    setup = WorkerSetup.read(
        mock_script=mock_script, prices=prices, secrets_dir=secrets_dir, tools=tooling, provider=provider
    )
    stores = secret_stores(load_sources(sources), allow_commands=allow_commands) if sources else []

    worker = setup.options(stores, max_concurrent_calls=max_concurrent_calls)
    # Clients that find this server look for payloads where this user's are by default, wherever the data is.
    run_async(_serve(data or data_directory(), storage, worker, gateway=gateway))


async def _serve(data: Path, storage: str | None, worker: "WorkerOptions", *, gateway: bool) -> None:
    import os
    import signal

    from ark_temporal.runs.connection import DevServer, local_storage
    from cli.following import Interrupts
    from cli.local import connect_to
    from cli.logs import log_to_stderr
    from worker.assembly import running_worker
    from worker.codec_server import HOST, PORT, CodecServerOptions, codec_server
    from worker.embedded import embedded_server
    from worker.serving import listening

    collect_garbage_as_usual()
    log_to_stderr()
    # Both listen from now on: their ports are told to others before they serve.
    codec_listener = listening(HOST, PORT, else_any=True)
    codec_port = codec_listener.getsockname()[1]
    front = _Front.at(data, worker) if gateway else None
    gateway_options = front.options if front else None
    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        async with embedded_server(
            database=data / "temporal.db",
            prefer_usual_ports=True,
            log=data / "server.log",
            codec_endpoint=f"http://{HOST}:{codec_port}",
        ) as server:
            connection = await connect_to(server, storage or str(local_storage()))
            uis = (server.ui, server.ui.replace(HOST, "localhost"))
            async with (
                codec_server(
                    connection.client.data_converter,
                    CodecServerOptions(HOST, codec_port, uis, listener=codec_listener),
                ),
                running_worker(connection, worker),
                _gateway(connection, worker, front),
                _housekeeping(connection if storage is None else None),
            ):
                announced = DevServer(server.address, server.ui, os.getpid())
                announced.announce()
                try:
                    write_text(_greeting(server, data, gateway_options))
                    await interrupts.next()
                    say("Stopping; runs under way go on at the next start ...")
                finally:
                    announced.withdraw()


@dataclass(frozen=True)
class _Front:
    """The gateway to be, where it listens already."""

    options: "GatewayOptions"
    listener: "socket.socket"

    @classmethod
    def at(cls, data: Path, worker: "WorkerOptions") -> "_Front":
        """Listen. This process's environment says where, too: links in messages lead there."""
        import os

        from ark_temporal.runs.approval_links import KEY_VARIABLE, URL_VARIABLE
        from cli.commands.gateway import read_link_key
        from worker.gateway.app import GatewayError, kept_secret
        from worker.gateway.services import HOST, PORT, GatewayOptions
        from worker.serving import listening

        listener, state = listening(HOST, PORT, else_any=True), data / "gateway"
        port = listener.getsockname()[1]
        url = os.environ.setdefault(URL_VARIABLE, f"http://{HOST}:{port}")
        try:
            os.environ.setdefault(KEY_VARIABLE, kept_secret(state / "link.key"))
        except GatewayError as error:
            raise CommandError(f"The gateway does not start. {error} --no-gateway goes without it.") from None
        options = GatewayOptions(
            port=port,
            public_url=url,
            state_directory=state,
            provider=worker.provider,
            link_key=read_link_key(),
        )
        return cls(options, listener)


@contextlib.asynccontextmanager
async def _gateway(
    connection: "Connection", worker: "WorkerOptions", front: _Front | None
) -> AsyncGenerator[None]:
    """Serve the gateway meanwhile, with the worker's Secrets."""
    import os

    from ark_temporal.secrets import Secrets, with_mounted
    from worker.gateway.app import GatewayError, gateway
    from worker.serving import CannotListenError

    if front is None:
        yield
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            secrets = Secrets(with_mounted(worker.stores, worker.secrets_dir), os.environ)
            await stack.enter_async_context(gateway(connection, secrets, front.options, front.listener))
        except (GatewayError, CannotListenError) as error:
            raise CommandError(f"The gateway does not start. {error} --no-gateway goes without it.") from None
        yield


@contextlib.asynccontextmanager
async def _housekeeping(connection: "Connection | None") -> AsyncGenerator[None]:
    """Meanwhile remove from our own storage what the server has forgotten the runs of."""
    import asyncio

    cleaning = asyncio.create_task(_clean(connection)) if connection else None
    try:
        yield
    finally:
        if cleaning:
            cleaning.cancel()
            await asyncio.gather(cleaning, return_exceptions=True)


async def _clean(connection: "Connection") -> None:
    import asyncio
    import logging
    from datetime import UTC, datetime

    from temporalio.service import RPCError

    from ark_temporal.runs.connection import local_storage
    from ark_temporal.runs.oldest import oldest_start
    from ark_temporal.storage.cleaning import clean
    from worker.embedded import RETENTION

    log = logging.getLogger("ark-temporal")
    try:
        since = await oldest_start(connection.client, datetime.now(UTC) - RETENTION)
        removed = await asyncio.to_thread(clean, local_storage(), since)
    except (RPCError, OSError) as error:
        log.warning("the storage was not cleaned: %s", error)
        return
    if removed.files:
        log.info("removed %d files (%d bytes) unused since %s", removed.files, removed.bytes, since)


def _greeting(server: "EmbeddedServer", data: Path, gateway: "GatewayOptions | None") -> str:
    from worker.gateway.app import admin_token_file

    api = [f"  gateway  {gateway.public_url}", f"  token    {admin_token_file(gateway)}"] if gateway else []
    return "\n".join(
        [
            "ark-temporal dev is ready",
            f"  address  {server.address}",
            f"  web ui   {server.ui}",
            *api,
            f"  data     {data}",
            "",
            "From another terminal:",
            "  ark-temporal submit team.yaml -i topic=... --watch",
            "  ark-temporal runs list",
            "",
            "Ctrl-C stops it.",
        ]
    )
