"""Go's string, rune and number constants."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.strings import bytes_of, text_of

MAX_INT: Final = 2**63 - 1
MIN_INT: Final = -(2**63)

_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))"
)
_SIMPLE: Final = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}
_PREFIXES: Final = {"0x": 16, "0o": 8, "0b": 2}
_INTEGER = re.compile(r"0[xX][_0-9a-fA-F]+|0[oO][_0-7]+|0[bB][_01]+|0[_0-7]*|[1-9][_0-9]*")
_FLOAT = re.compile(r"(?:[0-9_]+\.?[0-9_]*|\.[0-9_]+)(?:[eE][+-]?[0-9][0-9_]*)?")
_HEX_FLOAT = re.compile(r"0[xX](?:[_0-9a-fA-F]+\.?[_0-9a-fA-F]*|\.[_0-9a-fA-F]+)[pP][+-]?[0-9][0-9_]*")
# An underscore stands between two digits, or between a base's prefix and a digit.
_STRAY_UNDERSCORE = re.compile(r"_(?![0-9a-fA-F])|(?<![0-9a-fA-FxXoO])_")
_SPLIT_EXPONENT = re.compile(r"_[eE]")


def raw_string(source: str) -> str:
    """The value of a back-quoted string; carriage returns are dropped, as in Go source."""
    return source[1:-1].replace("\r", "")


def string(source: str) -> str:
    """The value of a double-quoted string.

    Raises:
        UnplacedError: An escape is unknown or names no character.
    """
    return _unescape(source[1:-1], quote='"')


def rune(source: str) -> int:
    """The code point of a rune constant.

    Raises:
        UnplacedError: An escape is unknown, or there is not exactly one character.
    """
    inner = source[1:-1]
    found = _ESCAPE.fullmatch(inner)
    if found is not None:
        return _escaped_code(found, quote="'")
    if len(inner) != 1 or inner == "\\":
        raise UnplacedError(f"{source} is not a character; write exactly one between single quotes.")
    return ord(inner)


def _unescape(inner: str, quote: str) -> str:
    if "\\" not in inner:
        return inner
    out = bytearray()
    position = 0
    while (backslash := inner.find("\\", position)) >= 0:
        out += bytes_of(inner[position:backslash])
        found = _ESCAPE.match(inner, backslash)
        if found is None:
            raise UnplacedError(f"{inner[backslash : backslash + 2]} is not an escape that Go strings know.")
        code = _escaped_code(found, quote)
        is_byte = found[2] is not None or found[3] is not None
        out += bytes((code,)) if is_byte else chr(code).encode()
        position = found.end()
    out += bytes_of(inner[position:])
    return text_of(bytes(out))


def _escaped_code(found: re.Match[str], quote: str) -> int:
    simple, octal, byte, short, long = found.groups()
    if simple is not None:
        if simple in "'\"" and simple != quote:
            raise UnplacedError(f"\\{simple} is not an escape between {quote} quotes; write {simple} alone.")
        return ord(_SIMPLE[simple])
    code = int(octal, 8) if octal is not None else int(byte or short or long, 16)
    if octal is not None and code > 255:
        raise UnplacedError(f"\\{octal} is not a byte; octal escapes go up to \\377.")
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise UnplacedError(f"{found[0]} names no Unicode character.")
    return code


def number(source: str) -> int | float:
    """The value of a number: an integer unless it is written with a point or an exponent.

    Raises:
        UnplacedError: It is malformed, or does not fit into 64 bits.
    """
    sign, digits = (source[0], source[1:]) if source[0] in "+-" else ("", source)
    if not _STRAY_UNDERSCORE.search(digits):
        bare = digits.replace("_", "")
        if _INTEGER.fullmatch(digits):
            return _integer(source, sign, bare)
        if _HEX_FLOAT.fullmatch(digits):
            return _finite(source, float.fromhex, sign + bare)
        if (
            _FLOAT.fullmatch(digits)
            and any(mark in digits for mark in ".eE")
            and not _SPLIT_EXPONENT.search(digits)
        ):
            return _finite(source, float, sign + bare)
    raise UnplacedError(f"{source} is not a number.")


def _integer(source: str, sign: str, bare: str) -> int:
    base = _PREFIXES.get(bare[:2].lower(), 8 if bare.startswith("0") else 10)
    digits = bare[2:] if base in (2, 16) or bare[1:2] in ("o", "O") else bare
    if len(digits) <= 64:
        value = int(sign + digits, base)
        if MIN_INT <= value <= MAX_INT:
            return value
    raise UnplacedError(f"The integer {source} does not fit into 64 bits.")


def _finite(source: str, convert: Callable[[str], float], text: str) -> float:
    try:
        value = convert(text)
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise UnplacedError(f"The number {source} does not fit into a 64-bit float.")
    return value
