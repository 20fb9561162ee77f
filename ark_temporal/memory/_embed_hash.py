"""Vectors without a model: texts are alike that share words, or parts of words."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Final
from zlib import crc32

from ark_temporal.memory._embedder import embedded_part
from ark_temporal.memory._words import words

SIZE: Final = 384
_GRAMS: Final = (3, 4)
_SHORT_WORD: Final = 3
_WEIGHTS: Final = {"word": 1.0, "short": 0.3, "gram": 0.35}


class HashEmbedder:
    """See `Embedder`. The same text makes the same vector on every machine and in every release."""

    name = "hash"

    async def embed(self, text: str) -> list[float]:
        """See `Embedder.embed`."""
        return hashed(embedded_part(text))

    async def aclose(self) -> None:
        """Nothing is open."""


def hashed(text: str) -> list[float]:
    """The vector of a text, of length 1."""
    vector = [0.0] * SIZE
    for (kind, feature), count in Counter(_features(text)).items():
        number = crc32(f"{kind}:{feature}".encode())
        sign = 1.0 if number & 1 else -1.0
        vector[(number >> 1) % SIZE] += sign * _WEIGHTS[kind] * (1 + math.log(count))
    length = math.sqrt(sum(each * each for each in vector))
    if not length:
        return [1.0] + [0.0] * (SIZE - 1)
    return [each / length for each in vector]


def _features(text: str) -> Iterator[tuple[str, str]]:
    for word in words(text) or [text]:
        # Short words say little, in most languages.
        yield ("word" if len(word) > _SHORT_WORD else "short", word)
        if len(word) > _SHORT_WORD:
            framed = f"<{word}>"
            for size in _GRAMS:
                for start in range(len(framed) - size + 1):
                    yield ("gram", framed[start : start + size])
