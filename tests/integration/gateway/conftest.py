"""A gateway that a module's tests share, with a worker and a Temporal of its own."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.gateway.place import Gateway, gateway_at
from tests.integration.homes import connected
from worker.embedded import EmbeddedServer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Gateway]:
    """The gateway, in the module's event loop."""
    home: Path = tmp_path_factory.mktemp("gateway")
    async with connected(server, home) as connection, gateway_at(connection, home) as started:
        yield started
