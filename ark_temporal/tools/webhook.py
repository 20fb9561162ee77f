"""Tools that are an HTTP request."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Literal

import httpx2
from pydantic import JsonValue

from ark_temporal.foreign_errors import certificate_error
from ark_temporal.tools._reply_text import reply_text
from ark_temporal.tools._webhook_request import (
    UnfitArgumentsError,
    header_items,
    not_configured,
    parse_url,
    with_query,
)
from ark_temporal.tools.arguments import check_arguments, wrong_arguments
from ark_temporal.tools.egress import EgressPolicy
from ark_temporal.tools.limits import MAX_ANSWER_BYTES
from ark_temporal.tools.types import ToolAnswer, ToolError

_CONNECT_SECONDS: Final = 10.0
_MAX_ERROR_BYTES: Final = 64 * 1024
_IN_QUERY: Final = frozenset({"GET", "DELETE"})


@dataclass(frozen=True)
class WebhookCall:
    """Where a webhook tool is and what it takes.

    Attributes:
        url: As rendered, with secrets if it has any.
        method: GET and DELETE take the arguments in the query, the others as a JSON body.
        headers: With the values of secrets.
        input_schema: JSON Schema of the arguments.
        timeout_seconds: The longest that a call takes, from looking the host up to the last byte.
        only: What its manifest narrows the operator's policy to.
    """

    url: str = field(repr=False)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    input_schema: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    timeout_seconds: float = 60.0
    only: EgressPolicy | None = None


async def call_webhook(
    client: httpx2.AsyncClient, call: WebhookCall, arguments: Mapping[str, JsonValue], *, key: str
) -> ToolAnswer:
    """Send one request and read its answer, whatever its status. Nothing is retried or followed.

    Args:
        client: One that checks where it connects to, as `guarded_client` gives.
        call: The tool.
        arguments: As the model gave them.
        key: Sent as `Idempotency-Key`.

    Returns:
        The answer's text. Wrong arguments, redirects and statuses other than 2xx are errors for the model.

    Raises:
        ToolError: There was no whole answer, or nothing could be sent. Its message holds neither the URL's
            query nor any header's value.
    """
    url = parse_url(call.url)
    if call.only is not None:
        call.only.check_host(url.host, url.port or (443 if url.scheme == "https" else 80))
    problem = check_arguments(call.input_schema, arguments)
    if problem is not None:
        return ToolAnswer(content=problem, is_error=True)
    body = None if call.method in _IN_QUERY else json.dumps(arguments).encode()
    headers = header_items(call.headers, key, has_body=body is not None)
    try:
        target = with_query(url, arguments) if body is None else url
    except UnfitArgumentsError as error:
        return ToolAnswer(content=wrong_arguments([str(error)]), is_error=True)
    seconds = call.timeout_seconds
    progress = _Progress()
    request = client.build_request(
        call.method,
        target,
        headers=headers,
        content=body,
        timeout=httpx2.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds)),
        extensions={"trace": progress.note},
    )
    try:
        async with asyncio.timeout(seconds):
            return await _exchange(client, request)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise _failure(error, _origin(url), seconds, sent=progress.sent) from None


class _Progress:
    """Whether any of the request may have gone out. A connection is made before that."""

    def __init__(self) -> None:
        self.sent = False

    async def note(self, event: str, info: Mapping[str, object]) -> None:
        self.sent = self.sent or event.endswith(".send_request_headers.started")


async def _exchange(client: httpx2.AsyncClient, request: httpx2.Request) -> ToolAnswer:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        if response.is_success:
            return await _success(response)
        if response.has_redirect_location:
            return ToolAnswer(content=_redirect(response), is_error=True)
        text = await _error_body(response)
        content = f"HTTP {_status(response)}\n{text}".rstrip()
        unauthorised = response.status_code == HTTPStatus.UNAUTHORIZED
        return ToolAnswer(content=content, is_error=True, unauthorised=unauthorised)
    finally:
        await response.aclose()


async def _success(response: httpx2.Response) -> ToolAnswer:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ToolError(
                "ToolReplyTooLarge",
                f"{_origin(response.url)} sends more than {MAX_ANSWER_BYTES:,} bytes, the most that a tool's "
                "answer may have. Let the tool answer in pages, or with a reference.",
                sent=True,
                retryable=False,
            )
    if not content:
        return ToolAnswer(content=f"The tool answered {_status(response)}, without content.")
    return ToolAnswer(content=reply_text(response.headers.get("content-type", ""), bytes(content)))


async def _error_body(response: httpx2.Response) -> str:
    """As much of an error's body as helps; the status counts even when the body breaks off."""
    content = bytearray()
    with suppress(httpx2.TransportError, httpx2.DecodingError):
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > _MAX_ERROR_BYTES:
                break
    text = reply_text(response.headers.get("content-type", ""), bytes(content[:_MAX_ERROR_BYTES]))
    if not content:
        return ""
    return f"{text}\n[cut]" if len(content) > _MAX_ERROR_BYTES else text


def _redirect(response: httpx2.Response) -> str:
    try:
        target = response.url.join(response.headers["location"])
        where = f"{_origin(target)}{target.path}" if target.host else "an address without a host"
    except (httpx2.InvalidURL, ValueError):
        where = "an address that is not a URL"
    return (
        f"HTTP {_status(response)}: the tool redirects to {where[:1000]}, and redirects are not followed. "
        "The address of the tool has to be changed where it is declared."
    )


def _status(response: httpx2.Response) -> str:
    with suppress(ValueError):
        return f"{response.status_code} {HTTPStatus(response.status_code).phrase}"
    return str(response.status_code)


def _origin(url: httpx2.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def _failure(error: Exception, origin: str, seconds: float, *, sent: bool) -> ToolError:
    """The error that says what happened, by facts and not by other libraries' messages."""
    match error:
        case httpx2.ConnectTimeout():
            return _no_answer(
                "ToolUnreachable", f"{origin} does not accept a connection in time.", sent=False
            )
        case httpx2.TimeoutException() | TimeoutError():
            what = "gave no whole answer" if sent else "could not be called"
            return _no_answer("ToolTimeout", f"{origin} {what} within {seconds:g} seconds.", sent=sent)
        case httpx2.ConnectError():
            certificate = certificate_error(error)
            if certificate is None:
                return _no_answer("ToolUnreachable", f"{origin} cannot be connected to.", sent=False)
            why = f"The certificate of {origin} is not valid: {certificate.verify_message}."
            return _no_answer("ToolUnreachable", why, sent=False, retryable=False)
        case httpx2.DecodingError():
            why = f"The answer of {origin} is not compressed in the way that it says."
            return _no_answer("ToolBadReply", why, sent=True, retryable=False)
        case httpx2.RemoteProtocolError() if not _is_broken_off(error):
            return _no_answer(
                "ToolBadReply", f"{origin} does not answer in HTTP.", sent=sent, retryable=False
            )
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL() | httpx2.LocalProtocolError():
            return not_configured(f"The request to {origin} cannot be written in HTTP.")
        case _:
            why = f"The connection to {origin} was lost before the answer was complete."
            return _no_answer("ToolConnectionLost", why, sent=sent)


def _no_answer(
    type: Literal["ToolUnreachable", "ToolTimeout", "ToolBadReply", "ToolConnectionLost"],
    message: str,
    *,
    sent: bool,
    retryable: bool = True,
) -> ToolError:
    return ToolError(type, message, sent=sent, retryable=retryable)


def _is_broken_off(error: httpx2.RemoteProtocolError) -> bool:
    """Whether the server closed the connection too early, and did not just send nonsense."""
    return str(error).startswith(
        ("Server disconnected", "peer closed connection", "peer unexpectedly closed")
    )
