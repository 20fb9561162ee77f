"""Headers of calls: how many there may be, and which of them templates see."""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers

from worker.gateway.triggers.refusals import RefusedError
from worker.gateway.triggers.signatures import SIGNATURE_HEADERS

LARGEST_HEADERS = 16 * 1024
"""Bytes of all headers and the query together."""

_HIDDEN = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-csrf-token"}
) | frozenset(SIGNATURE_HEADERS.values())
_SECRET_WORDS = (
    "token",
    "secret",
    "signature",
    "password",
    "credential",
    "auth",
    "api-key",
    "apikey",
    "session",
)
_NO_SECRETS = frozenset({"i-twilio-idempotency-token"})

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def check_size(headers: Headers, query: bytes) -> None:
    """Refuse more than anybody needs.

    Raises:
        RefusedError: 431.
    """
    size = len(query) + sum(len(name) + len(value) for name, value in headers.raw)
    if size > LARGEST_HEADERS:
        raise RefusedError(431, f"The headers and the query may have {LARGEST_HEADERS} bytes together.")


def shown(headers: Mapping[str, str]) -> dict[str, str]:
    """What templates see as `.trigger.headers`: nothing that proves who calls."""
    return {name: value for name, value in headers.items() if name in _NO_SECRETS or not _is_secret(name)}


def trace_of(headers: Mapping[str, str]) -> str:
    """The `traceparent` of the caller, if it is one; else an empty text."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", "").strip())
    if found is None or not (found[1].strip("0") and found[2].strip("0")):
        return ""
    return f"00-{found[1]}-{found[2]}-{found[3]}"


def _is_secret(name: str) -> bool:
    return name in _HIDDEN or any(word in name for word in _SECRET_WORDS)
