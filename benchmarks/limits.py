"""Figures, and what they must reach."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A figure and what it must reach."""

    name: str
    value: float
    bound: float
    at_most: bool = True

    @property
    def holds(self) -> bool:
        """Whether it is reached."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return (
            f"{'ok  ' if self.holds else 'MISS'}  {self.name:<42} {self.value:8.2f}   ({sign} {self.bound:g})"
        )


def verdict(limits: Sequence[Limit]) -> int:
    """Print all limits; 0 when every one holds, else 1."""
    print()
    print("\n".join(str(limit) for limit in limits))
    return 0 if all(limit.holds for limit in limits) else 1
