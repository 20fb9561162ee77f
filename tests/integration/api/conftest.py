"""A gateway that a module's tests share, with a worker and a Temporal of its own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.api.place import Api, api_at
from tests.integration.homes import connected
from worker.embedded import EmbeddedServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Api]:
    """The gateway, in the module's event loop."""
    home: Path = tmp_path_factory.mktemp("api")
    async with connected(server, home) as connection, api_at(connection, home) as started:
        yield started
