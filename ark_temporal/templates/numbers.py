"""Numbers as Go's strconv writes them."""

from __future__ import annotations

import math
from typing import Final

from ark_temporal.templates.errors import UnplacedError

_MAX_INTEGER_BITS: Final = 4096
_SHORTEST_EXPONENT_FROM: Final = 6


def require_writable(value: int) -> None:
    """`UnplacedError` for an integer so long that writing it would take too much time."""
    if value.bit_length() > _MAX_INTEGER_BITS:
        raise UnplacedError(f"An integer of {value.bit_length()} bits is too long to write.")


def format_float(value: float, form: str, precision: int | None) -> str:
    """Write a float, with a minus sign where it is negative.

    Args:
        value: The number.
        form: One of "e", "E", "f", "g", "G", "b", "x", "X".
        precision: Digits (their meaning depends on the form); None for as few as name the number.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    match form:
        case "b":
            return _binary(value)
        case "x" | "X":
            return _hexadecimal(value, form, precision)
        case _ if precision is not None:
            return f"%.{precision}{form}" % value
        case _:
            return _shortest(value, form)


def _shortest(value: float, form: str) -> str:
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    digits, exponent = _digits(abs(value))
    if form in "gG":
        form = chr(ord(form) - 2) if exponent < -4 or exponent >= _SHORTEST_EXPONENT_FROM else "f"
    if form == "f":
        return sign + _positional(digits, exponent)
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}{form}{exponent:+03d}"


def _digits(value: float) -> tuple[str, int]:
    """The fewest decimal digits that name a number, and the power of ten of the first."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0", 0
    leading = len(whole) - 1 if whole != "0" else -(len(fraction) - len(digits)) - 1
    return digits.rstrip("0") or "0", leading + int(exponent or 0)


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole


def _binary(value: float) -> str:
    """Mantissa and power of two, as in 4503599627370496p-52."""
    fraction, exponent = math.frexp(value)
    if exponent < -1021 or not value:  # zero and denormal: the exponent stays at its least
        return f"{int(math.ldexp(value, 1074))}p-1074"
    return f"{int(math.ldexp(fraction, 53))}p{exponent - 53:+d}"


def _hexadecimal(value: float, form: str, precision: int | None) -> str:
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    fraction, exponent = math.frexp(abs(value))
    # 53 bits of which the first is the digit before the point: 13 hexadecimal digits follow.
    mantissa = int(math.ldexp(fraction, 53))
    exponent = exponent - 1 if mantissa else 0
    places = 13
    if precision is not None and precision < places:
        mantissa = _round_half_even(mantissa, 4 * (places - precision))
        places = precision
        if mantissa >> (4 * places) > 1:
            mantissa, exponent = mantissa >> 1, exponent + 1
    lead = mantissa >> (4 * places)
    tail = f"{mantissa - (lead << (4 * places)):0{places}x}" if places else ""
    tail = tail.rstrip("0") if precision is None else tail.ljust(precision, "0")
    text = f"{sign}0x{lead}{'.' if tail else ''}{tail}p{exponent:+03d}"
    return text.upper() if form == "X" else text


def _round_half_even(value: int, bits: int) -> int:
    quotient, rest = divmod(value, 1 << bits)
    half = 1 << (bits - 1)
    return quotient + (rest > half or (rest == half and quotient & 1))
