"""A Temporal on which days pass in moments: the real server, whose workflows' clocks can be put forward.

The clock of one workflow moves, and that of its children with it; activities, workers and the server live on
in our own time. Nothing is skipped while a workflow has work under way.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from temporalio.testing import TimeSkipper, TimeSkippingConfig

from ark_temporal.runs.attributes import SEARCH_ATTRIBUTES
from ark_temporal.runs.connection import ConnectOptions, connect
from tests.integration.lab import Lab
from tests.integration.processes import free_port, plain_server

_SKIPS = 1000
"""More than any test needs, and an end to skipping where something goes wrong."""


@contextlib.asynccontextmanager
async def lab_of_days(home: Path) -> AsyncGenerator[Lab]:
    """A lab on a server of its own that lets time be skipped."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = ["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"]
    for name, type_ in SEARCH_ATTRIBUTES.items():
        words += ["--search-attribute", f"{name}={type_}"]
    with plain_server(port, home / "server.log", *words):
        options = ConnectOptions(address=f"127.0.0.1:{port}", storage=str(home / "payloads"))
        yield Lab(await connect(options), home / "payloads")


async def skip(lab: Lab, id: str, time: timedelta, *, seconds: float = 90) -> bool:
    """Put a workflow's clock forward, through all that is due until then; whether it still runs.

    Args:
        lab: Where it runs.
        id: The workflow.
        time: How far.
        seconds: How long that may take in our time: a second for each timer that fires.
    """
    client = lab.connection.client
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=_SKIPS))
    async with asyncio.timeout(seconds):
        return await skipper.fast_forward(client.get_workflow_handle(id), time)
