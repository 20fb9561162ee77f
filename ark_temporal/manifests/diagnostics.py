"""What is wrong with manifests, said so that it can be mended."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; line and column count characters from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding about a manifest.

    Attributes:
        severity: `error` forbids running; `warning` and `info` do not.
        file: The file as it was named, or `<stdin>`.
        line: Line from 1; 0 when the whole file is meant.
        column: Column from 1, in characters; 0 when the whole file is meant.
        path: Object and place in it, such as `ArkTeam/blog spec.pipeline[1].dependsOn[0]`; may be empty.
        code: Stable name of this kind of finding.
        message: What was found, and what was expected.
        hint: How to mend it; may be empty.
    """

    severity: Severity
    file: str
    line: int
    column: int
    path: str
    code: str
    message: str
    hint: str = ""

    @property
    def location(self) -> Location:
        """The place as a `Location`."""
        return Location(self.file, self.line, self.column)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        within = self.path.partition(" ")[2]
        said = f"{within}: {self.message}" if within else self.message
        return f"{place}: {self.severity}: {said}" + (f" {self.hint}" if self.hint else "")


def nearest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known name that is most like a misspelt one; None when none is alike, from 0 (all are) to 1."""
    by_lower = {each.lower(): each for each in sorted(known, reverse=True)}
    found = difflib.get_close_matches(name.lower()[:200], by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], *, among: str = "") -> str:
    """A hint: the nearest known name or, if none is alike and `among` says what they are, all of them."""
    names = list(known)
    best = nearest(name, names)
    if best is not None:
        return f'Did you mean "{best}"?'
    return f"{among}: {shortlist(names)}." if among and names else ""


def shortlist(names: Iterable[str], limit: int = 20) -> str:
    """Names joined by commas, cut off after `limit`."""
    listed = list(names)
    more = f", and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def quoted(text: str, limit: int = 60) -> str:
    """Text in quotes on one line, shortened to `limit` characters."""
    flat = " ".join(text.split())
    return f'"{flat[: limit - 1]}…"' if len(flat) > limit else f'"{flat}"'
