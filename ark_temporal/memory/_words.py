"""The words of a text, and how many of a question's words an entry holds."""

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text in their order, without regard to case."""
    return _WORD.findall(text.casefold())


def relevance(wanted: frozenset[str], text: str) -> float:
    """Which part of the wanted words a text holds, from 0 to 1."""
    return len(wanted.intersection(words(text))) / len(wanted) if wanted else 0.0
