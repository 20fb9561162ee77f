"""What is Redis's own: the list, its bounds, and a server that fails."""

import asyncio
import json
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import redis

from ark_temporal.memory import MemoryPool, MemoryUnavailable, RedisMemoryConfig
from ark_temporal.memory.pool import MAX_CONNECTIONS
from tests.integration.memory.backends import entry
from tests.integration.memory.redis_server import RedisServer, free_port, redis_server

PASSWORD = "hunter2/geheim"
QUOTED = "hunter2%2Fgeheim"


@pytest.fixture
def raw(redis_url: str) -> Generator[Any]:
    """A client of the test's own."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:  # pyright: ignore[reportUnknownMemberType]
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Generator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


def config(url: str, namespace: str = "shop", ttl: int = 0, most: int = 0) -> RedisMemoryConfig:
    return RedisMemoryConfig(url=url, namespace=namespace, name="notes", ttl_seconds=ttl, max_entries=most)


async def test_writers_at_once_never_leave_more_than_the_most_entries(
    redis_url: str, prefix: str, raw: Any
) -> None:
    pools = [MemoryPool() for _ in range(5)]
    memories = [pool.get(config(redis_url, prefix, ttl=100, most=10)) for pool in pools]
    await asyncio.gather(*(memories[n % 5].remember(entry(f"note {n}")) for n in range(50)))
    assert raw.llen(f"ark:memory:{prefix}/notes") == 10
    assert len(await memories[0].recall("", limit=100)) == 10
    for pool in pools:
        await pool.aclose()


async def test_the_oldest_leaves_first(redis_url: str, prefix: str, pool: MemoryPool) -> None:
    memory = pool.get(config(redis_url, prefix, most=3))
    for number in range(6):
        await memory.remember(entry(f"note {number}", age=60 - number))
    assert [each.text for each in await memory.recall("", limit=9)] == ["note 3", "note 4", "note 5"]
    assert [each.text for each in await memory.recall("", limit=2)] == ["note 4", "note 5"]


async def test_the_layout_is_the_documented_one(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    memory = pool.get(config(redis_url, prefix, ttl=100))
    await memory.remember(entry("first", agent="writer", run="r-1"))
    await memory.remember(entry("second"))
    key = f"ark:memory:{prefix}/notes"
    second, first = (json.loads(each) for each in raw.lrange(key, 0, -1))
    assert list(first) == ["id", "created", "text", "metadata"]
    assert first["metadata"] == {"agent": "writer", "run": "r-1"}
    assert (second["id"], second["text"], "metadata" in second) == ("second", "second", False)
    assert len(first["created"]) == len("2026-01-31T09:30:00.000Z")
    assert 90 < raw.ttl(key) <= 100


async def test_what_has_expired_leaves_the_list(redis_url: str, prefix: str, raw: Any) -> None:
    pool = MemoryPool()
    forgetful, keeping = (pool.get(config(redis_url, prefix, ttl=ttl)) for ttl in (50, 0))
    for number in range(5):
        await keeping.remember(entry(f"old {number}", age=100))
    await forgetful.remember(entry("new"))
    assert raw.llen(f"ark:memory:{prefix}/notes") == 1
    await pool.aclose()


async def test_a_retry_is_known_among_very_many_entries(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    memory = pool.get(config(redis_url, prefix))
    again = entry("again", age=60)
    await memory.remember(again)
    key = f"ark:memory:{prefix}/notes"
    record = entry("other").model_dump_json()
    for _ in range(20):
        raw.lpush(key, *[record] * 200)
    before = raw.llen(key)
    await memory.remember(again)
    assert raw.llen(key) == before


async def test_a_search_looks_at_the_latest_thousand(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    memory = pool.get(config(redis_url, prefix))
    await memory.remember(entry("needle one", age=100))
    await memory.remember(entry("needle two", age=99))
    for number in range(5):
        records = (entry(f"hay {number} {n}").model_dump_json() for n in range(200))
        raw.lpush(f"ark:memory:{prefix}/notes", *records)
        if number == 4:
            raw.rpop(f"ark:memory:{prefix}/notes")
    raw.lpop(f"ark:memory:{prefix}/notes")
    assert [each.text for each in await memory.search("needle", limit=9)] == ["needle two"]


async def test_what_others_put_into_the_list_is_passed_over(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    memory = pool.get(config(redis_url, prefix, ttl=100))
    await memory.remember(entry("ours"))
    raw.lpush(f"ark:memory:{prefix}/notes", "no JSON", "{}", '{"id":1}', b"\xff\xfe", "[" * 5000, "[]", "7")
    assert [each.text for each in await memory.recall("", limit=1)] == ["ours"]
    await memory.remember(entry("ours too"))
    assert [each.text for each in await memory.recall("", limit=9)] == ["ours", "ours too"]


async def test_a_key_that_is_no_list_is_named(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    raw.set(f"ark:memory:{prefix}/notes", "a string")
    memory = pool.get(config(redis_url, prefix))
    for call in (memory.remember(entry("x")), memory.recall("", limit=1)):
        with pytest.raises(MemoryUnavailable, match="something else than a list") as caught:
            await call
        assert not caught.value.retryable


async def test_many_calls_share_a_few_connections(own: RedisServer, pool: MemoryPool) -> None:
    memory = pool.get(config(own.url))
    other = pool.get(RedisMemoryConfig(url=own.url, namespace="bank", name="notes"))
    await asyncio.gather(*(each.remember(entry(f"{n}")) for n in range(150) for each in (memory, other)))
    with redis.Redis.from_url(own.url) as client:  # pyright: ignore[reportUnknownMemberType]
        clients: Any = client.client_list()  # pyright: ignore[reportUnknownMemberType]
    assert len(clients) <= 16 + 1
    assert len(await memory.recall("", limit=100)) == 100


async def test_entries_of_a_later_release_are_read(
    redis_url: str, prefix: str, raw: Any, pool: MemoryPool
) -> None:
    raw.lpush(
        f"ark:memory:{prefix}/notes",
        '{"id":"1","created":"2026-01-31T09:30:00.000Z","text":"x","new":{"a":1},"score":7}',
    )
    [found] = await pool.get(config(redis_url, prefix)).recall("", limit=1)
    assert (found.id, found.score) == ("1", None)


async def test_a_pool_keeps_a_bounded_number_of_connections(own: RedisServer, pool: MemoryPool) -> None:
    configs = [config(f"{own.url}?client_name=worker-{number}") for number in range(MAX_CONNECTIONS + 10)]
    memories = [pool.get(each) for each in configs]
    for number, memory in enumerate(memories):
        await memory.remember(entry(f"{number}"))
    with redis.Redis.from_url(own.url) as client:  # pyright: ignore[reportUnknownMemberType]
        clients: Any = client.client_list()  # pyright: ignore[reportUnknownMemberType]
    assert len(clients) <= MAX_CONNECTIONS + 1
    assert len(await memories[0].recall("", limit=100)) == len(memories)


async def test_a_server_that_dies_is_unavailable_until_it_is_back(own: RedisServer, pool: MemoryPool) -> None:
    memory = pool.get(config(own.url))
    await memory.remember(entry("before"))
    own.kill()
    calls = [memory.remember(entry("during")), memory.recall("", limit=1), memory.search("x", limit=1)]
    for call in calls:
        began = time.monotonic()
        with pytest.raises(MemoryUnavailable, match=r"cannot be reached|broke") as caught:
            await call
        assert caught.value.retryable
        assert time.monotonic() - began < 5
    own.start()
    await memory.remember(entry("after"))
    assert [each.text for each in await memory.recall("", limit=9)] == ["after"]


async def test_a_server_that_dies_during_calls_hangs_nobody(own: RedisServer, pool: MemoryPool) -> None:
    memory = pool.get(config(own.url))

    async def work() -> None:
        for number in range(100_000):
            await memory.remember(entry(f"{number}"))

    workers = [asyncio.create_task(work()) for _ in range(8)]
    await asyncio.sleep(0.3)
    own.kill()
    ended = await asyncio.wait_for(asyncio.gather(*workers, return_exceptions=True), 10)
    assert all(isinstance(each, MemoryUnavailable) and each.retryable for each in ended), ended


async def test_a_memory_on_another_node_of_a_cluster_is_said(pool: MemoryPool) -> None:
    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await reader.read(100_000):
            writer.write(b"-MOVED 3999 127.0.0.1:6381\r\n" * command.count(b"*"))
        writer.close()

    node = await asyncio.start_server(moved, "127.0.0.1", 0)
    port = node.sockets[0].getsockname()[1]
    with pytest.raises(MemoryUnavailable, match="one node of a cluster") as caught:
        await pool.get(config(f"redis://127.0.0.1:{port}")).recall("", limit=1)
    assert not caught.value.retryable
    await pool.aclose()
    node.close()
    await node.wait_closed()


async def test_a_wrong_password_is_said_without_it(tmp_path: Path, pool: MemoryPool) -> None:
    with redis_server(tmp_path, "--requirepass", PASSWORD) as server:
        right = config(f"redis://:{QUOTED}@127.0.0.1:{server.port}/0")
        await pool.get(right).remember(entry("let in"))
        wrong = config(f"redis://ark:{QUOTED}xyz@127.0.0.1:{server.port}/0")
        none = config(server.url)
        for case in (wrong, none):
            with pytest.raises(MemoryUnavailable, match="refuses the user or its password") as caught:
                await pool.get(case).remember(entry("x"))
            assert not caught.value.retryable
            assert f"127.0.0.1:{server.port}" in str(caught.value)
            _holds_no_secret(caught.value)
    assert "hunter2" not in repr(right)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://:hunter2/geheim@cache:6379/0", "percent-encoded"),
        ("redis://ark:1/hunter2@cache:6379/0", "percent-encoded"),
        ("redis://:hunter2#geheim@cache:6379/0", "percent-encoded"),
        ("redis://:hunter2?geheim@cache:6379/0", "percent-encoded"),
        ("http://:hunter2@cache:6379", "in full, with its scheme"),
        ("hunter2", "in full, with its scheme"),
        ("", "in full, with its scheme"),
        ("redis://:hunter2@cache:notaport", "its port is no number"),
        ("redis://:hunter2@cache:6379?geheim=1", "an option that the Redis client does not know"),
        ("redis://:hunter2@cache:6379?socket_timeout=geheim", "an option"),
        ("redis://:hunter2@127.0.0.1:1", "cannot be reached"),
        ("rediss://:hunter2@127.0.0.1:1", "cannot be reached"),
        ("redis://:hunter2@geheim.invalid", "cannot be reached"),
    ],
)
async def test_an_address_that_cannot_be_used_is_not_repeated(pool: MemoryPool, url: str, says: str) -> None:
    with pytest.raises(MemoryUnavailable, match=says) as caught:
        await pool.get(config(url)).recall("", limit=1)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_full_server_may_be_tried_again(tmp_path: Path, pool: MemoryPool) -> None:
    with redis_server(tmp_path, "--maxmemory", "1mb") as server:
        memory = pool.get(config(server.url))
        with pytest.raises(MemoryUnavailable, match="answered with an error") as caught:
            await asyncio.gather(*(memory.remember(entry("x" * 16_000, f"{n}")) for n in range(200)))
        assert caught.value.retryable


async def test_an_encrypted_connection_is_checked(tmp_path: Path, pool: MemoryPool) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=x"
    try:
        subprocess.run(
            [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    except OSError:
        pytest.skip("openssl is not installed")
    port = free_port()
    options = f"--tls-port {port} --tls-cert-file cert.pem --tls-key-file key.pem --tls-auth-clients no"
    with redis_server(tmp_path, *options.split()):
        trusting = pool.get(config(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'cert.pem'}"))
        await trusting.remember(entry("over TLS"))
        assert len(await trusting.recall("", limit=9)) == 1
        with pytest.raises(MemoryUnavailable, match="certificate"):
            await pool.get(config(f"rediss://127.0.0.1:{port}/0")).recall("", limit=9)


def _holds_no_secret(error: MemoryUnavailable) -> None:
    for secret in ("hunter2", "geheim", PASSWORD, QUOTED):
        assert secret not in str(error)
        assert secret not in repr(error)
    assert error.__cause__ is None
