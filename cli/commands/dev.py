"""`ark-temporal dev`: a Temporal of one's own that keeps what it did."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.errors import CommandError
from cli.loop import run_async
from cli.output import write_text
from cli.terminal import say

if TYPE_CHECKING:
    from worker.assembly import WorkerOptions
    from worker.embedded import EmbeddedServer


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
    mock_script: options.MockScriptFile = None,
    prices: options.PricesFile = None,
) -> None:
    """Keep a Temporal and a worker running here.

    It has a Web UI and runs until Ctrl-C. Other commands find it by themselves. Its data is kept in a file:
    runs that were under way go on at the next start.
    """
    from ark_temporal.runs.connection import running_dev
    from ark_temporal.runs.paths import data_directory
    from cli.local import check_files, read_mock_script
    from cli.sources import load_sources, mapping_store

    other = running_dev()
    if other is not None:
        raise CommandError(
            f"An `ark-temporal dev` is running already, at {other.address} (Web UI {other.ui}, process "
            f"{other.pid}). Use it, or end it first."
        )
    script = read_mock_script(mock_script)
    check_files(prices=prices, secrets_dir=secrets_dir)
    stores = [mapping_store(load_sources(sources))] if sources else []

    from worker.assembly import WorkerOptions

    worker = WorkerOptions(
        max_concurrent_calls=max_concurrent_calls,
        stores=stores,
        secrets_dir=secrets_dir,
        mock_script=script,
        prices=prices,
    )
    # Clients that find this server look for payloads where this user's are by default, wherever the data is.
    payloads = Path(storage).expanduser().absolute() if storage else data_directory() / "payloads"
    run_async(_serve(data or data_directory(), payloads, worker))


async def _serve(data: Path, payloads: Path, worker: "WorkerOptions") -> None:
    import os
    import signal

    from ark_temporal.runs.connection import DevServer
    from cli.following import Interrupts
    from cli.local import connect_to
    from cli.logs import log_to_stderr
    from worker.assembly import running_worker
    from worker.embedded import embedded_server

    log_to_stderr()
    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        async with embedded_server(
            database=data / "temporal.db", prefer_usual_ports=True, log=data / "server.log"
        ) as server:
            connection = await connect_to(server, payloads)
            async with running_worker(connection, worker):
                announced = DevServer(server.address, server.ui, os.getpid())
                announced.announce()
                try:
                    write_text(_greeting(server, data))
                    await interrupts.next()
                    say("Stopping; runs under way go on at the next start ...")
                finally:
                    announced.withdraw()


def _greeting(server: "EmbeddedServer", data: Path) -> str:
    return "\n".join(
        [
            "ark-temporal dev is ready",
            f"  address  {server.address}",
            f"  web ui   {server.ui}",
            f"  data     {data}",
            "",
            "From another terminal:",
            "  ark-temporal submit team.yaml -i topic=... --watch",
            "  ark-temporal runs list",
            "",
            "Ctrl-C stops it.",
        ]
    )
