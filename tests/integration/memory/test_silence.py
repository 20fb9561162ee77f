"""Servers that take the connection and never answer."""

import asyncio
import socket
import time
from importlib import import_module

import pytest

from ark_temporal.memory import (
    EmbeddingsConfig,
    Memory,
    MemoryPool,
    MemoryUnavailable,
    RedisMemoryConfig,
    VectorMemoryConfig,
)
from tests.integration.memory.backends import HASH, entry


async def given_up_after(memory: Memory) -> tuple[float, MemoryUnavailable]:
    began = time.monotonic()
    with pytest.raises(MemoryUnavailable) as caught:
        await memory.remember(entry("x"))
    return time.monotonic() - began, caught.value


@pytest.mark.slow
async def test_whoever_says_nothing_is_given_up(pool: MemoryPool) -> None:
    for sdk in ("redis.asyncio", "qdrant_client", "openai", "google.genai"):
        import_module(sdk)  # which takes seconds, and is not what is measured
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(32)
        port = silent.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        asked_by = [
            EmbeddingsConfig(provider="openai", api_key="k", base_url=url),
            EmbeddingsConfig(provider="openai-compatible", model="m", base_url=url),
            EmbeddingsConfig(provider="gemini", api_key="k", base_url=url),
        ]
        where = VectorMemoryConfig(endpoint=url, namespace="s", name="n", embeddings=HASH)
        stores = [
            pool.get(RedisMemoryConfig(url=f"redis://127.0.0.1:{port}", namespace="s", name="n")),
            pool.get(where),
        ]
        embedders = [
            pool.get(VectorMemoryConfig(endpoint=":memory:", namespace="s", name="n", embeddings=each))
            for each in asked_by
        ]
        ended = await asyncio.gather(*(given_up_after(memory) for memory in [*stores, *embedders]))
    for number, (seconds, error) in enumerate(ended):
        limit = 5 if number < len(stores) else 10
        assert limit - 1 < seconds < limit + 5
        assert f"gave no answer within {limit} seconds" in str(error)
        assert error.retryable
