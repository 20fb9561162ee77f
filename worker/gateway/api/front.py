"""What every request passes: who is addressed, who asks, how long it may take, what is logged of it."""

import asyncio
import contextlib
import ipaddress
import logging
import re
import secrets
import time
import traceback
from collections.abc import Collection
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from worker.gateway.access.authentication import Access, NotAuthenticatedError
from worker.gateway.access.jwt import KeysUnavailableError
from worker.gateway.access.roles import Principal
from worker.gateway.api.problems import ApiError, problem_response

API = "/api/v1"
OPEN_PATHS = frozenset({f"{API}/openapi.json"})
"""What of the API everybody may read."""

REQUEST_SECONDS = 90.0
"""How long an answer may be in coming; `?wait` of the API is shorter."""

TRIGGER_SECONDS = 330.0
"""The same for webhooks, which may wait for a run's result for 300 seconds."""

LARGEST_BODY_BYTES = 4 * 1024 * 1024
"""Of a request to the API."""

_LARGEST_FORM_BYTES = 64 * 1024
_THROWN_AWAY_BYTES, _THROWING_SECONDS = 8 * 1024 * 1024, 2.0
_LINK = "/approve/"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_WEBHOOKS = "/triggers/"

_log = logging.getLogger("ark-temporal.gateway")


class Front:
    """An ASGI application in front of all routes.

    Args:
        app: The routes.
        access: Tells who asks; None lets nobody use the API.
        hosts: Names under which the gateway may be addressed, besides addresses and `localhost`; empty is
            any, for a gateway that does not know its own.
        seconds: How long an answer may be in coming.
    """

    def __init__(
        self, app: ASGIApp, access: Access | None, hosts: Collection[str], seconds: float = REQUEST_SECONDS
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(host.lower() for host in hosts)
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send)
        try:
            self._check_host(passage.headers)
            await self._find_out_who(scope, passage)
            webhook = scope["path"].startswith(_WEBHOOKS)  # which has limits of its own
            seconds = TRIGGER_SECONDS if webhook else self._seconds
            given = receive if webhook else _limited(passage.headers, receive, _largest(scope["path"]))
            async with asyncio.timeout(seconds) as passage.limit:
                await self._app(scope, given, passage.send)
        except ApiError as error:
            await passage.answer(error, receive)
        except _TooLargeError:
            await _throw_away(receive)
            await passage.answer(ApiError(413, "too-large", "The body is too large."), receive)
        except TimeoutError:
            detail = f"No answer was there after {self._seconds:.0f} seconds. What was asked may be done yet."
            await passage.answer(ApiError(504, "timeout", detail), receive)
        except Exception as error:  # noqa: BLE001 - its message may quote what the request says
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("request %s failed, a bug: %s\n%s", passage.id, type(error).__name__, where)
            detail = f"Something went wrong here. The gateway's log says more under {passage.id}."
            await passage.answer(ApiError(500, "internal", detail), receive)
        finally:
            passage.log()

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        if not self._hosts or name.lower() in self._hosts or name.lower() == "localhost":
            return
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            detail = "This gateway is not known under that name; --public-url and --known-as tell it one."
            raise ApiError(421, "wrong-host", detail) from None

    async def _find_out_who(self, scope: Scope, passage: "_Passage") -> None:
        path = scope["path"]
        if not path.startswith(f"{API}/") or path in OPEN_PATHS:
            return
        try:
            if self._access is None:
                raise NotAuthenticatedError("No access is set up here.")
            async with asyncio.timeout(self._seconds):
                principal = await self._access.principal(passage.headers.get("authorization", ""))
        except NotAuthenticatedError as error:
            challenge = {"WWW-Authenticate": 'Bearer realm="ark-temporal"'}
            raise ApiError(401, "unauthenticated", str(error), headers=challenge) from None
        except KeysUnavailableError as error:
            raise ApiError(503, "unavailable", str(error)) from None
        passage.principal = principal
        scope.setdefault("state", {})["principal"] = principal


def _largest(path: str) -> int:
    return LARGEST_BODY_BYTES if path.startswith(f"{API}/") else _LARGEST_FORM_BYTES


def _limited(headers: Headers, receive: Receive, largest: int) -> Receive:
    """The request's body, as far as it is not too long.

    Raises:
        _TooLargeError: It says that it is.
    """
    told = headers.get("content-length", "0")
    if told.isdecimal() and int(told) > largest:
        raise _TooLargeError
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > largest:
            await _throw_away(receive)
            raise HTTPException(413)
        return message

    return limited


async def _throw_away(receive: Receive) -> None:
    """Read some of a body that is too long: a sender that is hung up on never sees the answer."""
    left = _THROWN_AWAY_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_THROWING_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


class _TooLargeError(Exception):
    """The body says itself that it is too long."""


class _Passage:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.headers = Headers(scope=scope)
        told = self.headers.get("x-request-id", "")
        self.id = told if _REQUEST_ID.fullmatch(told) else secrets.token_hex(8)
        self.limit: asyncio.Timeout | None = None
        self.principal: Principal | None = None
        self._scope = scope
        self._send = send
        self._status = 0
        self._began = time.monotonic()

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on. Once it has begun, it may take as long as it likes."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = message["headers"]
            told = {name for name, _ in headers}
            missing = [(name, value) for name, value in _HEADERS if name not in told]
            message = {**message, "headers": [*headers, (b"x-request-id", self.id.encode()), *missing]}
            if self.limit is not None:
                self.limit.reschedule(None)
        await self._send(message)

    async def answer(self, error: ApiError, receive: Receive) -> None:
        """Answer with a problem, if nothing was answered yet."""
        if not self._status:
            await problem_response(error)(self._scope, receive, self.send)

    def log(self) -> None:
        """One line; without the query, and without links that let people decide. Webhooks write their own."""
        path = self._scope["path"]
        if path.startswith(_WEBHOOKS) and self._status:
            return
        path = f"{_LINK}..." if path.startswith(_LINK) else quote(path)
        who = quote(self.principal.name, safe=" @") if self.principal else "-"
        took = (time.monotonic() - self._began) * 1000
        method, status = self._scope["method"], self._status
        _log.info("%s %s %s %d %.0f ms %s", self.id, method, path, status, took, who)
