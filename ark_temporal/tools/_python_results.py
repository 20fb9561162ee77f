"""What a Python tool returned or raised, as an answer for a model."""

import logging
from collections.abc import Iterator
from typing import Final, cast

from pydantic_core import PydanticSerializationError, to_json

from ark_temporal.tools.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.types import ToolAnswer, ToolError

_log = logging.getLogger(__name__)
_MAX_ERROR: Final = 4000
"""Characters."""


def answer(name: str, result: object) -> ToolAnswer:
    """What a tool returned, for the model.

    Raises:
        ToolError: `ToolReplyTooLarge`.
    """
    if isinstance(result, ToolAnswer):
        found = result
    elif result is None:
        found = ToolAnswer(content="done")
    else:
        try:
            text = str(result) if isinstance(result, str) else _json(result)
        except (PydanticSerializationError, ValueError, TypeError, RecursionError):
            kind = type(result).__name__
            message = f'The tool "{name}" returned a {kind}, which cannot be written as JSON.'
            return ToolAnswer(content=message, is_error=True)
        found = ToolAnswer(content=text)
    encoded = found.content.encode("utf-8", "replace")
    if len(encoded) > MAX_ANSWER_BYTES:
        raise ToolError(
            "ToolReplyTooLarge",
            f'The tool "{name}" returned {len(encoded):,} bytes; an answer may have {MAX_ANSWER_BYTES:,}. '
            "Let it return pages, or a reference.",
            sent=True,
            retryable=False,
        )
    return found.model_copy(update={"content": encoded.decode()})


def _json(result: object) -> str:
    if isinstance(result, Iterator):
        raise TypeError("It may never end.")
    return to_json(result).decode()


def error_answer(name: str, error: BaseException) -> ToolAnswer:
    """What a tool raised, for the model; the log has the rest."""
    _log.warning('The tool "%s" raised an exception.', name, exc_info=error)
    return ToolAnswer(content=_told(error)[:_MAX_ERROR], is_error=True)


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return "; ".join(_told(each) for each in inner)
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the exception's own code
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
