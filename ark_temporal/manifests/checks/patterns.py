"""Whether a pattern is one that RE2 can match, as the worker does."""

from collections.abc import Iterator

from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.patterns import PatternError, compile_pattern

PATTERN_HINT = "RE2 has no look-around, no back-references and no repetition above 1000."


def check_pattern(pattern: str, path: Path) -> Iterator[Finding]:
    """A finding if RE2 cannot read the pattern."""
    said = pattern_problem(pattern)
    if said:
        yield Finding(path, "invalid-pattern", f"The pattern is not in RE2's syntax: {said}.", PATTERN_HINT)


def pattern_problem(pattern: str, limit: int = 120) -> str:
    """What RE2 says against a pattern, shortened to `limit` characters; empty if nothing."""
    try:
        compile_pattern(pattern)
    except PatternError as error:
        said = str(error)
        return said if len(said) <= limit else f"{said[:limit]}…"
    return ""
