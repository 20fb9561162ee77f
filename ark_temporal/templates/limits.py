"""How much one rendering may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ark_temporal.templates.errors import UnplacedError

MAX_SOURCE_CHARS: Final = 1024 * 1024
"""Longest source that is parsed, in characters."""

MAX_NESTING: Final = 100
"""Deepest nesting of blocks and parentheses that is parsed."""

CHARS_PER_OPERATION: Final = 256
ITEMS_PER_OPERATION: Final = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one `Template.render`; reaching one is a `TemplateExecutionError` that names it.

    Attributes:
        max_output_chars: Longest output, and longest text made on the way to it, in characters.
        max_operations: Evaluated nodes, loop turns and list elements, plus one for every 256
            characters that a function reads or writes.
        max_depth: Blocks, parentheses and `{{template}}` calls inside one another, and lists and maps
            inside one another where they are printed.
    """

    max_output_chars: int = 16 * 1024 * 1024
    max_operations: int = 200_000
    max_depth: int = 100


DEFAULT: Final = Limits()


class Budget:
    """What is left of the limits while a template renders."""

    __slots__ = ("_depth", "_limits", "_operations")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._operations = limits.max_operations
        self._depth = 0

    def spend(self, operations: int = 1) -> None:
        """Take operations away; `UnplacedError` when none are left."""
        self._operations -= operations
        if self._operations < 0:
            raise UnplacedError(
                f"The template needs more than {self._limits.max_operations} operations "
                "(limit max_operations); loop over less, or work on shorter texts."
            )

    def check_length(self, chars: int) -> None:
        """`UnplacedError` when a text of so many characters is too long."""
        if chars > self._limits.max_output_chars:
            raise UnplacedError(
                f"The template makes a text of more than {self._limits.max_output_chars} characters "
                "(limit max_output_chars); repeat or pad less, or shorten its input."
            )

    def spend_on_text(self, chars: int) -> None:
        """Account for a text of so many characters *before* it is made."""
        self.check_length(chars)
        self.spend(chars // CHARS_PER_OPERATION)

    def enter(self) -> None:
        """Go one level deeper; pair with `leave`."""
        self._depth += 1
        if self._depth > self._limits.max_depth:
            raise UnplacedError(
                f"The template nests blocks, calls or values more than {self._limits.max_depth} deep "
                "(limit max_depth); does a {{template}} call itself without an end?"
            )

    def leave(self) -> None:
        """Come back from one level."""
        self._depth -= 1


class Buffer:
    """Text written piece by piece, never longer than the limit."""

    __slots__ = ("_budget", "_length", "_parts")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> None:
        """Append a text; `UnplacedError` when the whole grows past the limit."""
        self._length += len(text)
        self._parts.append(text)
        self._budget.check_length(self._length)

    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)
