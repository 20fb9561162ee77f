"""Heartbeats of activities that wait for somebody else."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from temporalio import activity

HEARTBEAT_SECONDS = 5.0
"""Often enough that a cancelled run stops its calls soon, and a dead worker is noticed."""


@contextlib.asynccontextmanager
async def heartbeats() -> AsyncGenerator[None]:
    """Tell Temporal that we live, from the very start and until the call is over."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            activity.heartbeat()

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
