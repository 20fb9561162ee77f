"""What is Qdrant's own: collections, directories, the wire, and a server that fails."""

import asyncio
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest
from qdrant_client import QdrantClient, models

from ark_temporal.memory import EmbeddingsConfig, MemoryPool, MemoryUnavailable, VectorMemoryConfig
from tests.integration.memory.backends import HASH, entry
from tests.integration.memory.http_stub import Answer, HttpStub, http_stub
from tests.integration.memory.qdrant_stub import qdrant_stub

KEY = "key-hunter2"
HOLD = """
import sys
from qdrant_client import QdrantClient
client = QdrantClient(path=sys.argv[1])
print("holding", flush=True)
sys.stdin.read()
"""
OTHER_WORKER = """
import asyncio, sys
from ark_temporal.memory import *
config = VectorMemoryConfig(
    endpoint=sys.argv[1], namespace="shop", name="notes", embeddings=EmbeddingsConfig(provider="hash")
)
try:
    print(asyncio.run(MemoryPool().get(config).recall("note", limit=5)))
except MemoryUnavailable as error:
    print(error.retryable, error)
"""
KILLED_WORKER = """
import asyncio, os, sys
from ark_temporal.memory import *
from tests.integration.memory.backends import HASH, entry
config = VectorMemoryConfig(endpoint=sys.argv[1], namespace="shop", name="notes", embeddings=HASH)
asyncio.run(MemoryPool().get(config).remember(entry("kept")))
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def server() -> Generator[HttpStub]:
    with qdrant_stub(KEY) as server:
        yield server


def config(endpoint: str, **others: object) -> VectorMemoryConfig:
    plain = VectorMemoryConfig(
        endpoint=endpoint, namespace="shop", name="notes", api_key=KEY, embeddings=HASH
    )
    return replace(plain, **others)


async def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    pool = MemoryPool()
    stored = entry("The note.", "id-1", agent="writer")
    await pool.get(config(f"local:{tmp_path}/q", ttl_seconds=60)).remember(stored)
    await pool.aclose()
    client = QdrantClient(path=str(tmp_path / "q"))
    [point], _ = client.scroll("agent-memories")
    client.close()
    assert point.id == str(uuid5(NAMESPACE_URL, "ark:memory:shop/notes:id-1"))
    assert point.payload == {
        "id": "id-1",
        "text": "The note.",
        "created": stored.model_dump(mode="json")["created"],
        "metadata": {"agent": "writer"},
        "scope": "shop/notes",
        "embedding": "hash",
        "expires": round(stored.created.timestamp() * 1000) + 60_000,
    }
    assert (tmp_path / "q").stat().st_mode & 0o077 == 0


async def test_what_has_expired_is_deleted(tmp_path: Path) -> None:
    where = config(f"local:{tmp_path}", ttl_seconds=1)
    for name in ("first", "second"):
        pool = MemoryPool()
        await pool.get(where).remember(entry(name))
        await pool.get(replace(where, name="other", ttl_seconds=0)).remember(entry(f"{name} that stays"))
        await pool.aclose()
        await asyncio.sleep(1.1 if name == "first" else 0)
    client = QdrantClient(path=str(tmp_path))
    texts = {point.payload["text"] for point in client.scroll("agent-memories")[0] if point.payload}
    client.close()
    assert texts == {"second", "first that stays", "second that stays"}


async def test_similar_texts_are_found(pool: MemoryPool) -> None:
    memory = pool.get(config(":memory:"))
    for text in ("Our cat sleeps.", "Kubernetes pods restart after an OOM kill.", "The invoice was paid."):
        await memory.remember(entry(text))
    [found] = await memory.recall("why do my pods keep restarting?", limit=1)
    assert "pods" in found.text


@pytest.mark.parametrize("where", ["local", "server"])
async def test_vectors_of_another_size_are_refused(tmp_path: Path, pool: MemoryPool, where: str) -> None:
    with http_stub(lambda _: Answer(_openai_vector(3))) as embeddings, qdrant_stub(KEY) as server:
        endpoint = server.url if where == "server" else f"local:{tmp_path}"
        await pool.get(config(endpoint)).remember(entry("first"))
        small = EmbeddingsConfig(provider="openai-compatible", model="tiny", base_url=embeddings.url)
        memory = pool.get(config(endpoint, embeddings=small))
        for call in (memory.remember(entry("second")), memory.recall("first", limit=1)):
            with pytest.raises(MemoryUnavailable) as caught:
                await call
            assert not caught.value.retryable
            for part in ("agent-memories", "384", "openai-compatible tiny", "of 3"):
                assert part in str(caught.value)


async def test_vectors_of_another_model_are_not_compared(pool: MemoryPool) -> None:
    with http_stub(lambda _: Answer(_openai_vector(384))) as embeddings, qdrant_stub(KEY) as server:
        await pool.get(config(server.url)).remember(entry("by hash"))
        other = EmbeddingsConfig(provider="openai-compatible", model="m", base_url=embeddings.url)
        memory = pool.get(config(server.url, embeddings=other))
        await memory.remember(entry("by a model"))
        assert [each.text for each in await memory.recall("hash", limit=5)] == ["by a model"]


async def test_a_collection_of_named_vectors_is_refused(tmp_path: Path, pool: MemoryPool) -> None:
    client = QdrantClient(path=str(tmp_path))
    vectors = models.VectorParams(size=384, distance=models.Distance.COSINE)
    client.create_collection("agent-memories", vectors_config={"text": vectors})
    client.close()
    with pytest.raises(MemoryUnavailable, match="vectors with names") as caught:
        await pool.get(config(f"local:{tmp_path}")).recall("x", limit=1)
    assert not caught.value.retryable


@pytest.mark.parametrize("collection", ["", "..", "../up", "a/b", "a\x00b", "x" * 256, "a?b"])
async def test_a_collection_cannot_lead_elsewhere(tmp_path: Path, pool: MemoryPool, collection: str) -> None:
    with pytest.raises(MemoryUnavailable, match="cannot be the name of a collection"):
        await pool.get(config(f"local:{tmp_path}", collection=collection)).remember(entry("x"))


async def test_all_of_a_process_share_a_directory(tmp_path: Path) -> None:
    pools = [MemoryPool() for _ in range(4)]
    (tmp_path / "way").mkdir()
    ways = [f"local:{tmp_path}/q", f"local:{tmp_path}/way/../q"]
    for number, pool in enumerate(pools):
        await pool.get(config(ways[number % 2])).remember(entry(f"note {number}"))
    await asyncio.gather(*(pool.aclose() for pool in pools[1:]))
    assert len(await pools[0].get(config(ways[0])).recall("note", limit=9)) == 4
    await pools[0].aclose()


@pytest.mark.slow
async def test_a_directory_that_another_process_holds_is_named(tmp_path: Path, pool: MemoryPool) -> None:
    where = config(f"local:{tmp_path}")
    await pool.get(where).remember(entry("ours"))
    other = subprocess.run(
        [sys.executable, "-c", OTHER_WORKER, where.endpoint], capture_output=True, text=True, check=True
    )
    assert other.stdout.startswith(f"True The Qdrant in directory {tmp_path} is in use by another process")
    await pool.aclose()
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holding.stdout
        assert holding.stdout.readline() == b"holding\n"
        with pytest.raises(MemoryUnavailable, match="in use by another process") as caught:
            await pool.get(where).recall("ours", limit=1)
        assert caught.value.retryable
    finally:
        holding.communicate(timeout=20)
    assert len(await pool.get(where).recall("ours", limit=1)) == 1


@pytest.mark.slow
async def test_what_was_remembered_outlives_a_kill(tmp_path: Path, pool: MemoryPool) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WORKER, f"local:{tmp_path}"],
        capture_output=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert killed.returncode == -9, killed
    [found] = await pool.get(config(f"local:{tmp_path}")).recall("kept", limit=5)
    assert found.text == "kept"


@pytest.mark.parametrize("damage", ["[", "{}", ""])
async def test_a_damaged_directory_is_named(tmp_path: Path, pool: MemoryPool, damage: str) -> None:
    (tmp_path / "meta.json").write_text(damage)
    with pytest.raises(MemoryUnavailable, match="cannot be opened") as caught:
        await pool.get(config(f"local:{tmp_path}")).recall("x", limit=1)
    assert not caught.value.retryable
    (tmp_path / "meta.json").unlink()
    assert await pool.get(config(f"local:{tmp_path}")).recall("x", limit=1) == []


async def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, pool: MemoryPool) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryUnavailable, match="cannot be opened"):
        await pool.get(config(f"local:{tmp_path}/file")).recall("x", limit=1)
    with pytest.raises(MemoryUnavailable, match="names no directory"):
        await pool.get(config("local:")).recall("x", limit=1)


@pytest.mark.parametrize("provider", ["pinecone", "weaviate"])
def test_other_stores_are_refused(provider: str) -> None:
    with pytest.raises(MemoryUnavailable, match=f"{provider}, but only qdrant is supported") as caught:
        MemoryPool().get(config("http://127.0.0.1", provider=provider))
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://ark:hunter2@127.0.0.1:6333", "holds a user name or a password"),
        ("127.0.0.1:6333", "in full, with its scheme"),
        ("grpc://127.0.0.1:6334", "in full, with its scheme"),
        ("http://127.0.0.1:1", "cannot be reached"),
        ("http://geheim.invalid:6333", "cannot be reached"),
    ],
)
async def test_an_endpoint_that_cannot_be_used_is_said(pool: MemoryPool, endpoint: str, says: str) -> None:
    with pytest.raises(MemoryUnavailable, match=says) as caught:
        await pool.get(config(endpoint)).recall("x", limit=1)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(config(endpoint))
    assert caught.value.__cause__ is None


async def test_a_server_makes_the_indexes_that_it_filters_by(server: HttpStub, pool: MemoryPool) -> None:
    await pool.get(config(server.url)).remember(entry("x"))
    indexed = [each.body["field_name"] for each in server.asked if each.path.startswith(_path("/index"))]
    assert indexed == ["scope", "embedding", "expires"]


async def test_a_retry_pays_for_no_second_embedding(server: HttpStub, pool: MemoryPool) -> None:
    with http_stub(lambda _: Answer(_openai_vector(8))) as embeddings:
        by = EmbeddingsConfig(provider="openai-compatible", model="m", base_url=embeddings.url)
        memory = pool.get(config(server.url, embeddings=by))
        assert await memory.recall("nothing is there yet", limit=1) == []
        for _ in range(3):
            await memory.remember(entry("x"))
        assert len(embeddings.asked) == 1


async def test_a_wrong_key_is_said_without_it(server: HttpStub, pool: MemoryPool) -> None:
    with pytest.raises(MemoryUnavailable, match="refuses the API key") as caught:
        await pool.get(config(server.url, api_key="wrong-hunter2")).remember(entry("x"))
    assert not caught.value.retryable
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        (Answer({"status": {"error": f"bad {KEY}"}}, 400), False),
        (Answer({"status": {"error": f"too many {KEY}"}}, 429, headers={"retry-after": "3"}), True),
        (Answer({"status": {"error": f"broken {KEY}"}}, 500), True),
        (Answer(b"<html>bad gateway</html>", 502), True),
        (Answer(b"", 301, headers={"location": "http://127.0.0.1:1/"}), False),
        (Answer(b"<html>not a Qdrant</html>"), False),
        (Answer({"result": 5}), False),
        (Answer(b"x" * 20_000_000), True),
    ],
)
async def test_what_a_server_answers_is_explained(pool: MemoryPool, answer: Answer, retryable: bool) -> None:
    with http_stub(lambda _: answer) as stub:
        with pytest.raises(MemoryUnavailable) as caught:
            await pool.get(config(stub.url)).remember(entry("x"))
        assert caught.value.retryable is retryable, caught.value
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert len(str(caught.value)) < 600
        assert len(stub.asked) == 1, "it was asked again"


async def test_a_server_may_go_and_come_back_empty(pool: MemoryPool) -> None:
    with qdrant_stub(KEY) as first:
        memory = pool.get(config(first.url))
        await memory.remember(entry("before"))
    with pytest.raises(MemoryUnavailable, match="cannot be reached") as caught:
        await memory.remember(entry("during"))
    assert caught.value.retryable
    with qdrant_stub(KEY, first.port):
        await memory.remember(entry("after"))
        assert [each.text for each in await memory.recall("after", limit=5)] == ["after"]


async def test_a_collection_that_was_deleted_is_made_again(pool: MemoryPool) -> None:
    with qdrant_stub(KEY) as first:
        memory = pool.get(config(first.url))
        await memory.remember(entry("before"))
    with qdrant_stub(KEY, first.port):
        with pytest.raises(MemoryUnavailable, match="answered 404") as caught:
            await memory.remember(entry("after"))
        assert caught.value.retryable
        await memory.remember(entry("after"))
        assert len(await memory.recall("after", limit=5)) == 1


def _openai_vector(size: int) -> object:
    vector = [1.0] + [0.5] * (size - 1)
    return {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": vector}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }


def _path(rest: str) -> str:
    return f"/collections/agent-memories{rest}"
