"""Patterns of a schema, matched in linear time."""

from ark_temporal.llm.mock._budget import DeadEndError
from ark_temporal.patterns import PatternError, compile_pattern


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern is found anywhere in the text, as JSON Schema means it.

    Raises:
        DeadEndError: RE2 does not read the pattern. A backtracking engine would, but could hang on it.
    """
    try:
        return compile_pattern(pattern).search(text) is not None
    except PatternError:
        raise DeadEndError(
            f"the pattern {pattern!r}", "RE2 cannot read it (lookaround, for example)"
        ) from None
