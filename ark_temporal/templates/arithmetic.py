"""Sprig's numbers: 64-bit integers, with an error where Go would wrap around."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import Budget
from ark_temporal.templates.literals import MAX_INT, MIN_INT, number
from ark_temporal.templates.signatures import Function
from ark_temporal.templates.values import Value


def to_int(value: Value) -> int:
    """Any value as an integer: floats cut, texts read as Go integers, and 0 where that fails.

    Raises:
        UnplacedError: The number does not fit into 64 bits.
    """
    match value:
        case bool() | int():
            return _checked(int(value))
        case float():
            if not math.isfinite(value):
                raise UnplacedError(f"{value} is no integer.")
            return _checked(int(value))
        case str():
            whole, point, zeros = value.partition(".")
            return int(_read(whole if point and not zeros.strip("0") else value, int))
        case _:
            return 0


def to_float(value: Value) -> float:
    """Any value as a float: texts read as Go floats, and 0 where that fails."""
    match value:
        case bool() | int() | float():
            return _as_float(value)
        case str():
            text = value.lstrip("0") or "0" if value.isdecimal() else value
            return _as_float(_read(text, (int, float)))
        case _:
            return 0.0


def _as_float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UnplacedError("The integer does not fit into a 64-bit float.") from None


def _read(text: str, kind: type[int] | tuple[type[int], type[float]]) -> int | float:
    """A number in Go's notation, or 0."""
    try:
        value = number(text) if text else 0
    except UnplacedError:
        return 0
    return value if isinstance(value, kind) else 0


def _checked(value: int) -> int:
    if MIN_INT <= value <= MAX_INT:
        return value
    raise UnplacedError("The integer does not fit into 64 bits.")


def _int(_: Budget, value: Value) -> Value:
    return to_int(value)


def _float64(_: Budget, value: Value) -> Value:
    return to_float(value)


def _folding(operation: Callable[[int, int], int]) -> Callable[..., Value]:
    """A function that combines its arguments from the left."""

    def fold(_: Budget, *values: Value) -> Value:
        return reduce(lambda left, right: _checked(operation(left, right)), map(to_int, values))

    return fold


def _divided(left: int, right: int) -> int:
    if right == 0:
        raise UnplacedError("There is no division by zero.")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _divided(left, right)


def _add1(_: Budget, value: Value) -> Value:
    return _checked(to_int(value) + 1)


def _floor(_: Budget, value: Value) -> Value:
    number = to_float(value)
    return float(math.floor(number)) if math.isfinite(number) else number


def _ceil(_: Budget, value: Value) -> Value:
    number = to_float(value)
    return float(math.ceil(number)) if math.isfinite(number) else number


def _round(_: Budget, value: Value, places: int) -> Value:
    """Halves go away from zero."""
    number = to_float(value)
    if not 0 <= places <= 15:
        raise UnplacedError(f"round takes 0 to 15 decimal places, not {places}.")
    scaled = abs(number) * 10**places
    if not scaled < 2**53:
        return number
    return math.copysign(math.floor(scaled + 0.5) / 10**places, number)


ARITHMETIC_FUNCTIONS: Final = {
    "add": Function("aa*", _folding(lambda left, right: left + right)),
    "add1": Function("a", _add1),
    "ceil": Function("a", _ceil),
    "div": Function("aa", _folding(_divided)),
    "float64": Function("a", _float64),
    "floor": Function("a", _floor),
    "int": Function("a", _int),
    "int64": Function("a", _int),
    "max": Function("aa*", _folding(max)),
    "min": Function("aa*", _folding(min)),
    "mod": Function("aa", _folding(_remainder)),
    "mul": Function("aa*", _folding(lambda left, right: left * right)),
    "round": Function("ai", _round),
    "sub": Function("aa", _folding(lambda left, right: left - right)),
}
"""Sprig's functions on numbers, by name."""
