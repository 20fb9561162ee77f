"""Patterns of a schema, matched in linear time."""

import re
from functools import lru_cache
from typing import Any, Protocol

import re2

from ark_temporal.llm.mock._budget import DeadEndError

_re2: Any = re2  # google-re2 has no types
_CODE_POINT = re.compile(r"(\\\\)|\\u([0-9a-fA-F]{4})")


class _Searcher(Protocol):
    def search(self, text: str) -> object | None: ...


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text, as JSON Schema means it.

    Raises:
        DeadEndError: RE2 does not read the pattern. A backtracking engine would, but could hang on it.
    """
    try:
        return _compiled(pattern).search(text) is not None
    except _re2.error:
        raise DeadEndError(
            f"the pattern {pattern!r}", "RE2 cannot read it (lookaround, for example)"
        ) from None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> _Searcher:
    options = _re2.Options()
    options.log_errors = False
    ours = _CODE_POINT.sub(lambda found: found.group(1) or rf"\x{{{found.group(2)}}}", pattern)
    return _re2.compile(ours, options)
