"""Bearer tokens by OAuth 2.0 client credentials.

The SDK's own provider finds the token server out from the MCP server; here the manifest says where it is, and
the client's secret must go to no other place.
"""

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from pydantic import BaseModel, ValidationError

from ark_temporal.tools.mcp._failures import Failures
from ark_temporal.tools.mcp.server import McpOAuth
from ark_temporal.tools.types import ToolError

if TYPE_CHECKING:
    import httpx2

_SECONDS: Final = 15.0
_MAX_REPLY_BYTES: Final = 64 * 1024
_MARGIN_SECONDS: Final = 30.0
_UNSAID_SECONDS: Final = 300.0
"""How long a token is used whose server does not say how long it may be."""


@dataclass(frozen=True)
class _Token:
    value: str
    until: float


class _Reply(BaseModel):
    """What a token server answers, by RFC 6749."""

    access_token: str = ""
    expires_in: float = 0.0
    error: str = ""


class Tokens:
    """The tokens of one worker process: each is fetched once and used until shortly before it expires."""

    def __init__(self, http_client: "Callable[..., httpx2.AsyncClient]") -> None:
        self._http_client = http_client
        self._client: httpx2.AsyncClient | None = None
        self._known: dict[McpOAuth, _Token] = {}
        self._locks: dict[McpOAuth, asyncio.Lock] = {}

    async def get(self, oauth: McpOAuth, failures: Failures) -> str:
        """A token that is valid for a while.

        Raises:
            ToolError: There is none to be had. Its text does not repeat what the token server said.
        """
        async with self._locks.setdefault(oauth, asyncio.Lock()):
            token = self._known.get(oauth)
            if token is None or token.until <= time.monotonic():
                token = await self._fetch(oauth, failures)
                self._known[oauth] = token
            failures.hide(token.value)
            return token.value

    def forget(self, oauth: McpOAuth, refused: str) -> None:
        """Fetch anew at the next use, unless somebody has already."""
        token = self._known.get(oauth)
        if token is not None and token.value == refused:
            del self._known[oauth]

    async def aclose(self) -> None:
        """Close the connections to token servers."""
        if self._client:
            await self._client.aclose()

    async def _fetch(self, oauth: McpOAuth, failures: Failures) -> _Token:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(_SECONDS):
                status, body = await self._ask(oauth)
        except TimeoutError:
            raise failures.unreachable("its token server gave no answer in time") from None
        except Exception as raised:
            error = failures.explain(raised)
            if error is None:
                raise
            if error.type in ("ToolForbidden", "ToolNotConfigured"):
                raise failures.not_configured(
                    "has a token server that cannot be asked", "Check oauth.tokenUrl."
                ) from None
            raise failures.unreachable(
                f"its token server cannot be asked ({type(raised).__name__})"
            ) from None
        return _read(status, body, asked, failures)

    async def _ask(self, oauth: McpOAuth) -> tuple[int, bytes]:
        if self._client is None:
            self._client = self._http_client(max_connections=10)
        form = {"grant_type": "client_credentials"}
        if oauth.scopes:
            form["scope"] = " ".join(oauth.scopes)
        names = (quote_plus(oauth.client_id), quote_plus(oauth.client_secret.get_secret_value()))
        headers = {
            "Authorization": f"Basic {b64encode(':'.join(names).encode()).decode()}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        async with self._client.stream("POST", oauth.token_url, data=form, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MAX_REPLY_BYTES:
                    return response.status_code, b""
            return response.status_code, bytes(body)


def _read(status: int, body: bytes, asked: float, failures: Failures) -> _Token:
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        reply = _Reply()
    if status != 200 or not re.fullmatch(r"[\x21-\x7e]+", reply.access_token):
        raise _refusal(status, reply.error, failures)
    seconds = reply.expires_in if reply.expires_in > 0 else _UNSAID_SECONDS
    return _Token(reply.access_token, asked + max(seconds - _MARGIN_SECONDS, seconds / 2))


def _refusal(status: int, code: str, failures: Failures) -> ToolError:
    """Of the reply, only a code of the standard's form is repeated: the rest may hold what was sent."""
    said = f"HTTP {status}" + (f", {code}" if re.fullmatch(r"[a-z_]{1,40}", code) else "")
    if status == 429 or status >= 500:
        return failures.unreachable(f"its token server gave no token ({said})")
    if status == 200:
        return failures.bad_reply("its token server's answer holds no access_token", sent=False)
    return failures.forbidden(
        f"cannot be asked: its token server gave no token ({said})",
        "Check oauth: tokenUrl, clientId, the client secret and scopes.",
    )
