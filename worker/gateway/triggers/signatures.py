"""Signatures over bodies, as well-known senders write them."""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Literal

Scheme = Literal["github", "slack", "stripe"]

_MOST_SIGNATURES = 10

SIGNATURE_HEADERS: Mapping[Scheme, str] = {
    "github": "x-hub-signature-256",
    "slack": "x-slack-signature",
    "stripe": "stripe-signature",
}
"""Where each sender writes it."""


def signature_of(scheme: Scheme, headers: Mapping[str, str]) -> str:
    """The header with the signature; empty without one."""
    return headers.get(SIGNATURE_HEADERS[scheme], "")


def is_signed(
    scheme: Scheme,
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance_seconds: int,
    now: float | None = None,
) -> bool:
    """Whether a body has the sender's signature, and not too old a one where a time is signed as well.

    Args:
        scheme: Whose signature.
        secret: What it is made with.
        headers: By their names in small letters.
        body: As it was sent.
        tolerance_seconds: How far the signed time may be away.
        now: Seconds since 1970; by default the clock's.
    """
    key, given = secret.encode(), signature_of(scheme, headers)
    moment = time.time() if now is None else now
    match scheme:
        case "github":
            return _same(f"sha256={_hex(key, body)}", given)
        case "slack":
            stamp = headers.get("x-slack-request-timestamp", "")
            return _is_recent(stamp, moment, tolerance_seconds) and _same(
                f"v0={_hex(key, b'v0:' + stamp.encode() + b':' + body)}", given
            )
        case "stripe":
            return _stripe(key, given, body, moment, tolerance_seconds)


def signed_time(scheme: Scheme, headers: Mapping[str, str]) -> str:
    """What makes a signed call unique, where the signature is over a time as well: the signature."""
    return signature_of(scheme, headers) if scheme != "github" else ""


def _stripe(key: bytes, given: str, body: bytes, now: float, tolerance: int) -> bool:
    pairs = [part.strip().partition("=") for part in given.split(",")]
    stamp = next((value for name, _, value in pairs if name == "t"), "")
    signatures = [value for name, _, value in pairs if name == "v1"][:_MOST_SIGNATURES]
    if not _is_recent(stamp, now, tolerance):
        return False
    expected = _hex(key, stamp.encode() + b"." + body)
    matches = [_same(expected, each) for each in signatures]  # all are compared: the time tells nothing
    return any(matches)


def _is_recent(stamp: str, now: float, tolerance: int) -> bool:
    return stamp.isascii() and stamp.isdecimal() and len(stamp) < 13 and abs(now - int(stamp)) <= tolerance


def _hex(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))
