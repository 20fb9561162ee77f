"""Python tools for tests."""

import asyncio
import time

from ark_temporal.tools.python import ToolContext, tool


@tool(effect="read")
def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


@tool(effect="read")
def blob(size: int) -> str:
    """So many letters."""
    return "x" * size


@tool(effect="read")
async def key_of(context: ToolContext) -> str:
    """The call's idempotency key."""
    await asyncio.sleep(0)
    return context.idempotency_key


@tool(effect="read")
def slow(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return f"slept {seconds}"


@tool(effect="read")
def broken() -> str:
    """Does not work."""
    raise RuntimeError("the drawer is stuck")
