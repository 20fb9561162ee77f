"""Finishing what was begun after a run has ended: a cancel that comes now changes nothing about its end."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow


async def unhindered(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until all of it is done, whoever cancels the run meanwhile."""
    while not all(task.done() for task in tasks):
        try:
            await asyncio.shield(asyncio.gather(*tasks))
        except asyncio.CancelledError:
            workflow.logger.info("The run has ended already, so nothing is cancelled.")
