"""A run's input, from what was given with `-i` and `--input`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cli.errors import CommandError

if TYPE_CHECKING:
    from pydantic import JsonValue


def read_input(given: Sequence[str]) -> "dict[str, JsonValue]":
    """Merge all inputs, the later winning.

    Args:
        given: Each `key=value`, a JSON object, `@file` with one, or `-` for standard input.

    Raises:
        CommandError: One is none of these, or cannot be read.
    """
    merged: dict[str, JsonValue] = {}
    for each in given:
        if each == "-" or each.startswith(("@", "{")):
            merged.update(_object(each))
        else:
            key, separator, value = each.partition("=")
            if not separator or not key:
                raise CommandError(
                    f'The input "{each}" is neither key=value nor a JSON object, @FILE or -: write it as '
                    f"-i {key or 'key'}=VALUE."
                )
            merged[key] = value
    return merged


def read_json(given: str, option: str) -> "JsonValue":
    """A JSON value: as it is, in `@file`, or on standard input for `-`.

    Raises:
        CommandError: It cannot be read, or is no JSON.
    """
    text, place = read_text(given, option), _place(given)
    try:
        return cast("JsonValue", json.loads(text))
    except RecursionError:
        raise CommandError(f"{option}: {place} nests too deeply.") from None
    except ValueError as error:
        raise CommandError(f"{option}: {place} is not JSON: {error}.") from None


def read_text(given: str, option: str) -> str:
    """Text: as it is, in `@file`, or on standard input for `-`.

    Raises:
        CommandError: It cannot be read.
    """
    if given != "-" and not given.startswith("@"):
        return given
    try:
        return sys.stdin.read() if given == "-" else Path(given[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{option}: {_place(given)} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{option}: {_place(given)} is not UTF-8 text.") from None


def _object(given: str) -> "dict[str, JsonValue]":
    value = read_json(given, "--input")
    if not isinstance(value, dict):
        raise CommandError(f'--input: {_place(given)} must be a JSON object, such as {{"topic": "tea"}}.')
    return value


def _place(given: str) -> str:
    if given == "-":
        return "what standard input holds"
    return f"the file {given[1:]}" if given.startswith("@") else "the text given"
