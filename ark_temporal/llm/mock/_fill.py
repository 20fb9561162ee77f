"""Making a value that satisfies a schema."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from ark_temporal.llm.mock._budget import Budget, DeadEndError
from ark_temporal.llm.mock._compiled import CompiledSchema
from ark_temporal.llm.mock._facts import Facts, Part, gather
from ark_temporal.llm.mock._scalars import make_number, make_text
from ark_temporal.llm.mock._words import Setting, item_name

MAX_ITEMS = 1_000
MAX_DEPTH = 32
_FILL_COST = 5
_USUAL_ITEMS = 2
_SEED_TRIES = 4
_DISTINCT_TRIES = 12
_TYPES = ("string", "object", "array", "integer", "number", "boolean", "null")
_TELLING = (
    ("object", ("properties", "required", "additionalProperties", "patternProperties", "minProperties")),
    ("array", ("items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems")),
    ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
)


@dataclass(frozen=True)
class _Spot:
    """Where a value goes.

    Attributes:
        name: Property it belongs to, which names make readable.
        seed: Which of several siblings it is.
        depth: How many values it is inside of.
        lean: Leave out what is not required.
    """

    name: str = ""
    seed: int = 0
    depth: int = 0
    lean: bool = False

    def inside(self, name: str, seed: int) -> "_Spot":
        return replace(self, name=name, seed=seed, depth=self.depth + 1)


class Filler:
    """Makes values for one schema."""

    def __init__(self, compiled: CompiledSchema, setting: Setting, budget: Budget) -> None:
        self._compiled = compiled
        self._setting = setting
        self._budget = budget

    def root(self, *, lean: bool) -> JsonValue:
        """A value for the whole schema.

        Args:
            lean: Leave out what is not required.

        Raises:
            CannotAnswerError: None was found.
        """
        return self._fill([Part(self._compiled.root)], _Spot(lean=lean))

    def _fill(self, parts: Sequence[Part], spot: _Spot) -> JsonValue:
        self._budget.spend(_FILL_COST)
        if spot.depth > MAX_DEPTH:
            at = parts[0].at if parts else "#"
            raise DeadEndError(at, f"values would be more than {MAX_DEPTH} levels deep")
        facts = gather(self._compiled, parts, self._budget)
        if (ready := self._ready(facts, spot)) is not None:
            return ready[0]
        if not facts.risky:
            return self._first(facts, spot)
        for value in self._candidates(facts, spot):
            if self._satisfies(value, parts):
                return value
        raise DeadEndError(facts.at, "the mock found no value that satisfies its alternatives together")

    def _satisfies(self, value: JsonValue, parts: Sequence[Part]) -> bool:
        return all(self._compiled.allows(value, part.schema) for part in parts)

    def _ready(self, facts: Facts, spot: _Spot) -> tuple[JsonValue] | None:
        """A value that the schema itself names, if it names a valid one."""
        for keyword in ("const", "enum", "examples", "default"):
            for part, named in facts.every(keyword):
                values = named if keyword in ("enum", "examples") and isinstance(named, list) else [named]
                fit = [value for value in values if self._satisfies(value, facts.parts)]
                if fit:
                    return (self._preferred_of(fit, spot),)
                if keyword in ("const", "enum"):
                    raise DeadEndError(f"{part.at}/{keyword}", "nothing it lists satisfies the rest")
        return None

    def _preferred_of(self, values: list[JsonValue], spot: _Spot) -> JsonValue:
        preferred = self._setting.preferred.get(spot.name)
        if preferred is not None and preferred in values:
            return preferred
        telling = [value for value in values if value is not None] or values
        pool = telling if spot.seed < len(telling) else values
        return pool[spot.seed % len(pool)]

    def _candidates(self, facts: Facts, spot: _Spot) -> Iterator[JsonValue]:
        """Values worth checking: each combination of choices, in several forms."""
        if facts.choices:
            first, *rest = facts.choices
            for option in _null_last(first):
                try:
                    chosen = gather(self._compiled, [option], self._budget)
                except DeadEndError:
                    continue
                both = Facts([*facts.parts, *chosen.parts], [*rest, *chosen.choices], risky=True)
                yield from self._candidates(both, spot)
            return
        for lean in (False, True) if not spot.lean else (True,):
            for seed in range(spot.seed, spot.seed + _SEED_TRIES):
                yield from self._of_each_type(facts, replace(spot, seed=seed, lean=lean))

    def _first(self, facts: Facts, spot: _Spot) -> JsonValue:
        types = _types(facts)
        for index, type_name in enumerate(types):
            try:
                return self._of_type(type_name, facts, spot)
            except DeadEndError:
                if index == len(types) - 1:
                    raise
        raise DeadEndError(f"{facts.at}/type", "its types exclude each other")

    def _of_each_type(self, facts: Facts, spot: _Spot) -> Iterator[JsonValue]:
        try:
            if (ready := self._ready(facts, spot)) is not None:
                yield ready[0]
        except DeadEndError:
            return
        for type_name in _types(facts):
            try:
                yield self._of_type(type_name, facts, spot)
            except DeadEndError:
                continue

    def _of_type(self, type_name: str, facts: Facts, spot: _Spot) -> JsonValue:
        self._budget.spend()
        match type_name:
            case "object":
                return self._object(facts, spot)
            case "array":
                return self._array(facts, spot)
            case "integer" | "number":
                return make_number(facts, spot.name, spot.seed, whole=type_name == "integer")
            case "boolean":
                return spot.seed % 2 == 0
            case "null":
                return None
            case _:
                return make_text(facts, spot.name, self._setting, spot.seed, self._budget)

    def _object(self, facts: Facts, spot: _Spot) -> JsonValue:
        facts = self._with_dependents(facts, spot)
        required = _required(facts)
        declared = facts.names("properties")
        most = facts.at_most("maxProperties")
        if most is not None and max(len(required), facts.at_least("minProperties")) > most:
            raise DeadEndError(f"{facts.at}/maxProperties", "fewer properties are allowed than are asked for")
        room = len(required) if spot.lean else max(len(required), most if most is not None else MAX_ITEMS)
        optional = [name for name in declared if name not in required][: room - len(required)]
        made: dict[str, JsonValue] = {}
        for name in [*(n for n in declared if n in required or n in optional), *required]:
            if name in made:
                continue
            try:
                made[name] = self._fill(facts.of_property(name), spot.inside(name, spot.seed))
            except DeadEndError:
                if name in required:
                    raise
        self._add_extras(made, facts, spot)
        return made

    def _with_dependents(self, facts: Facts, spot: _Spot) -> Facts:
        """Open `dependentSchemas` (`dependencies` in older drafts) of properties that will be there."""
        present = _required(facts) if spot.lean else [*_required(facts), *facts.names("properties")]
        added = [
            part.child(schema, keyword, name)
            for keyword in ("dependentSchemas", "dependencies")
            for part, dependents in facts.every(keyword)
            if isinstance(dependents, dict)
            for name, schema in dependents.items()
            if name in present and not isinstance(schema, list)
        ]
        if not added:
            return facts
        return Facts([*facts.parts, *gather(self._compiled, added, self._budget).parts])

    def _add_extras(self, made: dict[str, JsonValue], facts: Facts, spot: _Spot) -> None:
        """Add properties that are not declared: as many as are asked for, and one to show a map's shape."""
        least = facts.at_least("minProperties")
        if least > MAX_ITEMS:
            raise DeadEndError(
                f"{facts.at}/minProperties", f"{least} properties are more than the mock makes"
            )
        most = facts.at_most("maxProperties")
        is_map = not made and not spot.lean and _is_map(facts) and most != 0
        wanted = max(least, 1 if is_map else 0)
        for seed in range(wanted * 2 + _DISTINCT_TRIES):
            if len(made) >= wanted:
                return
            try:
                name = self._extra_name(facts, spot, seed)
                if name not in made:
                    made[name] = self._fill(facts.of_property(name), spot.inside(name, spot.seed))
            except DeadEndError:
                if seed >= _DISTINCT_TRIES:
                    break
        if len(made) < least:
            raise DeadEndError(
                f"{facts.at}/minProperties", "the mock found too few properties that are allowed"
            )

    def _extra_name(self, facts: Facts, spot: _Spot, seed: int) -> str:
        parts = [part.child(schema, "propertyNames") for part, schema in facts.every("propertyNames")]
        patterns = facts.names("patternProperties")
        if patterns:
            pattern: JsonValue = patterns[seed % len(patterns)]
            parts.append(Part({"type": "string", "pattern": pattern}, f"{facts.at}/patternProperties"))
        if not parts:
            return f"{item_name(spot.name) or 'item'}_{seed + 1}"
        name = self._fill([*parts, Part({"type": "string"}, facts.at)], spot.inside("name", seed))
        assert isinstance(name, str)
        return name

    def _array(self, facts: Facts, spot: _Spot) -> JsonValue:
        least, most = facts.at_least("minItems"), facts.at_most("maxItems")
        wanted_contained = self._least_contained(facts)
        if max(least, wanted_contained) > MAX_ITEMS:
            raise DeadEndError(f"{facts.at}/minItems", f"{least} items are more than the mock makes")
        goal = max(least, wanted_contained)
        if most is not None and goal > most:
            raise DeadEndError(f"{facts.at}/maxItems", "fewer items are allowed than are asked for")
        if not spot.lean:
            goal = max(goal, self._usual_length(facts, spot))
        goal = min(goal, most) if most is not None else goal
        made: list[JsonValue] = []
        distinct = any(value is True for _, value in facts.every("uniqueItems"))
        seen: set[str] = set()
        for index in range(goal):
            try:
                made.append(self._item(facts, spot, index, wanted_contained, seen if distinct else None))
            except DeadEndError:
                if index < max(least, wanted_contained):
                    raise
                break
        return made

    def _usual_length(self, facts: Facts, spot: _Spot) -> int:
        positions = [
            len(value) for key in ("prefixItems", "items") for _, value in facts.every(key)
            if isinstance(value, list)
        ]  # fmt: skip
        if not facts.has("items", "prefixItems", "contains"):
            return 0
        return max(positions, default=_USUAL_ITEMS if spot.depth < 4 else 1)

    def _least_contained(self, facts: Facts) -> int:
        return (
            facts.at_least("minContains", 1 if not facts.has("minContains") else 0)
            if facts.has("contains")
            else 0
        )

    def _item(
        self, facts: Facts, spot: _Spot, index: int, contained: int, seen: set[str] | None
    ) -> JsonValue:
        parts = facts.of_item(index)
        for part, schema in facts.every("contains"):
            if index < contained:
                parts.append(part.child(schema, "contains"))
            elif "maxContains" in part.keywords:
                parts.append(part.child({"not": schema}, "contains"))
        name = item_name(spot.name)
        if seen is None:
            return self._fill(parts, spot.inside(name, index))
        for seed in range(index, index + _DISTINCT_TRIES):
            value = self._fill(parts, spot.inside(name, seed))
            if (key := _identity(value)) not in seen:
                seen.add(key)
                return value
        raise DeadEndError(f"{facts.at}/uniqueItems", "the mock found too few items that differ")


def _types(facts: Facts) -> list[str]:
    """The types that all parts allow, the likeliest first."""
    allowed = list(_TYPES)
    stated = False
    for _, value in facts.every("type"):
        stated = True
        names = [name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)]
        ordered = [name for name in names if name in allowed]
        if "number" in names and "integer" in allowed and "integer" not in ordered:
            ordered.append("integer")
        if "integer" in names and "number" in allowed and "integer" not in ordered:
            ordered.append("integer")
        allowed = ordered
    if not stated:
        telling = [name for name, keywords in _TELLING if facts.has(*keywords)]
        allowed.sort(key=lambda name: name not in telling)
    return sorted(allowed, key=lambda name: name == "null")


def _required(facts: Facts) -> list[str]:
    """Names that must be there, with those that depend on them."""
    required = dict.fromkeys(facts.names("required"))
    waiting = list(required)
    while waiting:
        name = waiting.pop()
        for keyword in ("dependentRequired", "dependencies"):
            for _, dependents in facts.every(keyword):
                needed = dependents.get(name) if isinstance(dependents, dict) else None
                if isinstance(needed, list):
                    new = [each for each in needed if isinstance(each, str) and each not in required]
                    required |= dict.fromkeys(new)
                    waiting += new
    return list(required)


def _is_map(facts: Facts) -> bool:
    return facts.has("patternProperties") or any(
        isinstance(value, dict) for _, value in facts.every("additionalProperties")
    )


def _null_last(options: list[Part]) -> list[Part]:
    return sorted(options, key=lambda part: part.keywords.get("type") == "null")


def _identity(value: JsonValue) -> str:
    """The same text for values that JSON Schema calls equal, 1 and 1.0 for example."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return "[" + ",".join(map(_identity, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{_identity(value[k])}" for k in sorted(value)) + "}"
    return json.dumps(value)
