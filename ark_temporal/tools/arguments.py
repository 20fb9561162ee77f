"""Checking the arguments that a model gave, before anything is called."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from pydantic import JsonValue

from ark_temporal.linear_schema import UnusableSchemaError, violations
from ark_temporal.tools.limits import MAX_ARGUMENT_BYTES
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    from jsonschema import ValidationError

_MAX_PROBLEMS: Final = 5
_MAX_MESSAGE: Final = 300
_MAX_PLACE: Final = 100
_MAX_NAMES: Final = 20


def check_arguments(schema: Mapping[str, JsonValue], arguments: Mapping[str, JsonValue]) -> str | None:
    """What is wrong with the arguments of a call, told so that a model can do better; None where nothing is.

    Args:
        schema: JSON Schema of the arguments. Nothing that it refers to is fetched.
        arguments: As the model gave them.

    Raises:
        ToolError: `ToolNotConfigured`: the schema cannot be applied to any arguments.
    """
    problem = check_size(arguments)
    if problem is not None:
        return problem
    problems: list[str] = []
    try:
        for error in violations(dict(arguments), dict(schema)):
            if len(problems) == _MAX_PROBLEMS:
                problems.append("And more.")
                break
            problems.append(_problem(error))
    except UnusableSchemaError as error:
        raise ToolError(
            "ToolNotConfigured",
            f"The input schema of the tool {error}. Correct it where the tool is declared.",
            sent=False,
            retryable=False,
        ) from None
    except RecursionError:
        return "The arguments are nested too deeply."
    return wrong_arguments(problems) if problems else None


def check_size(arguments: Mapping[str, JsonValue]) -> str | None:
    """The same, about their size and whether they can be written as JSON at all."""
    try:
        size = len(json.dumps(arguments, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        return "The arguments are nested too deeply."
    except ValueError:
        return "The arguments hold a number that JSON does not have, such as NaN or Infinity."
    if size > MAX_ARGUMENT_BYTES:
        return (
            f"The arguments are too large: {size:,} bytes of JSON; at most {MAX_ARGUMENT_BYTES:,} are taken."
        )
    return None


def wrong_arguments(problems: Iterable[str]) -> str:
    """Sentences about single arguments, as one answer to the model."""
    return "\n".join(
        ("The tool was not called, because its arguments are wrong.", *(f"- {each}" for each in problems))
    )


def place(path: Iterable[str | int]) -> str:
    """The name of an argument or of what is inside it, as in `items[0].name`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")[:_MAX_PLACE]


def _problem(error: "ValidationError") -> str:
    where = place(error.absolute_path)
    about = f"Argument {where}: " if where else ""
    return f"{about}{error.message[:_MAX_MESSAGE]}{_expected(error)}."


def _expected(error: "ValidationError") -> str:
    """What would have been right, where the message does not say it."""
    keyword, schema = str(error.validator), cast(JsonValue, error.schema)
    if keyword in ("anyOf", "oneOf", "not"):
        return f"; expected: {json.dumps(error.validator_value)[:_MAX_MESSAGE]}"
    if not isinstance(schema, dict) or keyword not in ("additionalProperties", "unevaluatedProperties"):
        return ""
    properties = schema.get("properties")
    known = ", ".join(list(properties)[:_MAX_NAMES]) if isinstance(properties, dict) else ""
    return f"; known are: {known}" if known else "; there are no arguments here"
