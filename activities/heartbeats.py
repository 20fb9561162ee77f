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
    loop = asyncio.get_running_loop()

    def beat() -> None:
        nonlocal next_beat
        activity.heartbeat()
        next_beat = loop.call_later(HEARTBEAT_SECONDS, beat)

    next_beat = loop.call_later(HEARTBEAT_SECONDS, beat)  # a task would cost every short call
    try:
        yield
    finally:
        next_beat.cancel()
