"""How much a worker grows with 1,000 open runs. Its own process, so that nothing else is counted.

Usage: python -m benchmarks.open_runs ADDRESS ours|by-hand
"""

import asyncio
import gc
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.by_hand import QUEUE, ByHand
from benchmarks.contenders import ours
from benchmarks.process import run_and_exit

OPEN = 1000
AT_ONCE = 50


def resident_mib() -> float:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def grow_ours(address: str) -> float:
    """Ours: every run waits for its first answer."""
    async with ours(address, delay=3600) as contender:
        slots = asyncio.Semaphore(AT_ONCE)

        async def start() -> None:
            async with slots:
                await contender.start()

        await asyncio.gather(*(start() for _ in range(10)))
        return await _growth(contender.client, "Pipeline", start)


async def grow_by_hand(address: str) -> float:
    """By hand: a worker without the activity, so that every run waits for it."""
    client = await Client.connect(address)
    slots = asyncio.Semaphore(AT_ONCE)

    async def start() -> None:
        async with slots:
            await client.start_workflow(ByHand.run, "Rust", id=uuid.uuid4().hex, task_queue=QUEUE)

    async with Worker(client, task_queue=QUEUE, workflows=[ByHand]):
        await asyncio.gather(*(start() for _ in range(10)))
        return await _growth(client, "ByHand", start)


async def _growth(client: Client, type_name: str, start: Callable[[], Awaitable[None]]) -> float:
    """MiB that 1,000 more open runs add once the worker has come to rest."""
    await _rest()
    gc.collect()
    before = resident_mib()
    await asyncio.gather(*(start() for _ in range(OPEN)))
    await _rest()
    gc.collect()
    opened = await client.count_workflows(f"WorkflowType = '{type_name}' AND ExecutionStatus = 'Running'")
    assert opened.count >= OPEN, f"only {opened.count} runs are open"
    return resident_mib() - before


async def _rest() -> None:
    """Wait until the process has used next to no CPU for two seconds."""
    quiet = 0
    while quiet < 2:
        began = time.process_time()
        await asyncio.sleep(1)
        quiet = quiet + 1 if time.process_time() - began < 0.1 else 0


def main() -> int:
    """Print the growth as JSON."""
    address, which = sys.argv[1:]
    grow = {"ours": grow_ours, "by-hand": grow_by_hand}[which]
    print(json.dumps({"mib": asyncio.run(grow(address))}))
    return 0


if __name__ == "__main__":
    run_and_exit(main)
