"""Tokens of OpenID Connect providers: whether they are what they say, by the provider's own keys."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import jwt
from jwt import PyJWK

from ark_temporal.tools.types import ToolError

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures by a private key. `none` and HS* prove nothing to those who know the public one."""

LEEWAY_SECONDS = 60
"""How far the clocks of provider and gateway may differ."""

REFETCH_SECONDS = 30.0
"""How often, at most, keys are fetched again: for a token that names an unknown one, or after a failure."""

STALE_SECONDS = 24 * 3600.0
"""How long keys are used that cannot be fetched again."""

_FRESH_SECONDS = (60.0, 600.0, 24 * 3600.0)
"""How long keys are not fetched again: at least, where nothing is said, at most."""

_LONGEST_TOKEN = 16 * 1024
_LARGEST_DOCUMENT_BYTES = 512 * 1024
_FETCH_SECONDS = 5.0
_MOST_KEYS = 100
_MOST_PROVIDERS = 200
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class TokenRefusedError(Exception):
    """A token proves nothing."""


class KeysUnavailableError(RuntimeError):
    """A provider's keys cannot be read, so nothing can be said about its tokens."""


@dataclass
class _Keys:
    """The keys of one provider.

    Attributes:
        by_id: As its document has them; those without an id under the empty one.
        fetched_at: When they were read; None where they never were.
        fresh_until: Until when they need not be read again.
        tried_at: When somebody last tried to.
        problem: Why that failed; empty where it did not.
    """

    by_id: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict[str, list[Mapping[str, Any]]])
    fetched_at: float | None = None
    fresh_until: float = 0.0
    tried_at: float | None = None
    problem: str = ""
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


class JwtVerifier:
    """Verifies tokens by the keys that their providers publish, which are kept while they are good.

    Args:
        http: Fetches keys; `guarded_client` with the operator's egress policy.
        clock: Seconds, for tests.
    """

    def __init__(self, http: httpx2.AsyncClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._clock = clock
        self._known: dict[tuple[str, str], _Keys] = {}

    async def verify(
        self,
        token: str,
        *,
        issuer: str,
        audience: str | Sequence[str],
        jwks_url: str | None,
        claims: Mapping[str, str],
    ) -> Mapping[str, Any]:
        """The claims of a token that its issuer has signed for us and that is valid now.

        Args:
            token: As it came, without `Bearer`.
            issuer: The `iss` that it must have.
            audience: The `aud` that it must have, or one of several.
            jwks_url: Where the keys are; None takes what the issuer's discovery document says.
            claims: Further claims that it must have: equal, or among them where the claim is a list.

        Raises:
            TokenRefusedError: It is no such token.
            KeysUnavailableError: The keys cannot be read.
        """
        header = _header(token)
        found = await self._candidates(issuer, jwks_url, str(header.get("kid") or ""))
        told = _verified(token, found, str(header["alg"]), issuer, audience)
        for name, wanted in claims.items():
            if not _has(told.get(name), wanted):
                raise TokenRefusedError(f'The token\'s claim "{name}" is not what it must be.')
        return told

    async def _candidates(self, issuer: str, jwks_url: str | None, id: str) -> Sequence[Mapping[str, Any]]:
        """The keys that may have signed a token that names this one."""
        keys = self._remembered(issuer, jwks_url)
        unknown = not _matching(keys, id)
        if self._is_due(keys, unknown=unknown) or (unknown and keys.fetching.locked()):
            async with keys.fetching:
                if self._is_due(keys, unknown=not _matching(keys, id)):
                    await self._fetch(keys, issuer, jwks_url)
        if keys.fetched_at is None or self._clock() - keys.fetched_at > STALE_SECONDS:
            raise KeysUnavailableError(
                f"The keys of {issuer} cannot be read: {keys.problem or 'they were too long ago'}."
            )
        found = _matching(keys, id)
        if not found:
            raise TokenRefusedError("The token is signed with a key that its issuer does not publish.")
        return found

    def _remembered(self, issuer: str, jwks_url: str | None) -> _Keys:
        name = (issuer, jwks_url or "")
        keys = self._known.pop(name, None) or _Keys()
        self._known[name] = keys  # the last one used is the last one to go
        while len(self._known) > _MOST_PROVIDERS:
            self._known.pop(next(iter(self._known)))
        return keys

    def _is_due(self, keys: _Keys, *, unknown: bool) -> bool:
        now = self._clock()
        if keys.tried_at is not None and now - keys.tried_at < REFETCH_SECONDS:
            return False
        return unknown or now >= keys.fresh_until

    async def _fetch(self, keys: _Keys, issuer: str, jwks_url: str | None) -> None:
        """Read the keys again; where that fails, those that are there stay."""
        keys.tried_at = self._clock()
        try:
            url = jwks_url or await self._discover(issuer)
            document, fresh_for = await self._read(url)
            by_id = _keys_of(document)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ToolError) as error:
            keys.problem = f"{type(error).__name__}"
        except ValueError as error:
            keys.problem = str(error)
        else:
            keys.by_id, keys.problem = by_id, ""
            keys.fetched_at = self._clock()
            keys.fresh_until = keys.fetched_at + fresh_for

    async def _discover(self, issuer: str) -> str:
        document, _ = await self._read(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            raise ValueError("its discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise ValueError("its discovery document names no jwks_uri")
        return url

    async def _read(self, url: str) -> tuple[Mapping[str, Any], float]:
        """A JSON document, and for how many seconds it is fresh."""
        check_url(url)
        body = bytearray()
        async with (
            asyncio.timeout(_FETCH_SECONDS),
            self._http.stream("GET", url, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"the answer is {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_DOCUMENT_BYTES:
                    raise ValueError("the answer is too long")
        try:
            document: object = json.loads(bytes(body))
        except (ValueError, RecursionError):
            raise ValueError("the answer is no JSON") from None
        if not isinstance(document, dict):
            raise ValueError("the answer is no JSON object")
        return cast("Mapping[str, Any]", document), _fresh_for(answer.headers.get("cache-control", ""))


def check_url(url: str) -> None:
    """Refuse an address of keys that others could change on the way.

    Raises:
        ValueError: It is neither https nor on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK:
        raise ValueError("its address is not https")


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > _LONGEST_TOKEN:
        raise TokenRefusedError("The token is too long.")
    try:
        header: Mapping[str, Any] = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise TokenRefusedError("It is no JSON Web Token.") from None
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefusedError("The token is not signed with a private key (RS, PS, ES, EdDSA).")
    return header


def _verified(
    token: str, keys: Sequence[Mapping[str, Any]], algorithm: str, issuer: str, audience: str | Sequence[str]
) -> Mapping[str, Any]:
    problem = "No key of its issuer fits."
    for data in keys:
        if data.get("alg", algorithm) != algorithm:
            continue
        try:
            return jwt.decode(
                token,
                PyJWK(dict(data), algorithm),
                algorithms=[algorithm],  # one of ALGORITHMS, and the key's own where it has one
                audience=audience,
                issuer=issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.InvalidSignatureError:
            problem = "Its signature is wrong."
        except jwt.ExpiredSignatureError:
            raise TokenRefusedError("The token has expired.") from None
        except jwt.PyJWTError as error:
            problem = f"{type(error).__name__}."
    raise TokenRefusedError(f"The token is not valid here: {problem}")


def _matching(keys: _Keys, id: str) -> Sequence[Mapping[str, Any]]:
    if not id:
        return [each for some in keys.by_id.values() for each in some]
    return keys.by_id.get(id, [])


def _keys_of(document: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The keys of a JWKS that sign, by their ids."""
    written: object = document.get("keys")
    if not isinstance(written, list):
        raise ValueError("the document has no keys")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in cast("list[object]", written)[:_MOST_KEYS]:
        if isinstance(each, dict):
            data = cast("dict[str, Any]", each)
            if data.get("use", "sig") == "sig" and data.get("kty") in ("RSA", "EC", "OKP"):
                found.setdefault(str(data.get("kid") or ""), []).append(data)
    return found


def _fresh_for(cache_control: str) -> float:
    least, usual, most = _FRESH_SECONDS
    said = re.search(r"max-age\s*=\s*(\d{1,9})", cache_control, re.IGNORECASE)
    return min(max(float(said[1]), least), most) if said else usual


def _has(claim: object, wanted: str) -> bool:
    if isinstance(claim, list):
        return any(_has(each, wanted) for each in cast("list[object]", claim))
    if isinstance(claim, bool):
        return wanted == str(claim).lower()
    return isinstance(claim, str | int | float) and str(claim) == wanted
