"""Reading a model's answer: the JSON in it, and a validator's verdict."""

import json
import math
import re
from itertools import islice

from pydantic import JsonValue

_FENCE = re.compile(r"```[^\n`]*\n\s*")
_FENCE_END = re.compile(r"\s*```")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_WORD = re.compile(r"[A-Za-z]+")
_MAX_REASON = 2000
_MAX_FENCES = 100
"""How many fences are tried: each failure costs as much as the whole text is long."""
_PASS = frozenset({"PASS", "VALID", "YES"})
_FAIL = frozenset({"FAIL", "INVALID", "NO"})


class NoJsonError(ValueError):
    """The answer holds no JSON, neither as a whole nor in a code fence."""


def extract_json(text: str) -> JsonValue:
    """The JSON that an answer is, or holds in the first code fence that parses.

    Raises:
        NoJsonError: There is none; the message says where the whole text stops being JSON.
    """
    try:
        return _strict_loads(text)
    except ValueError as whole:
        for fence in islice(_FENCE.finditer(text), _MAX_FENCES):
            try:
                return _loads_in_fence(text, fence.end())
            except ValueError:
                continue
        raise NoJsonError(f"The answer is not JSON: {whole}.") from None


def read_verdict(text: str) -> tuple[bool, str]:
    """What a validator said: whether the output passed, and why not.

    Only the first word counts, since "INVALID" contains "VALID". A JSON object has no first word: that of
    `{"valid": false}` would say the opposite.
    """
    word = None if text.lstrip().startswith("{") else _WORD.search(text)
    verdict = word.group(0).upper() if word else ""
    if verdict in _PASS:
        return True, ""
    if verdict in _FAIL and word is not None:
        reason = text[word.end() :].strip(" \t\r\n:.-*_`")
        return False, reason[:_MAX_REASON] or "The validator gave no reason."
    return False, f"The validator answered neither VALID nor INVALID but {text[:80].strip()!r}."


def _strict_loads(text: str) -> JsonValue:
    try:
        return _writable(json.loads(text, parse_constant=_no_constant, parse_float=_finite), text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _loads_in_fence(text: str, start: int) -> JsonValue:
    """The JSON from there to the fence's end. A string in it may hold fences of its own."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if _FENCE_END.match(text, end) is None:
        raise ValueError("the fence holds more than JSON")
    return _writable(value, text)


def _writable(value: JsonValue, text: str) -> JsonValue:
    """The value, unless a string in it is half of a surrogate pair, which cannot be written as JSON again."""
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a string in it holds half of a surrogate pair") from None
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
