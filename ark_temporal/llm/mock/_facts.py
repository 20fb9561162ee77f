"""What a schema says about one value, gathered from everything that applies to it at once."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from ark_temporal.llm.mock._budget import Budget, DeadEndError
from ark_temporal.llm.mock._compiled import CompiledSchema
from ark_temporal.llm.mock._regex import matches
from ark_temporal.llm.mock._validator import REFERENCES

_MAX_SAME_REF = 2
"""How often one `$ref` may be inside itself: enough to show a tree's shape."""

Keywords = dict[str, JsonValue]


@dataclass(frozen=True)
class Part:
    """A schema, where it stands, and the `$ref`s that led to it."""

    schema: JsonValue
    at: str = "#"
    refs: tuple[str, ...] = ()

    def child(self, schema: JsonValue, *keys: str | int) -> "Part":
        """A schema inside this one."""
        return Part(schema, "/".join([self.at, *map(str, keys)]), self.refs)

    def children(self, keyword: str) -> list["Part"]:
        """The schemas of a list keyword such as `allOf`."""
        values = self.keywords.get(keyword)
        if not isinstance(values, list):
            return []
        return [self.child(value, keyword, index) for index, value in enumerate(values)]

    @property
    def keywords(self) -> Keywords:
        """The schema's keywords; `true` and `false` have none."""
        return self.schema if isinstance(self.schema, dict) else {}


@dataclass
class Facts:
    """All that applies to one value.

    Attributes:
        parts: Schemas that must all hold, `$ref` and `allOf` already opened.
        choices: Of each list, one further schema must hold.
        risky: Whether a value made from the parts may still break a rule, and has to be checked.
    """

    parts: list[Part] = field(default_factory=list[Part])
    choices: list[list[Part]] = field(default_factory=list[list[Part]])
    risky: bool = False

    @property
    def at(self) -> str:
        """Where the first of the schemas stands."""
        return self.parts[0].at if self.parts else "#"

    def every(self, keyword: str) -> Iterator[tuple[Part, JsonValue]]:
        """Each part that has the keyword, with its value."""
        for part in self.parts:
            if keyword in part.keywords:
                yield part, part.keywords[keyword]

    def has(self, *keywords: str) -> bool:
        """Whether any part has one of the keywords."""
        return any(keyword in part.keywords for keyword in keywords for part in self.parts)

    def texts(self, keyword: str) -> list[str]:
        """All string values of the keyword."""
        return [value for _, value in self.every(keyword) if isinstance(value, str)]

    def names(self, keyword: str) -> list[str]:
        """The strings of all lists of the keyword, or the keys of all its objects, each once."""
        found: dict[str, None] = {}
        for _, value in self.every(keyword):
            if isinstance(value, list | dict):
                found |= dict.fromkeys(name for name in value if isinstance(name, str))
        return list(found)

    def numbers(self, keyword: str) -> list[int | float]:
        """All numeric values of the keyword."""
        return [
            value
            for _, value in self.every(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]

    def at_least(self, keyword: str, default: int = 0) -> int:
        """The strictest of a keyword that sets a least count."""
        return max([default, *map(int, self.numbers(keyword))])

    def at_most(self, keyword: str) -> int | None:
        """The strictest of a keyword that sets a greatest count; None without one."""
        return min(map(int, self.numbers(keyword)), default=None)

    def of_property(self, name: str) -> list[Part]:
        """The schemas for a property's value."""
        return [found for part in self.parts for found in _property_parts(part, name)]

    def of_item(self, index: int) -> list[Part]:
        """The schemas for an array's item."""
        return [found for part in self.parts for found in _item_parts(part, index)]


def gather(compiled: CompiledSchema, parts: Sequence[Part], budget: Budget) -> Facts:
    """Open `$ref` and `allOf`, and set `anyOf`, `oneOf` and `if` aside as choices.

    Raises:
        DeadEndError: A `$ref` leads nowhere or in a circle, or nothing is allowed here.
    """
    facts = Facts()
    waiting = deque(parts)
    while waiting:
        budget.spend()
        part = waiting.popleft()
        if part.schema is False:
            raise DeadEndError(part.at, "nothing is allowed there")
        waiting.extend(_references(compiled, part))
        waiting.extend(part.children("allOf"))
        facts.choices += [list(group) for key in ("anyOf", "oneOf") if (group := part.children(key))]
        if "if" in part.keywords:
            facts.choices.append(_conditional(part))
        facts.risky |= any(
            key in part.keywords for key in ("not", "unevaluatedProperties", "unevaluatedItems")
        )
        facts.parts.append(part)
    facts.risky |= bool(facts.choices)
    return facts


def _references(compiled: CompiledSchema, part: Part) -> Iterator[Part]:
    for keyword in REFERENCES:
        ref = part.keywords.get(keyword)
        if isinstance(ref, str):
            at = f"{part.at}/{keyword}"
            if part.refs.count(ref) >= _MAX_SAME_REF:
                raise DeadEndError(at, "the value would have to contain itself without end")
            place = ref if ref.startswith("#") else at
            yield Part(compiled.target(ref, at), place, (*part.refs, ref))


def _conditional(part: Part) -> list[Part]:
    known = part.keywords
    met: JsonValue = {"allOf": [known["if"], known.get("then", True)]}
    unmet: JsonValue = {"allOf": [{"not": known["if"]}, known.get("else", True)]}
    return [part.child(met, "then"), part.child(unmet, "else")]


def _property_parts(part: Part, name: str) -> Iterator[Part]:
    known = False
    properties, patterns = part.keywords.get("properties"), part.keywords.get("patternProperties")
    if isinstance(properties, dict) and name in properties:
        known = True
        yield part.child(properties[name], "properties", name)
    if isinstance(patterns, dict):
        for pattern, schema in patterns.items():
            if matches(pattern, name):
                known = True
                yield part.child(schema, "patternProperties", pattern)
    if not known and "additionalProperties" in part.keywords:
        yield part.child(part.keywords["additionalProperties"], "additionalProperties")


def _item_parts(part: Part, index: int) -> Iterator[Part]:
    items = part.keywords.get("items")
    tuple_key = "items" if isinstance(items, list) else "prefixItems"
    rest_key = "additionalItems" if isinstance(items, list) else "items"
    positions = part.children(tuple_key)
    if index < len(positions):
        yield positions[index]
    elif rest_key in part.keywords:
        yield part.child(part.keywords[rest_key], rest_key)
