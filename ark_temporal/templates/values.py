"""What a template computes with: JSON values, their kinds, truth, order, and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import Budget

Value: TypeAlias = "bool | int | float | str | list[Value] | tuple[Value, ...] | Mapping[str, Value] | None"


class Untrusted(str):
    """A string that came from a model or an outsider.

    Args:
        text: The string.
        origin: Where it came from, for example a step's name; several are joined with a comma.
    """

    __slots__ = ("origin",)

    origin: str

    def __new__(cls, text: str, origin: str) -> Untrusted:  # noqa: D102 - the class says it
        self = super().__new__(cls, text)
        self.origin = origin
        return self

    def __reduce__(self) -> tuple[type[Untrusted], tuple[str, str]]:
        return Untrusted, (str(self), self.origin)


class Byte(int):
    """One byte of a string: what `index "text" 0` gives. Go's uint8."""


NO_VALUE_NAME: Final = "no value"


def type_name(value: Value) -> str:
    """The type as Go names it; "no value" for None.

    Raises:
        UnplacedError: The value is of a type that JSON does not have.
    """
    match value:
        case str():
            return "string"
        case None:
            return NO_VALUE_NAME
        case bool():
            return "bool"
        case Byte():
            return "uint8"
        case int():
            return "int"
        case float():
            return "float64"
        case list() | tuple():
            return "[]interface {}"
        case Mapping():
            return "map[string]interface {}"
        case _:
            raise UnplacedError(f"The data holds a Python {type(value).__name__}, which is no JSON value.")


def described(value: Value) -> str:
    """A value's type for an error message."""
    match value:
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a map"
        case None:
            return "no value"
        case str():
            return "a string"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case _:
            return f"a Python {type(value).__name__}"


def sorted_keys(mapping: Mapping[str, Value]) -> list[str]:
    """A map's keys in their order.

    Raises:
        UnplacedError: A key is no string.
    """
    keys: list[object] = list(mapping)
    for key in keys:
        if not isinstance(key, str):
            raise UnplacedError(f"The data holds a map with the key {key!r}, which is no string.")
    return sorted(mapping)


def truth(value: Value) -> bool:
    """Whether `if` takes a value: not for no value, false, 0, and what is empty."""
    type_name(value)
    return bool(value)


def equal(left: Value, right: Value) -> bool:
    """Go's `eq` of two values; no value equals no value and the empty string.

    Raises:
        UnplacedError: The types cannot be compared.
    """
    if left is None or right is None:
        return left in (None, "") and right in (None, "")
    kinds = {_comparison_kind(left), _comparison_kind(right)}
    if len(kinds) > 1:
        raise _incomparable(left, right)
    if "container" in kinds:
        raise UnplacedError("Lists and maps cannot be compared; compare their elements or their len.")
    return left == right


def less(left: Value, right: Value) -> bool:
    """Go's `lt` of two values; no value counts as the empty string.

    Raises:
        UnplacedError: The types have no common order.
    """
    left, right = "" if left is None else left, "" if right is None else right
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    if _comparison_kind(left) != _comparison_kind(right):
        raise _incomparable(left, right)
    if isinstance(left, (int, float)) and isinstance(right, (int, float)) and not isinstance(left, bool):
        return left < right
    raise UnplacedError(
        f"There is no order between {described(left)} and {described(right)}; compare numbers or strings."
    )


def _comparison_kind(value: Value) -> str:
    match value:
        case str():
            return "string"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case _:
            return "container"


def _incomparable(left: Value, right: Value) -> UnplacedError:
    return UnplacedError(
        f"Cannot compare {described(left)} with {described(right)}; "
        "convert one of them, for example with toString or int."
    )


def origins(value: Value, budget: Budget) -> tuple[str, ...]:
    """Where the untrusted strings in a value came from, each origin once, in order of appearance."""
    found: dict[str, None] = {}
    _collect(value, found, budget)
    return tuple(found)


def _collect(value: Value, found: dict[str, None], budget: Budget) -> None:
    if isinstance(value, Untrusted):
        found.update(dict.fromkeys(value.origin.split(",")))
    elif isinstance(value, (list, tuple)):
        _collect_all(value, found, budget)
    elif isinstance(value, Mapping):
        _collect_all(value, found, budget)
        _collect_all(value.values(), found, budget)


def _collect_all(values: Iterable[Value], found: dict[str, None], budget: Budget) -> None:
    budget.enter()
    for value in values:
        budget.spend()
        _collect(value, found, budget)
    budget.leave()


def taint(value: Value, sources: tuple[str, ...]) -> Value:
    """The value with all its strings untrusted, as coming from these origins."""
    if not sources or isinstance(value, Untrusted):
        return value
    if isinstance(value, str):
        return Untrusted(value, ",".join(sources))
    if isinstance(value, (list, tuple)):
        return [taint(item, sources) for item in value]
    if isinstance(value, Mapping):
        origin = ",".join(sources)
        return {Untrusted(key, origin): taint(item, sources) for key, item in value.items()}
    return value
