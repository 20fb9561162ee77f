"""Reading a model's answer: the JSON in it, and a validator's verdict."""

import json
import re

from pydantic import JsonValue

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_PASS = frozenset({"PASS", "VALID", "YES"})
_FAIL = frozenset({"FAIL", "INVALID", "NO"})


class NoJsonError(ValueError):
    """The answer holds no JSON, neither as a whole nor in a code fence."""


def extract_json(text: str) -> JsonValue:
    """The JSON that an answer is, or holds in its first code fence that parses.

    Raises:
        NoJsonError: There is none; the message says where the whole text stops being JSON.
    """
    try:
        return _strict_loads(text)
    except ValueError as whole:
        for fence in _FENCE.finditer(text):
            try:
                return _strict_loads(fence.group(1))
            except ValueError:
                continue
        raise NoJsonError(f"The answer is not JSON: {whole}.") from None


def read_verdict(text: str) -> tuple[bool, str]:
    """What a validator said: whether the output passed, and why not.

    Only the first word counts, since "INVALID" contains "VALID".
    """
    word = _WORD.search(text)
    verdict = word.group(0).upper() if word else ""
    if verdict in _PASS:
        return True, ""
    if verdict in _FAIL and word is not None:
        reason = text[word.end() :].strip(" \t\r\n:.-*_`")
        return False, reason or "The validator gave no reason."
    return False, f"The validator answered neither VALID nor INVALID but {text[:80].strip()!r}."


def _strict_loads(text: str) -> JsonValue:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")
