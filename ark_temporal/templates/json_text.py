"""JSON as Go's encoding/json writes and reads it, with integers kept as integers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import ITEMS_PER_OPERATION, Budget, Buffer
from ark_temporal.templates.numbers import format_float, require_writable
from ark_temporal.templates.strings import well_formed
from ark_temporal.templates.values import Byte, Untrusted, Value, sorted_keys, type_name

if TYPE_CHECKING:
    from pydantic import JsonValue

_ALWAYS_ESCAPED: Final = {"\u2028": "\\u2028", "\u2029": "\\u2029"}
_HTML_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def to_json(value: Value, budget: Budget, *, escape_html: bool, indent: str = "") -> str:
    """A value as JSON, keys sorted.

    Args:
        value: What to write.
        budget: Bounds the text and the depth.
        escape_html: Write `<`, `>` and `&` as escapes.
        indent: Put every element on a line of its own, indented by this for each level.

    Raises:
        UnplacedError: A number is not finite, or the data is no JSON.
    """
    writer = _Writer(budget, escape_html, indent)
    writer.value(value, "\n" if indent else "")
    return writer.buffer.text()


class _Writer:
    def __init__(self, budget: Budget, escape_html: bool, indent: str) -> None:
        self.buffer = Buffer(budget)
        self._budget = budget
        self._escapes = str.maketrans(_ALWAYS_ESCAPED | (_HTML_ESCAPED if escape_html else {}))
        self._indent = indent
        self._colon = ": " if indent else ":"

    def value(self, value: Value, newline: str) -> None:
        """Write one value; `newline` begins a line at its level, and is empty in the compact form."""
        self._budget.spend()
        match value:
            case None:
                self.buffer.write("null")
            case bool():
                self.buffer.write("true" if value else "false")
            case str():
                self._string(value)
            case int():
                require_writable(value)
                self.buffer.write(str(int(value)))
            case float():
                self.buffer.write(_float(value))
            case Mapping():
                self._mapping(value, newline)
            case list() | tuple():
                self._sequence(value, newline)
            case _:
                type_name(value)

    def _string(self, text: str) -> None:
        self._budget.spend_on_text(6 * len(text))
        self.buffer.write(json.dumps(well_formed(text), ensure_ascii=False).translate(self._escapes))

    def _sequence(self, items: Sequence[Value], newline: str) -> None:
        inner = newline + self._indent
        self._budget.enter()
        self.buffer.write("[")
        for index, item in enumerate(items):
            self.buffer.write(("," if index else "") + inner)
            self.value(item, inner)
        self.buffer.write(newline + "]" if items else "]")
        self._budget.leave()

    def _mapping(self, mapping: Mapping[str, Value], newline: str) -> None:
        inner = newline + self._indent
        self._budget.enter()
        self.buffer.write("{")
        for index, key in enumerate(sorted_keys(mapping)):
            self.buffer.write(("," if index else "") + inner)
            self._string(key)
            self.buffer.write(self._colon)
            self.value(mapping[key], inner)
        self.buffer.write(newline + "}" if mapping else "}")
        self._budget.leave()


def _float(value: float) -> str:
    text = format_float(value, "f", None)
    if not text.lstrip("-")[0].isdigit():
        raise UnplacedError(f"JSON has no number {text}.")
    if value and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = format_float(value, "e", None).partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].lstrip('0')}"
    return text


def from_json(text: str, budget: Budget) -> Value:
    """The value of a JSON text; no value when it is not valid JSON.

    Raises:
        UnplacedError: Its lists and maps are nested too deep.
    """
    budget.spend_on_text(16 * len(text))
    try:
        value: Value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except ValueError:
        return None
    except RecursionError:
        raise UnplacedError("The JSON text nests lists and maps too deep (limit max_depth).") from None
    _require_shallow(value, budget)
    return value


def plain(value: Value, budget: Budget) -> JsonValue:
    """A copy of a value that holds nothing but what JSON has; strings stay as untrusted as they are.

    Raises:
        UnplacedError: A number is not finite, the data is no JSON, or it is nested too deep.
    """
    match value:
        case str():
            text = well_formed(value)
            return Untrusted(text, value.origin) if isinstance(value, Untrusted) else text
        case Byte():
            return int(value)
        case float() if not math.isfinite(value):
            raise UnplacedError(f"JSON has no number {format_float(value, 'f', None)}.")
        case list() | tuple():
            _enter(value, budget)
            items = [plain(item, budget) for item in value]
            budget.leave()
            return items
        case Mapping():
            _enter(value, budget)
            # `sorted_keys` refuses keys that are no strings; the order of the data is kept.
            sorted_keys(value)
            entries = {well_formed(key): plain(item, budget) for key, item in value.items()}
            budget.leave()
            return entries
        case _:
            type_name(value)
            return value


def _enter(items: Sized, budget: Budget) -> None:
    budget.enter()
    budget.spend(len(items) // ITEMS_PER_OPERATION)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} does not fit into a 64-bit float")
    return value


def _require_shallow(value: Value, budget: Budget) -> None:
    """`UnplacedError` at the same depth whatever the caller's stack still allows."""
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    else:
        return
    budget.enter()
    for item in inner:
        budget.spend()
        _require_shallow(item, budget)
    budget.leave()
