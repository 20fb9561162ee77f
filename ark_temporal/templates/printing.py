"""One value as text: Go's fmt verbs and flags, and `print`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ark_temporal.templates.limits import Budget, Buffer
from ark_temporal.templates.numbers import format_float, require_writable
from ark_temporal.templates.quoting import can_back_quote, quote
from ark_temporal.templates.strings import bytes_of
from ark_temporal.templates.values import Byte, Value, sorted_keys, type_name

NIL: Final = "<nil>"
_SMALL: Final = 2**63
_BASES: Final = {"v": 10, "d": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16}
_BASE_PREFIXES: Final = {"b": "0b", "x": "0x", "X": "0X"}


@dataclass(frozen=True, slots=True)
class Flags:
    """What stands between a verb and its percent sign.

    Attributes:
        sharp: `#`, an alternate form.
        zero: `0`, pad with zeros.
        plus: `+`, always a sign; quote in ASCII.
        minus: `-`, pad on the right.
        space: a space where a plus sign would be; spaces between the bytes of `%x`.
        go_syntax: `%#v`.
        width: Least width, in characters.
        precision: Digits or characters; what exactly depends on the verb.
    """

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    go_syntax: bool = False
    width: int | None = None
    precision: int | None = None


PLAIN: Final = Flags()


def text_form(value: Value, budget: Budget) -> str:
    """What `{{ value }}` writes: nothing for no value, and `%v` for all else."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    if type(value) is int and -_SMALL < value < _SMALL:
        return str(value)
    buffer = Buffer(budget)
    Printer(buffer, budget).argument(value, "v", PLAIN)
    return buffer.text()


def sprint(values: Sequence[Value], budget: Budget) -> str:
    """Values as `print` writes them: with a space between two of which neither is a string."""
    buffer = Buffer(budget)
    for index, value in enumerate(values):
        if index and not _is_text(value) and not _is_text(values[index - 1]):
            buffer.write(" ")
        buffer.write(text_form(value, budget))
    return buffer.text()


def _is_text(value: Value) -> bool:
    return value is None or isinstance(value, str)


def sprintln(values: Iterable[Value], budget: Budget) -> str:
    """Values as `println` writes them: with spaces between them and a newline after the last."""
    buffer = Buffer(budget)
    for index, value in enumerate(values):
        buffer.write(" " if index else "")
        buffer.write(text_form(value, budget))
    buffer.write("\n")
    return buffer.text()


class Printer:
    """Writes values under verbs into a buffer."""

    def __init__(self, buffer: Buffer, budget: Budget) -> None:
        self._buffer = buffer
        self._budget = budget

    def argument(self, value: Value, verb: str, flags: Flags) -> None:
        """Write an argument of `printf`; a wrong verb is written out, not raised."""
        if value is None:
            self._no_value(verb, flags)
        elif verb == "T":
            self._pad(_truncated(type_name(value), flags), flags)
        elif verb in "pw":
            self._wrong_verb(value, verb, flags)
        else:
            self._value(value, verb, flags)

    def _no_value(self, verb: str, flags: Flags) -> None:
        if verb == "T" or flags.go_syntax:
            self._pad(NIL, flags)
        elif verb == "q":
            self._string("", verb, flags)
        else:
            self._pad("", replace(flags, zero=False))

    def _value(self, value: Value, verb: str, flags: Flags) -> None:
        self._budget.spend()
        match value:
            case str():
                self._string(value, verb, flags)
            case bool():
                self._boolean(value, verb, flags)
            case int():
                self._integer(value, verb, flags)
            case float():
                self._float(value, verb, flags)
            case list() | tuple():
                self._list(value, verb, flags)
            case Mapping():
                self._map(value, verb, flags)
            case None:
                self._buffer.write("interface {}(nil)" if flags.go_syntax else NIL)
            case _:
                type_name(value)

    def _wrong_verb(self, value: Value, verb: str, flags: Flags) -> None:
        self._buffer.write(f"%!{verb}({type_name(value)}=")
        self._value(value, "v", flags)
        self._buffer.write(")")

    def _pad(self, text: str, flags: Flags) -> None:
        missing = (flags.width or 0) - len(text)
        if missing <= 0:
            self._buffer.write(text)
            return
        self._budget.spend_on_text(missing)
        if flags.minus:
            self._buffer.write(text + " " * missing)
        else:
            self._buffer.write(("0" if flags.zero else " ") * missing + text)

    # Lists and maps.

    def _list(self, value: Sequence[Value], verb: str, flags: Flags) -> None:
        self._budget.enter()
        opening, between, closing = ("[]interface {}{", ", ", "}") if flags.go_syntax else ("[", " ", "]")
        self._buffer.write(opening)
        for index, item in enumerate(value):
            self._buffer.write(between if index else "")
            self._value(item, verb, flags)
        self._buffer.write(closing)
        self._budget.leave()

    def _map(self, value: Mapping[str, Value], verb: str, flags: Flags) -> None:
        self._budget.enter()
        go_syntax = flags.go_syntax
        opening, between, closing = (
            ("map[string]interface {}{", ", ", "}") if go_syntax else ("map[", " ", "]")
        )
        self._buffer.write(opening)
        for index, key in enumerate(sorted_keys(value)):
            self._buffer.write(between if index else "")
            self._value(key, verb, flags)
            self._buffer.write(":")
            self._value(value[key], verb, flags)
        self._buffer.write(closing)
        self._budget.leave()

    # Scalars.

    def _boolean(self, value: bool, verb: str, flags: Flags) -> None:
        if verb in "tv":
            self._pad("true" if value else "false", flags)
        else:
            self._wrong_verb(value, verb, flags)

    def _string(self, value: str, verb: str, flags: Flags) -> None:
        if verb == "q" or (verb == "v" and flags.go_syntax):
            text = _truncated(value, flags)
            self._budget.spend_on_text(16 * len(text))
            back_quoted = flags.sharp and can_back_quote(text)
            self._pad(f"`{text}`" if back_quoted else quote(text, ascii_only=flags.plus), flags)
        elif verb in "sv":
            self._pad(_truncated(value, flags), flags)
        elif verb in "xX":
            self._pad(_hexadecimal(bytes_of(value), verb, flags), flags)
        else:
            self._wrong_verb(value, verb, flags)

    def _integer(self, value: int, verb: str, flags: Flags) -> None:
        require_writable(value)
        if verb == "v" and flags.go_syntax and isinstance(value, Byte):
            digits = self._digits(value, "x", replace(flags, sharp=True))
            self._pad(digits, replace(flags, zero=False))
        elif verb in _BASES:
            self._pad(self._digits(value, verb, flags), replace(flags, zero=False))
        elif verb == "c":
            self._pad(_char(value), flags)
        elif verb == "q":
            self._pad(quote(_char(value), "'", ascii_only=flags.plus), flags)
        elif verb == "U":
            self._pad(_code_point(value, flags), replace(flags, zero=False))
        else:
            self._wrong_verb(value, verb, flags)

    def _digits(self, value: int, verb: str, flags: Flags) -> str:
        if flags.precision == 0 and value == 0:
            return ""
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        digits = _in_base(abs(value), _BASES[verb])
        if verb == "X":
            digits = digits.upper()
        least = flags.precision or 0
        if flags.precision is None and flags.zero and not flags.minus and flags.width:
            least = flags.width - len(sign)
        self._budget.spend_on_text(least)
        digits = digits.rjust(least, "0")
        if flags.sharp and verb in "oO" and not digits.startswith("0"):
            digits = "0" + digits
        prefix = "0o" if verb == "O" else _BASE_PREFIXES.get(verb, "") if flags.sharp else ""
        return sign + prefix + digits

    def _float(self, value: float, verb: str, flags: Flags) -> None:
        if verb not in "veEfFgGbxX":
            self._wrong_verb(value, verb, flags)
            return
        form = {"v": "g", "F": "f"}.get(verb, verb)
        precision = flags.precision
        if precision is None and form in "eEf":
            precision = 6
        self._budget.spend_on_text(precision or 0)
        text = format_float(value, form, precision)
        sign, unsigned = (text[0], text[1:]) if text[0] in "+-" else ("", text)
        finite = unsigned[0].isdigit()
        if flags.sharp and finite and form != "b":
            unsigned = _with_point(unsigned, form, flags.precision)
        if not finite:
            self._pad(_signed(sign, unsigned, flags), replace(flags, zero=False))
            return
        sign = _signed(sign, "", flags)
        if sign and flags.zero and not flags.minus:
            unsigned = unsigned.rjust((flags.width or 0) - len(sign), "0")
        self._pad(sign + unsigned, flags)


def _signed(sign: str, unsigned: str, flags: Flags) -> str:
    if sign != "-":
        sign = "+" if flags.plus else " " if flags.space else sign if unsigned == "Inf" else ""
    return sign + unsigned


def _truncated(text: str, flags: Flags) -> str:
    return text if flags.precision is None else text[: flags.precision]


def _hexadecimal(data: bytes, verb: str, flags: Flags) -> str:
    if flags.precision is not None:
        data = data[: flags.precision]
    if not data:
        return ""
    prefix = "0x" if flags.sharp else ""
    separator = " " + prefix if flags.space else ""
    pairs = separator.join(f"{byte:02x}" for byte in data) if separator else data.hex()
    text = prefix + pairs
    return text.upper() if verb == "X" else text


def _in_base(value: int, base: int) -> str:
    return format(value, {2: "b", 8: "o", 10: "d", 16: "x"}[base])


def _char(value: int) -> str:
    if 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF:
        return chr(value)
    return "\ufffd"


def _code_point(value: int, flags: Flags) -> str:
    code = value & 0xFFFF_FFFF_FFFF_FFFF
    text = f"U+{code:0{max(4, flags.precision or 0)}X}"
    char = _char(value)
    if flags.sharp and code <= 0x10FFFF and char.isprintable():
        text += f" '{char}'"
    return text


def _with_point(unsigned: str, form: str, precision: int | None) -> str:
    """A number with a decimal point even where nothing follows it, and with its trailing zeros kept."""
    mark = "p" if form in "xX" else "e"
    at = unsigned.lower().find(mark)
    mantissa, tail = (unsigned, "") if at < 0 else (unsigned[:at], unsigned[at:])
    missing = 0
    if form in "gGx":
        significant = mantissa.replace(".", "").lstrip("0")
        missing = (6 if precision is None else precision) - len(significant)
    if "." not in mantissa:
        missing -= mantissa == "0"
        mantissa += "."
    return mantissa + "0" * missing + tail
