"""A home for our data, in an environment that leads nowhere else."""

import contextlib
import os
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from tests.e2e.command import environment
from worker.embedded import EmbeddedServer


def live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Have this process's data there, and nothing else of ours or of Temporal in its environment."""
    for name in os.environ.keys() - environment(home).keys():
        patch.delenv(name)
    patch.setenv("ARK_HOME", str(home))


@contextlib.asynccontextmanager
async def connected(server: EmbeddedServer, home: Path) -> AsyncGenerator[Connection]:
    """Live in a home, with a connection that stores payloads there."""
    with pytest.MonkeyPatch.context() as patch:
        live_in(home, patch)
        connection = await connect(ConnectOptions(address=server.address, storage=str(home / "payloads")))
        yield connection
        await connection.aclose()
