"""A gateway in a process of its own: `python -m benchmarks.gateway_process ADDRESS HOME CPU`.

It keeps to one processor, Temporal's engine in it as well. Its URL is its first line of output.
"""

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.secrets import DirectoryStore, Secrets
from worker.gateway.app import gateway
from worker.gateway.services import GatewayOptions


def keep_to(cpu: int) -> None:
    """Run on one processor, where the system lets us choose."""
    if hasattr(os, "sched_setaffinity") and cpu < (os.cpu_count() or 1):
        os.sched_setaffinity(0, {cpu})


async def main(address: str, home: Path) -> None:
    """Serve until the process is ended."""
    connection = await connect(ConnectOptions(address=address, storage=str(home / "payloads")))
    options = GatewayOptions(port=0, state_directory=home / "state", provider="mock")
    async with gateway(connection, Secrets([DirectoryStore(home / "secrets")], {}), options) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    keep_to(int(sys.argv[3]))
    logging.basicConfig(level=logging.INFO)  # one line for each call, as the command writes
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
