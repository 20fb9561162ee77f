"""Links that let one person decide one thing: signed, for a while, and good for what was shown alone.

They are made where messages are, and read where people open them: both have the same key.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import Field, ValidationError

from ark_temporal.wire import FrozenWire

URL_VARIABLE = "ARK_GATEWAY_URL"
"""Where people reach the gateway, such as `https://ark.example.com`."""

KEY_VARIABLE = "ARK_LINK_KEY"
"""The key that links are signed with, the same for workers and gateways."""

SHORTEST_KEY = 32
"""Characters that a key has at least."""

_LONGEST = 4096
_PURPOSE = b"ark-temporal approval link 1\n"
"""Stands before what is signed, so that nothing else signed with the key can pass for a link."""


class LinkRefusedError(ValueError):
    """A link is none of ours, or was changed."""


class LinkExpiredError(ValueError):
    """A link's time is up."""


class ApprovalLink(FrozenWire):
    """What a link says.

    Attributes:
        run: The run that waits.
        approval: The id of what it waits for.
        digest: Of what is decided about, as the message showed it.
        by: Who was asked.
        expires: Seconds since 1970, UTC.
    """

    run: str
    approval: str
    digest: str = ""
    by: str
    expires: int = Field(ge=0)


def sign_link(
    key: bytes, base_url: str, run: str, approval: str, digest: str, by: str, expires_at: datetime
) -> str:
    """The link with which one person decides one thing.

    Args:
        key: Of at least 32 bytes.
        base_url: The gateway's.
        run: The run that waits.
        approval: The id of what it waits for.
        digest: Of its subject, as the message shows it.
        by: Who gets the message.
        expires_at: When the link's time is up; with a time zone.

    Raises:
        ValueError: The key is too short, or the time has no zone.
    """
    _check(key)
    if expires_at.tzinfo is None:
        raise ValueError("The time at which a link expires needs a time zone.")
    said = ApprovalLink(run=run, approval=approval, digest=digest, by=by, expires=int(expires_at.timestamp()))
    payload = _encode(said.model_dump_json().encode())
    return f"{base_url.rstrip('/')}/approve/{payload}.{_encode(_signature(key, payload))}"


def read_link(key: bytes, token: str, now: datetime) -> ApprovalLink:
    """What the last part of a link says.

    Raises:
        LinkRefusedError: It was not signed with this key, or was changed since.
        LinkExpiredError: Its time is up.
        ValueError: The key is too short.
    """
    _check(key)
    payload, _, signature = token.partition(".")
    try:
        if len(token) > _LONGEST or not hmac.compare_digest(_decode(signature), _signature(key, payload)):
            raise LinkRefusedError("The link was not made here, or was changed on its way.")
        link = ApprovalLink.model_validate_json(_decode(payload))
    except (binascii.Error, UnicodeError, ValidationError):
        raise LinkRefusedError("The link is not complete, or was changed on its way.") from None
    if now.timestamp() >= link.expires:
        until = datetime.fromtimestamp(link.expires, UTC)
        raise LinkExpiredError(f"The link was good until {until:%Y-%m-%d %H:%M} UTC.")
    return link


def link_key(environment: Mapping[str, str]) -> bytes | None:
    """The key that an environment has; None without one.

    Raises:
        ValueError: It is too short.
    """
    key = environment.get(KEY_VARIABLE, "").strip().encode()
    if key:
        _check(key)
    return key or None


def _check(key: bytes) -> None:
    if len(key) < SHORTEST_KEY:
        raise ValueError(
            f"{KEY_VARIABLE} has {len(key)} characters, and needs {SHORTEST_KEY}: take the output of "
            "`openssl rand -hex 32`."
        )


def _signature(key: bytes, payload: str) -> bytes:
    return hmac.new(key, _PURPOSE + payload.encode(), hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """The bytes behind the one way to write them, so that a link has one form."""
    data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data) != text:
        raise binascii.Error
    return data
