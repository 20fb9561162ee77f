"""What waits for what: order, cycles, and who is upstream of whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Edges = Mapping[str, tuple[str, ...]]
"""For each name, the names it waits for."""


@dataclass(frozen=True)
class Order:
    """What a graph allows.

    Attributes:
        ready: The names that can be reached, each after all it waits for.
        blocked: The names that never can, because they are in a cycle or wait for one.
        cycles: One cycle of each knot, its first name repeated at the end.
    """

    ready: tuple[str, ...]
    blocked: frozenset[str]
    cycles: tuple[tuple[str, ...], ...]


def order(edges: Edges) -> Order:
    """Puts names in an order in which each comes after what it waits for; unknown names are ignored."""
    waiting = {name: sum(each in edges for each in set(needs)) for name, needs in edges.items()}
    dependents: dict[str, list[str]] = {name: [] for name in edges}
    for name, needs in edges.items():
        for each in set(needs) & edges.keys():
            dependents[each].append(name)
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:  # grows while it is walked
        for each in dependents[name]:
            waiting[each] -= 1
            if waiting[each] == 0:
                ready.append(each)
    blocked = {name: edges[name] for name in edges.keys() - set(ready)}
    return Order(tuple(ready), frozenset(blocked), tuple(_cycles(edges, blocked)))


def _cycles(edges: Edges, blocked: Edges) -> Iterable[tuple[str, ...]]:
    """Follows what is blocked until a name comes again; every blocked name leads into a cycle."""
    seen: set[str] = set()
    for start in (name for name in edges if name in blocked):
        walk: dict[str, int] = {}
        name = start
        while name not in seen:
            seen.add(name)
            walk[name] = len(walk)
            name = next(each for each in blocked[name] if each in blocked)
        if name in walk:
            ring = list(walk)[walk[name] :]
            yield (*ring, name)


class Upstream:
    """Who is done before whom. Sets of names are kept as bits: a chain of thousands of steps stays small."""

    def __init__(self, edges: Edges, ready: Iterable[str]) -> None:
        self._bits: dict[str, int] = {}
        self._before: dict[str, int] = {}
        for number, name in enumerate(ready):
            self._bits[name] = 1 << number
            mask = 0
            for each in edges[name]:
                mask |= self._before.get(each, 0) | self._bits.get(each, 0)
            self._before[name] = mask

    def __contains__(self, name: str) -> bool:
        return name in self._bits

    def is_before(self, first: str, then: str) -> bool:
        """Whether `then` waits for `first`, directly or not."""
        return bool(self._before.get(then, 0) & self._bits.get(first, 0))


def arrows(cycle: Iterable[str]) -> str:
    """A cycle as text: `a -> b -> a`."""
    return " -> ".join(cycle)
