"""A tool for benchmarks."""

from ark_temporal.tools.python import tool


@tool(effect="read")
async def letters() -> str:
    """Ten kilobytes."""
    return "x" * 10_000
