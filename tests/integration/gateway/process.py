"""A gateway in a process of its own: `python -m tests.integration.gateway.process ADDRESS HOME`."""

import asyncio
import logging
import sys
from pathlib import Path

from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.secrets import DirectoryStore, Secrets
from worker.gateway.app import gateway_app
from worker.gateway.services import GatewayOptions, GatewayServices
from worker.serving import serving


async def main(address: str, home: Path) -> None:
    """Serve until the process is ended."""
    connection = await connect(ConnectOptions(address=address, storage=str(home / "payloads")))
    services = GatewayServices(
        connection,
        Catalog(connection, "mock"),
        Secrets([DirectoryStore(home / "secrets")], {}),
        GatewayOptions(state_directory=home / "state"),
        "https://ark.example",
    )
    async with serving(gateway_app(services), "127.0.0.1", 0, at_once=1000) as url:
        print(f"serves {url}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
