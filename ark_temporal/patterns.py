"""Patterns of manifests and schemas: RE2's, which takes linear time on any text."""

import re
from functools import lru_cache
from typing import Any, Protocol, cast

_CODE_POINT = re.compile(r"(\\\\)|\\u([0-9a-fA-F]{4})")
"""How JSON Schema writes a character, in ECMAScript's way; RE2 has another."""


class PatternError(ValueError):
    """RE2 cannot read a pattern. The text is its reason."""


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str, /) -> object | None:
        """Where it is found in a text, if it is."""
        ...


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Pattern:
    """Make a pattern ready. Recent ones are remembered.

    Raises:
        PatternError: RE2 cannot read it. A backtracking engine might, but could hang on it.
    """
    import re2 as untyped

    re2 = cast(Any, untyped)
    options = re2.Options()
    options.log_errors = False
    translated = _CODE_POINT.sub(lambda found: found[1] or rf"\x{{{found[2]}}}", pattern)
    try:
        return cast(Pattern, re2.compile(translated, options=options))
    except re2.error as error:
        reason = cast(object, error.args[0] if error.args else "")
        raise PatternError(
            reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        ) from None
