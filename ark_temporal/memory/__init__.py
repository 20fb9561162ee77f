"""What agents remember with, from task to task. Importing it loads no SDK; the first call does."""

from importlib import import_module
from typing import TYPE_CHECKING

from ark_temporal.memory.config import (
    EmbeddingsConfig,
    EmbeddingsProvider,
    MemoryConfig,
    RedisMemoryConfig,
    VectorMemoryConfig,
)
from ark_temporal.memory.types import Memory, MemoryEntry, MemoryUnavailable

if TYPE_CHECKING:
    from ark_temporal.memory.pool import MemoryPool

__all__ = [
    "EmbeddingsConfig",
    "EmbeddingsProvider",
    "Memory",
    "MemoryConfig",
    "MemoryEntry",
    "MemoryPool",
    "MemoryUnavailable",
    "RedisMemoryConfig",
    "VectorMemoryConfig",
]


def __getattr__(name: str) -> object:
    """What only a worker needs is loaded when it is asked for."""
    if name != "MemoryPool":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.pool").MemoryPool
