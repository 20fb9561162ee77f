"""Sprig's defaults, lists, maps and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ark_temporal.templates.errors import UnplacedError
from ark_temporal.templates.json_text import from_json, to_json
from ark_temporal.templates.limits import Budget
from ark_temporal.templates.printing import text_form
from ark_temporal.templates.signatures import Function
from ark_temporal.templates.values import Untrusted, Value, origins, sorted_keys, truth


def _default(_: Budget, fallback: Value, *given: Value) -> Value:
    return given[0] if given and truth(given[0]) else fallback


def _empty(_: Budget, value: Value) -> Value:
    return not truth(value)


def _coalesce(_: Budget, *values: Value) -> Value:
    return next((value for value in values if truth(value)), None)


def _ternary(_: Budget, yes: Value, no: Value, condition: bool) -> Value:
    return yes if condition else no


def _list(_: Budget, *values: Value) -> Value:
    return list(values)


def _dict(budget: Budget, *pairs: Value) -> Value:
    """Keys and values in turn; a last key without a value gets the empty string."""
    values = [*pairs[1::2], ""]
    return {_key(key, budget): value for key, value in zip(pairs[::2], values, strict=False)}


def _key(value: Value, budget: Budget) -> str:
    """The value itself if it is a text, else its text, as untrusted as what is in it."""
    if isinstance(value, str):
        return value
    text = text_form(value, budget)
    sources = origins(value, budget)
    return Untrusted(text, ",".join(sources)) if sources else text


def _get(_: Budget, mapping: Mapping[str, Value], key: str) -> Value:
    return mapping.get(key, "")


def _has_key(_: Budget, mapping: Mapping[str, Value], key: str) -> Value:
    return key in mapping


def _keys(budget: Budget, *mappings: Mapping[str, Value]) -> Value:
    """The keys of the maps one after the other, each map's sorted."""
    budget.spend(sum(map(len, mappings)))
    return [key for mapping in mappings for key in sorted_keys(mapping)]


def _values(budget: Budget, *mappings: Mapping[str, Value]) -> Value:
    """The values of the maps in the order of `keys`."""
    budget.spend(sum(map(len, mappings)))
    return [mapping[key] for mapping in mappings for key in sorted_keys(mapping)]


def _first(_: Budget, items: Sequence[Value]) -> Value:
    return items[0] if items else None


def _last(_: Budget, items: Sequence[Value]) -> Value:
    return items[-1] if items else None


def _rest(budget: Budget, items: Sequence[Value]) -> Value:
    budget.spend(len(items))
    return list(items[1:])


def _initial(budget: Budget, items: Sequence[Value]) -> Value:
    budget.spend(len(items))
    return list(items[:-1])


def _reverse(budget: Budget, items: Sequence[Value]) -> Value:
    budget.spend(len(items))
    return list(reversed(items))


def _sort_alpha(budget: Budget, items: Sequence[Value]) -> Value:
    """The elements as texts, sorted."""
    budget.spend(len(items))
    texts = [_key(item, budget) for item in items if item is not None]
    return [*sorted(texts)]


def _fail(_: Budget, message: str) -> Value:
    raise UnplacedError(message)


def _to_json(budget: Budget, value: Value) -> Value:
    return to_json(value, budget, escape_html=True)


def _to_raw_json(budget: Budget, value: Value) -> Value:
    return to_json(value, budget, escape_html=False)


def _to_pretty_json(budget: Budget, value: Value) -> Value:
    return to_json(value, budget, escape_html=True, indent="  ")


def _from_json(budget: Budget, text: str) -> Value:
    return from_json(text, budget)


DATA_FUNCTIONS: Final[Mapping[str, Function]] = {
    "coalesce": Function("a*", _coalesce, selects=True),
    "default": Function("aa*", _default, selects=True),
    "dict": Function("a*", _dict, selects=True),
    "empty": Function("a", _empty),
    "fail": Function("s", _fail),
    "first": Function("l", _first, selects=True),
    "fromJson": Function("s", _from_json),
    "get": Function("ms", _get, selects=True),
    "hasKey": Function("ms", _has_key),
    "initial": Function("l", _initial, selects=True),
    "keys": Function("m*", _keys, selects=True),
    "last": Function("l", _last, selects=True),
    "list": Function("a*", _list, selects=True),
    "rest": Function("l", _rest, selects=True),
    "reverse": Function("l", _reverse, selects=True),
    "sortAlpha": Function("l", _sort_alpha, selects=True),
    "ternary": Function("aab", _ternary, selects=True),
    "toJson": Function("a", _to_json),
    "toPrettyJson": Function("a", _to_pretty_json),
    "toRawJson": Function("a", _to_raw_json),
    "values": Function("m*", _values, selects=True),
}
"""Sprig's functions on any data, by name."""
