"""A Temporal server that a module's tests share, and for each test a place of its own on it."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from ark_temporal.runs.connection import ConnectOptions, connect
from tests.integration.homes import live_in
from tests.integration.lab import Lab
from worker.embedded import EmbeddedServer, embedded_server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for our data, in an environment that leads nowhere else."""
    home = tmp_path / "home"
    live_in(home, monkeypatch)
    return home


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncGenerator[EmbeddedServer]:
    """One server for the module's tests."""
    async with embedded_server() as server:
        yield server


@pytest.fixture
async def lab(server: EmbeddedServer, home: Path) -> Lab:
    """The shared server, with payload storage."""
    directory = home / "payloads"
    connection = await connect(ConnectOptions(address=server.address, storage=str(directory)))
    return Lab(connection, directory)
