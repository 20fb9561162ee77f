"""A process with an embedded server: `python -m tests.integration.server_owner DATABASE`.

It prints `port` and the server's port once that is up, and waits to be killed.
"""

import asyncio
import sys
from pathlib import Path

from worker.embedded import embedded_server


async def _own(database: Path) -> None:
    async with embedded_server(database=database) as server:
        print("port", server.address.rpartition(":")[2], flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_own(Path(sys.argv[1])))
