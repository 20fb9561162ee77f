"""Bodies of calls: read within limits, and turned into what templates see."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from email.message import Message
from urllib.parse import parse_qsl

from pydantic import JsonValue
from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from worker.gateway.triggers.refusals import RefusedError

MOST_FIELDS = 1000
DEEPEST = 64

_THROWN_AWAY, _THROWING_SECONDS = 4 * 1024 * 1024, 2.0

_FORM = "application/x-www-form-urlencoded"
_UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})


class Body:
    """The body of a call, read when somebody wants it, and once.

    Args:
        request: The call.
        limit: Bytes that it may have.
        seconds: How long it may take to arrive.
    """

    def __init__(self, request: Request, *, limit: int, seconds: float) -> None:
        self._request = request
        self._limit = limit
        self._seconds = seconds
        self._read: bytes | None = None

    async def raw(self) -> bytes:
        """The body as it was sent.

        Raises:
            RefusedError: 413 where it is too long, 408 where it does not come, 415 where it is compressed.
            ClientDisconnect: Whoever called has gone.
        """
        if self._read is None:
            coding = self._request.headers.get("content-encoding", "identity").strip().lower()
            if coding not in ("", "identity"):
                raise RefusedError(415, "The body must not be compressed: send it without Content-Encoding.")
            told = self._request.headers.get("content-length", "0")
            if not told.isdecimal() or int(told) > self._limit:
                raise await self._too_large()
            try:
                async with asyncio.timeout(self._seconds):
                    self._read = await self._all()
            except TimeoutError:
                raise RefusedError(408, "The body did not come to its end in time.") from None
        return self._read

    async def parsed(self) -> JsonValue:
        """What templates see as `.trigger.body`; None where nothing was sent.

        Raises:
            RefusedError: 400 where it is not what its type says, 415 where that type is not read; and those
                of `raw`.
        """
        raw = await self.raw()
        if not raw:
            return None
        return _bounded(await _parse(raw, self._request.headers), raw)

    async def _all(self) -> bytes:
        body = bytearray()
        async for chunk in self._request.stream():
            body += chunk
            if len(body) > self._limit:
                raise await self._too_large()
        return bytes(body)

    async def _too_large(self) -> RefusedError:
        """The refusal, once a little more was thrown away: who still sends would not hear it otherwise."""
        rest = _THROWN_AWAY
        if "expect" not in self._request.headers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_THROWING_SECONDS):
                    while rest > 0 and (message := await self._request.receive()).get("more_body"):
                        rest -= len(message.get("body", b""))
        return RefusedError(413, f"The body may have {self._limit} bytes.", {"Connection": "close"})


async def _parse(raw: bytes, headers: Headers) -> JsonValue:
    said = _content_type(headers.get("content-type", ""))
    kind = said.get_content_type() if "content-type" in said else ""
    if (said.get_content_charset("") or "").lower() not in _UTF_8:
        raise RefusedError(415, "The body must be in UTF-8.")
    if kind == _FORM:
        return _form(raw)
    if kind == "multipart/form-data":
        return await _multipart(raw, headers, said.get_boundary(""))
    if kind in ("", "application/json") or kind.endswith("+json"):
        return _json(raw)
    if kind.startswith("text/"):
        return _text(raw)
    raise RefusedError(
        415, "The body must be JSON, a form or text: send Content-Type: application/json, or one of those."
    )


def _content_type(header: str) -> Message:
    """The header, taken apart; without it where it says nothing."""
    message = Message()
    if "/" in header:
        message["content-type"] = header
    return message


def _json(raw: bytes) -> JsonValue:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise RefusedError(400, "The body is not JSON that can be read.") from None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise RefusedError(400, "The body is not UTF-8 text.") from None


def _form(raw: bytes) -> JsonValue:
    """The fields of a form, the last of each name; or the JSON object that `curl -d` calls a form."""
    if raw.lstrip()[:1] == b"{":
        try:
            return from_json(raw, allow_inf_nan=False)
        except ValueError:
            pass
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise RefusedError(400, "The form is not UTF-8.") from None
    except ValueError:
        raise _too_many() from None
    return dict(pairs)


async def _multipart(raw: bytes, headers: Headers, boundary: str) -> JsonValue:
    if not boundary or f"--{boundary}--".encode() not in raw:
        raise RefusedError(400, "The multipart body does not come to its end, or names no boundary.")
    parser = MultiPartParser(
        headers, _once(raw), max_files=MOST_FIELDS, max_fields=MOST_FIELDS, max_part_size=len(raw)
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise RefusedError(
            400, f"The multipart body cannot be read, or has more than {MOST_FIELDS} fields."
        ) from None
    try:
        fields: dict[str, JsonValue] = {}
        for name, value in form.multi_items():
            if not isinstance(value, str):
                raise RefusedError(
                    415, "Files are not taken: send text fields, or a URL under which the file can be read."
                )
            fields[name] = value
    finally:
        await form.close()
    return fields


async def _once(raw: bytes) -> AsyncGenerator[bytes]:
    yield raw


def _bounded(value: JsonValue, raw: bytes) -> JsonValue:
    """The value, unless it is nested deeper than templates and histories want it."""
    if raw.count(b"{") + raw.count(b"[") <= DEEPEST:
        return value
    level: list[JsonValue] = [value]
    for _ in range(DEEPEST + 1):
        nested: list[JsonValue] = []
        for each in level:
            if isinstance(each, dict):
                nested += [item for item in each.values() if isinstance(item, dict | list)]
            elif isinstance(each, list):
                nested += [item for item in each if isinstance(item, dict | list)]
        if not nested:
            return value
        level = nested
    raise RefusedError(400, f"The body is nested deeper than {DEEPEST} levels.")


def _too_many() -> RefusedError:
    return RefusedError(400, f"The form has more than {MOST_FIELDS} fields.")
