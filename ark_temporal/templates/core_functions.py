"""Go's own functions, except `and` and `or`, which do not evaluate all their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ark_temporal.templates import quoting
from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import Budget
from ark_temporal.templates.printf import sprintf
from ark_temporal.templates.printing import sprint, sprintln
from ark_temporal.templates.signatures import Function
from ark_temporal.templates.strings import byte_length, bytes_of, cut
from ark_temporal.templates.values import Byte, Value, described, equal, less, truth


def length(value: Value) -> int:
    """Bytes of a string, elements of a list or map; 0 of no value.

    Raises:
        UnplacedError: The value has no length.
    """
    if value is None:
        return 0
    if isinstance(value, str):
        return byte_length(value)
    if isinstance(value, (list, tuple, Mapping)):
        return len(value)
    raise UnplacedError(f"{described(value).capitalize()} has no length.")


def _len(_: Budget, value: Value) -> Value:
    return length(value)


def _not(_: Budget, value: Value) -> Value:
    return not truth(value)


def _index(budget: Budget, value: Value, *keys: Value) -> Value:
    for key in keys:
        if isinstance(value, str):
            budget.spend_on_text(len(value))
        value = _element(value, key)
    return value


def _element(value: Value, key: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, Mapping):
        if key is None:
            return None
        if not isinstance(key, str):
            raise UnplacedError(f"index looks {described(key)} up in a map; its keys are strings.")
        return value.get(key)
    if isinstance(value, (str, list, tuple)):
        position = _position(key, length(value) - 1)
        return Byte(bytes_of(value)[position]) if isinstance(value, str) else value[position]
    raise UnplacedError(f"index cannot look into {described(value)}, only into a map, a list or a string.")


def _position(key: Value, last: int) -> int:
    if not isinstance(key, int) or isinstance(key, bool):
        raise UnplacedError(f"A place in a list or string is an integer, not {described(key)}.")
    if not 0 <= key <= last:
        raise UnplacedError(f"{int(key)} is out of range; the places here are 0 to {last}.")
    return int(key)


def _slice(_: Budget, value: Value, *bounds: Value) -> Value:
    if value is None:
        return None
    if not isinstance(value, (str, list, tuple)):
        raise UnplacedError(f"slice cannot cut {described(value)}, only a list or a string.")
    if len(bounds) > (2 if isinstance(value, str) else 3):
        raise UnplacedError("slice takes at most two places of a string, and three of a list.")
    size = length(value)
    places = [_position(bound, size) for bound in bounds]
    if places != sorted(places):
        raise UnplacedError("The places given to slice go backwards.")
    start, stop = ([*places, *([0, size][len(places) :])])[:2]
    return cut(value, start, stop) if isinstance(value, str) else list(value[start:stop])


def _print(budget: Budget, *values: Value) -> Value:
    return sprint(values, budget)


def _println(budget: Budget, *values: Value) -> Value:
    return sprintln(values, budget)


def _printf(budget: Budget, form: str, *values: Value) -> Value:
    return sprintf(form, values, budget)


def _html(budget: Budget, *values: Value) -> Value:
    return quoting.escape_html(_escapable(budget, values))


def _js(budget: Budget, *values: Value) -> Value:
    return quoting.escape_js(_escapable(budget, values))


def _urlquery(budget: Budget, *values: Value) -> Value:
    return quoting.escape_url(_escapable(budget, values))


def _escapable(budget: Budget, values: Sequence[Value]) -> str:
    """The text to escape, paid for as if every character grew."""
    text = sprint(values, budget)
    budget.spend_on_text(6 * len(text))
    return text


def _call(_: Budget, function: Value, *__: Value) -> Value:
    raise UnplacedError(f"call needs a function; data holds none, and this is {described(function)}.")


def _eq(_: Budget, left: Value, *rights: Value) -> Value:
    if not rights:
        raise UnplacedError("eq needs a second argument to compare with.")
    return any(equal(left, right) for right in rights)


def _ne(_: Budget, left: Value, right: Value) -> Value:
    return not equal(left, right)


def _lt(_: Budget, left: Value, right: Value) -> Value:
    return less(left, right)


def _le(_: Budget, left: Value, right: Value) -> Value:
    return less(left, right) or equal(left, right)


def _gt(budget: Budget, left: Value, right: Value) -> Value:
    return not _le(budget, left, right)


def _ge(_: Budget, left: Value, right: Value) -> Value:
    return not less(left, right)


CORE_FUNCTIONS: Final = {
    "call": Function("aa*", _call),
    "eq": Function("aa*", _eq),
    "ge": Function("aa", _ge),
    "gt": Function("aa", _gt),
    "html": Function("a*", _html),
    "index": Function("aa*", _index, selects=True),
    "js": Function("a*", _js),
    "le": Function("aa", _le),
    "len": Function("a", _len),
    "lt": Function("aa", _lt),
    "ne": Function("aa", _ne),
    "not": Function("a", _not),
    "print": Function("a*", _print),
    "printf": Function("sa*", _printf),
    "println": Function("a*", _println),
    "slice": Function("aa*", _slice),
    "urlquery": Function("a*", _urlquery),
}
"""Go's functions by name."""
