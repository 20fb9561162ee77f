"""Sprig's texts. Texts come last among the arguments, so that they can be piped in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.limits import Budget, Buffer
from ark_temporal.templates.printing import text_form
from ark_temporal.templates.quoting import quote
from ark_temporal.templates.signatures import Function
from ark_temporal.templates.strings import byte_length, cut
from ark_temporal.templates.values import Value

_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def _per_char(convert: Callable[[str], str]) -> Callable[[str], str]:
    """Change letters one by one, as Go does: none becomes two, and none depends on its neighbours."""

    def one(char: str) -> str:
        changed = convert(char)
        return changed if len(changed) == 1 else char

    return lambda text: convert(text) if text.isascii() else "".join(map(one, text))


_to_upper = _per_char(str.upper)
_to_lower = _per_char(str.lower)
_to_title = _per_char(str.title)


def _upper(budget: Budget, text: str) -> Value:
    budget.spend_on_text(8 * len(text))
    return _to_upper(text)


def _lower(budget: Budget, text: str) -> Value:
    budget.spend_on_text(8 * len(text))
    return _to_lower(text)


def _title(budget: Budget, text: str) -> Value:
    """The first letter of every word in title case, the others as they are."""
    budget.spend_on_text(16 * len(text))
    before = [" ", *text[:-1]]
    return "".join(
        _to_title(char) if _separates(previous) else char
        for previous, char in zip(before, text, strict=False)
    )


def _separates(char: str) -> bool:
    if char == "_" or char.isalpha() or char.isdecimal():
        return False
    return char.isascii() or char in _WHITE_SPACE


def _trim(_: Budget, text: str) -> Value:
    return text.strip(_WHITE_SPACE)


def _trim_all(_: Budget, chars: str, text: str) -> Value:
    return text.strip(chars) if chars else text


def _trim_prefix(_: Budget, prefix: str, text: str) -> Value:
    return text.removeprefix(prefix)


def _trim_suffix(_: Budget, suffix: str, text: str) -> Value:
    return text.removesuffix(suffix)


def _replace(budget: Budget, old: str, new: str, text: str) -> Value:
    count = text.count(old)
    budget.spend_on_text(len(text) + count * (len(new) - len(old)))
    return text.replace(old, new)


def _contains(_: Budget, part: str, text: str) -> Value:
    return part in text


def _has_prefix(_: Budget, prefix: str, text: str) -> Value:
    return text.startswith(prefix)


def _has_suffix(_: Budget, suffix: str, text: str) -> Value:
    return text.endswith(suffix)


def _pieces(budget: Budget, separator: str, text: str) -> list[Value]:
    count = text.count(separator) + 1
    budget.spend(count)
    return [*text] if not separator else [*text.split(separator)]


def _split_list(budget: Budget, separator: str, text: str) -> Value:
    return _pieces(budget, separator, text)


def _split(budget: Budget, separator: str, text: str) -> Value:
    """A map with the keys _0, _1, and so on."""
    return {f"_{index}": piece for index, piece in enumerate(_pieces(budget, separator, text))}


def _join(budget: Budget, separator: str, values: Value) -> Value:
    """The elements of a list as texts, those without a value left out."""
    items: Sequence[Value] = values if isinstance(values, (list, tuple)) else (values,)
    buffer = Buffer(budget)
    between = ""
    for item in items:
        if item is not None:
            budget.spend()
            buffer.write(between)
            buffer.write(text_form(item, budget))
            between = separator
    return buffer.text()


def _repeat(budget: Budget, count: int, text: str) -> Value:
    if count < 0:
        raise UnplacedError(f"A text cannot be repeated {count} times; give 0 or more.")
    budget.spend_on_text(count * len(text))
    return text * count


def _trunc(_: Budget, size: int, text: str) -> Value:
    """The first bytes; with a negative size, the last ones."""
    total = byte_length(text)
    if size >= 0:
        return cut(text, 0, min(size, total))
    return cut(text, max(total + size, 0), total)


def _indented(budget: Budget, spaces: int, text: str) -> str:
    if spaces < 0:
        raise UnplacedError(f"A text cannot be indented by {spaces} spaces; give 0 or more.")
    lines = text.count("\n") + 1
    budget.spend_on_text(len(text) + spaces * lines)
    pad = " " * spaces
    return pad + text.replace("\n", "\n" + pad)


def _indent(budget: Budget, spaces: int, text: str) -> Value:
    return _indented(budget, spaces, text)


def _nindent(budget: Budget, spaces: int, text: str) -> Value:
    return "\n" + _indented(budget, spaces, text)


def _quote(budget: Budget, *values: Value) -> Value:
    return _quoted(budget, values, quote)


def _squote(budget: Budget, *values: Value) -> Value:
    return _quoted(budget, values, "'{}'".format)


def _quoted(budget: Budget, values: Sequence[Value], mark: Callable[[str], str]) -> str:
    buffer = Buffer(budget)
    for value in values:
        if value is not None:
            text = text_form(value, budget)
            budget.spend_on_text(16 * len(text))
            buffer.write(mark(text))
            buffer.write(" ")
    return buffer.text()[:-1]


def _to_string(budget: Budget, value: Value) -> Value:
    return text_form(value, budget)


TEXT_FUNCTIONS: Final[Mapping[str, Function]] = {
    "contains": Function("ss", _contains),
    "hasPrefix": Function("ss", _has_prefix),
    "hasSuffix": Function("ss", _has_suffix),
    "indent": Function("is", _indent),
    "join": Function("sa", _join),
    "lower": Function("s", _lower),
    "nindent": Function("is", _nindent),
    "quote": Function("a*", _quote),
    "repeat": Function("is", _repeat),
    "replace": Function("sss", _replace),
    "split": Function("ss", _split),
    "splitList": Function("ss", _split_list),
    "squote": Function("a*", _squote),
    "title": Function("s", _title),
    "toString": Function("a", _to_string),
    "trim": Function("s", _trim),
    "trimAll": Function("ss", _trim_all),
    "trimPrefix": Function("ss", _trim_prefix),
    "trimSuffix": Function("ss", _trim_suffix),
    "trunc": Function("is", _trunc),
    "upper": Function("s", _upper),
}
"""Sprig's functions on texts, by name."""
