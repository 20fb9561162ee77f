import subprocess
import sys
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from ark_temporal.memory import EmbeddingsConfig, MemoryEntry, RedisMemoryConfig, VectorMemoryConfig

HEAVY = (
    "redis",
    "qdrant_client",
    "grpc",
    "numpy",
    "openai",
    "google.genai",
    "httpx",
    "httpx2",
    "portalocker",
)
NOON = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("module", ["ark_temporal.memory", "ark_temporal.memory.pool"])
def test_importing_the_package_loads_no_sdk(module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_an_entry_travels_as_short_json() -> None:
    entry = MemoryEntry(id="1", created=NOON, text="x")
    assert entry.model_dump_json() == '{"id":"1","created":"2026-01-31T12:00:00.999Z","text":"x"}'
    assert MemoryEntry.model_validate_json(entry.model_dump_json()) == entry


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": ""},
        {"id": "x" * 2_001},
        {"created": "2026-01-31T12:00:00"},
        {"metadata": {f"{number}": "" for number in range(21)}},
        {"metadata": {"key": "x" * 301}},
    ],
)
def test_an_entry_is_small_and_exact(wrong: dict[str, object]) -> None:
    right = {"id": "1", "created": "2026-01-31T12:00:00Z", "text": "x"}
    MemoryEntry.model_validate(right)
    with pytest.raises(ValidationError):
        MemoryEntry.model_validate({**right, **wrong})


def test_no_config_shows_a_secret() -> None:
    embeddings = EmbeddingsConfig(api_key="hunter2", base_url="https://u:hunter2@x")
    configs = [
        RedisMemoryConfig(url="redis://:hunter2@x", namespace="n", name="m"),
        VectorMemoryConfig(
            endpoint="https://u:hunter2@x", namespace="n", name="m", api_key="hunter2", embeddings=embeddings
        ),
    ]
    assert "hunter2" not in f"{configs} {configs[0]!r} {configs[1]!s}"
