"""Text into vectors."""

from typing import Final, Protocol

from ark_temporal.shared import Closeable

EMBEDDED: Final = 6_000
"""How much of a text's beginning is embedded, in characters: models take about 8,000 tokens."""


class Embedder(Closeable, Protocol):
    """Turns text into vectors.

    Attributes:
        name: Who makes the vectors; two with one name make vectors that can be compared.
    """

    @property
    def name(self) -> str: ...

    async def embed(self, text: str) -> list[float]:
        """The vector of a text, which is not blank.

        Raises:
            MemoryUnavailable: There is none to be had.
        """
        ...


def embedded_part(text: str) -> str:
    """What is embedded of a text; never nothing, which providers refuse."""
    return text.encode("utf-8", "replace").decode()[:EMBEDDED].strip() or "(nothing)"
