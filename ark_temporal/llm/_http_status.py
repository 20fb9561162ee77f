"""What a provider means by an answer that is not a 2xx."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from pydantic import JsonValue

from ark_temporal.llm.errors import ModelErrorType

_BY_STATUS: Final[dict[int, ModelErrorType]] = {
    401: "ModelAuthenticationError",
    402: "ModelQuotaExhausted",
    403: "ModelPermissionError",
    404: "ModelNotFound",
    408: "ModelTimeout",
    409: "ModelUnavailable",
    413: "ModelContextTooLong",
    429: "ModelRateLimited",
    529: "ModelOverloaded",
}
_RETRYABLE_BELOW_500: Final = frozenset({408, 409, 429})

# Providers name these cases by code, by type or only in words. A code is looked for first.
_BY_CODE: Final[dict[str, ModelErrorType]] = {
    "insufficient_quota": "ModelQuotaExhausted",
    "billing_error": "ModelQuotaExhausted",
    "billing_not_active": "ModelQuotaExhausted",
    "billing_hard_limit_reached": "ModelQuotaExhausted",
    "context_length_exceeded": "ModelContextTooLong",
    "exceed_context_size_error": "ModelContextTooLong",
    "request_too_large": "ModelContextTooLong",
    "content_filter": "ModelRefused",
    "content_policy_violation": "ModelRefused",
    "model_not_found": "ModelNotFound",
    "overloaded_error": "ModelOverloaded",
    "API_KEY_INVALID": "ModelAuthenticationError",
}
_BY_WORDS: Final[tuple[tuple[re.Pattern[str], ModelErrorType], ...]] = (
    (re.compile(r"credit balance is too low", re.IGNORECASE), "ModelQuotaExhausted"),
    (re.compile(r"API key not valid", re.IGNORECASE), "ModelAuthenticationError"),
    (
        re.compile(
            r"(prompt|input) is too long|context (length|window|size|limit)"
            r"|maximum (model|prompt) length|exceeds the maximum number of tokens"
            # As inference servers word it: `inputs` tokens + `max_new_tokens` must be <= 4096.
            r"|inputs. tokens .*must be <=",
            re.IGNORECASE,
        ),
        "ModelContextTooLong",
    ),
)
_STATUSES_READ_BY_WORDS: Final = frozenset({400, 413, 422})
_NEVER_RETRYABLE: Final = frozenset[ModelErrorType](
    {"ModelQuotaExhausted", "ModelContextTooLong", "ModelRefused"}
)


@dataclass(frozen=True)
class StatusMeaning:
    """A failed call in our vocabulary.

    Attributes:
        type: What kind of failure.
        retryable: Whether the same call may succeed later.
        retry_after: Seconds the provider asked to wait, or None.
        message: The provider's own words, raw and of any length; may hold what must not be shown.
    """

    type: ModelErrorType
    retryable: bool
    retry_after: float | None
    message: str


def read_status(status: int, headers: Mapping[str, str], body: bytes) -> StatusMeaning:
    """Say what a failed call means.

    Args:
        status: HTTP status outside 200 to 299.
        headers: The answer's headers, found by lower-case name.
        body: The answer's body, or its beginning.
    """
    error = _error_object(body)
    words = _words(error) or body.decode("utf-8", "replace")
    type = _type(status, error, words)
    retryable = _retryable(status, headers) and type not in _NEVER_RETRYABLE
    return StatusMeaning(
        type=type,
        retryable=retryable,
        retry_after=_retry_after(headers, error) if retryable else None,
        message=words,
    )


def _error_object(body: bytes) -> dict[str, JsonValue]:
    """The error of a body, wherever the provider puts it; empty when there is none to read."""
    try:
        found: JsonValue = json.loads(body)
    except ValueError:
        return {}
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict) and "error" in found:
        found = found["error"]
    if isinstance(found, str):
        return {"message": found}
    return found if isinstance(found, dict) else {}


def _type(status: int, error: dict[str, JsonValue], words: str) -> ModelErrorType:
    for code in _codes(error):
        if code in _BY_CODE:
            return _BY_CODE[code]
    if status in _STATUSES_READ_BY_WORDS:
        for pattern, type in _BY_WORDS:
            if pattern.search(words):
                return type
    return _BY_STATUS.get(status, "ModelUnavailable" if status >= 500 else "ModelBadRequest")


def _codes(error: dict[str, JsonValue]) -> Iterator[str]:
    for name in ("code", "type", "status"):
        value = error.get(name)
        if isinstance(value, str):
            yield value
    for detail in _details(error):
        reason = detail.get("reason")
        if isinstance(reason, str):
            yield reason


def _details(error: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict):
            yield detail


def _words(error: dict[str, JsonValue]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) else ""


def _retryable(status: int, headers: Mapping[str, str]) -> bool:
    told = headers.get("x-should-retry", "").strip().lower()
    if told in ("true", "false"):
        return told == "true"
    return status >= 500 or status in _RETRYABLE_BELOW_500


def _retry_after(headers: Mapping[str, str], error: dict[str, JsonValue]) -> float | None:
    """Seconds to wait, by the most exact of the ways in which providers say it."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    header = headers.get("retry-after")
    seconds = _number(header)
    if seconds is None and header:
        seconds = _seconds_until(header)
    return _retry_delay(error) if seconds is None else seconds


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return max(number, 0.0) if math.isfinite(number) else None


def _seconds_until(http_date: str) -> float | None:
    try:
        when = parsedate_to_datetime(http_date)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def _retry_delay(error: dict[str, JsonValue]) -> float | None:
    """Gemini says it in the body: `{"retryDelay": "34s"}` among the error's details."""
    for detail in _details(error):
        delay = detail.get("retryDelay")
        if isinstance(delay, str):
            return _number(delay.removesuffix("s"))
    return None
