import os
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

from ark_temporal.memory import MemoryPool
from tests.integration.memory.backends import Backend, qdrant_backend, redis_backend
from tests.integration.memory.qdrant_stub import qdrant_stub
from tests.integration.memory.redis_server import answers, redis_server


@pytest.fixture
async def pool() -> AsyncGenerator[MemoryPool]:
    pool = MemoryPool()
    yield pool
    await pool.aclose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Redis that answers: the one of the environment, the local one, or one of our own."""
    for url in (os.environ.get("REDIS_URL", ""), "redis://127.0.0.1:6379/0"):
        if url and answers(url):
            yield url
            return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def prefix(redis_url: str) -> Generator[str]:
    """A namespace of this test's own, emptied after it."""
    prefix = f"test-{uuid4().hex[:8]}"
    yield prefix
    opened: Any = redis.Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]
    with opened as client:
        for key in client.scan_iter(f"ark:memory:{prefix}*"):
            client.delete(key)


@pytest.fixture(params=["redis", "qdrant-memory", "qdrant-directory", "qdrant-server"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Backend]:
    match request.param:
        case "redis":
            url: str = request.getfixturevalue("redis_url")
            yield redis_backend(url, request.getfixturevalue("prefix"))
        case "qdrant-memory":
            yield qdrant_backend(":memory:", persists=False)
        case "qdrant-directory":
            yield qdrant_backend(f"local:{tmp_path / 'qdrant'}")
        case _:
            with qdrant_stub("a-key-of-qdrant") as server:
                yield qdrant_backend(server.url, "a-key-of-qdrant")
