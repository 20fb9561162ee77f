"""One message, sent once. Temporal owns all retries."""

import asyncio
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from ark_temporal.foreign_errors import certificate_error
from ark_temporal.notify.messages import Body
from ark_temporal.tools._webhook_request import header_items, parse_url
from ark_temporal.tools.types import ToolError

SEND_SECONDS: Final = 10.0
"""From looking the host up to the first line of its answer."""

_LONGEST_WAIT: Final = timedelta(days=1)
_MAX_REASON_BYTES: Final = 100
_REASON_SECONDS: Final = 1.0
_REASON = re.compile(rb"[a-z_]+")
"""Slack says what is wrong in one word, such as `channel_is_archived`. Nothing else is worth the risk of
repeating a secret."""


class NotSentError(Exception):
    """Nobody can be sure that the message arrived.

    Attributes:
        retryable: Whether it may arrive later.
        wait: How long the other side asks to wait.
    """

    def __init__(self, message: str, *, retryable: bool, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.wait = wait


async def send(
    client: httpx2.AsyncClient, url: str, body: Body, *, headers: Mapping[str, str], key: str
) -> None:
    """Post a message. Any answer of 2xx means that it arrived; what else the answer holds is not read.

    Args:
        client: One that checks where it connects to, as `guarded_client` gives.
        url: With its secrets.
        body: The message.
        headers: With the values of secrets.
        key: Sent as `Idempotency-Key`.

    Raises:
        NotSentError: Its message may name the host, which can be a secret too, and nothing else of the URL.
    """
    try:
        target = parse_url(url)
        typed = {"Content-Type": body.content_type, **headers}
        items = header_items(typed, key, has_body=True)
        request = client.build_request(
            "POST", target, headers=items, content=body.content, timeout=SEND_SECONDS
        )
        async with asyncio.timeout(SEND_SECONDS):
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                await _check(response)
            finally:
                await response.aclose()
    except ToolError as error:
        raise NotSentError(str(error), retryable=error.retryable) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _failure(error) from None


async def _check(response: httpx2.Response) -> None:
    status = response.status_code
    if response.is_success:
        return
    if response.is_redirect:
        why = f"It answered HTTP {status}, a redirect, and redirects are not followed. Change the address."
        raise NotSentError(why, retryable=False)
    retryable = status == 429 or status >= 500
    why = f"It answered HTTP {status}{await _reason(response)}."
    raise NotSentError(why, retryable=retryable, wait=_wait(response) if retryable else None)


async def _reason(response: httpx2.Response) -> str:
    content = b""
    try:
        async with asyncio.timeout(_REASON_SECONDS):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > _MAX_REASON_BYTES:
                    return ""
    except (httpx2.HTTPError, TimeoutError):
        return ""  # the status is known, and says enough
    word = content.strip()
    return f": {word.decode()}" if _REASON.fullmatch(word) else ""


def _wait(response: httpx2.Response) -> timedelta | None:
    """What `Retry-After` says, in seconds or as a date."""
    header = response.headers.get("retry-after", "")
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    if not math.isfinite(seconds) or seconds <= 0:
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))


def _seconds_until(http_date: str) -> float:
    try:
        when = parsedate_to_datetime(http_date)
    except ValueError:
        return 0
    at = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()


def _failure(error: Exception) -> NotSentError:
    """By facts, and not by other libraries' messages, which may quote the URL."""
    certificate = certificate_error(error)
    if certificate is not None:
        why = f"Its certificate is not valid: {certificate.verify_message}."
        return NotSentError(why, retryable=False)
    match error:
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL() | httpx2.LocalProtocolError():
            return NotSentError("The request cannot be written in HTTP.", retryable=False)
        case httpx2.ConnectError() | httpx2.ConnectTimeout():
            return NotSentError("It cannot be connected to.", retryable=True)
        case httpx2.TimeoutException() | TimeoutError():
            return NotSentError(f"It did not answer within {SEND_SECONDS:g} seconds.", retryable=True)
        case _:
            return NotSentError("The connection was lost before it answered in HTTP.", retryable=True)
