"""Finding out who asks, by the token that comes with a request."""

import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any, cast

from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets import SecretError, Secrets
from worker.gateway.access.config import AccessConfig, ApiToken, Issuer, hash_token
from worker.gateway.access.jwt import JwtVerifier, KeysUnavailableError, TokenRefusedError
from worker.gateway.access.roles import EVERYWHERE, Principal, Role

_LONGEST = 16 * 1024


class NotAuthenticatedError(Exception):
    """The request does not say who asks, or not so that it can be believed."""


class Access:
    """Tells principals by their tokens.

    Args:
        config: What the access file says now.
        secrets: Where tokens are that the file only names.
        verifier: Verifies the tokens of providers.
    """

    def __init__(
        self, config: Callable[[], AccessConfig], secrets: Secrets, verifier: JwtVerifier | None = None
    ) -> None:
        self._config = config
        self._secrets = secrets
        self._verifier = verifier

    async def principal(self, authorization: str) -> Principal:
        """Who sends this header.

        Args:
            authorization: The value of `Authorization`.

        Raises:
            NotAuthenticatedError: Nobody that we know.
            KeysUnavailableError: A provider's keys cannot be read just now.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticatedError("The header Authorization must be `Bearer` with a token.")
        if len(token) > _LONGEST or not token.isascii():
            raise NotAuthenticatedError("This token is none of ours.")
        config = self._config()
        if token.count(".") == 2 and (issuer := _issuer(config, token)) is not None:
            return await self._by_provider(issuer, token)
        return await self._by_api_token(config, token)

    async def _by_api_token(self, config: AccessConfig, token: str) -> Principal:
        hashed = hash_token(token)
        unread: list[str] = []
        for each in config.tokens:
            try:
                known = await self._hash(each)
            except SecretError:
                unread.append(each.name)
                continue
            if known and hmac.compare_digest(known, hashed):
                return Principal(each.name, each.roles)
        if unread:
            raise KeysUnavailableError("The Secret of a token cannot be read just now.")
        raise NotAuthenticatedError("This token is none of ours.")

    async def _hash(self, entry: ApiToken) -> str:
        """The hash of a token that is let in; empty where its Secret is not there.

        Raises:
            SecretError: That cannot be read now.
        """
        if entry.secret_ref is None:
            return entry.sha256
        ref = KeyRef(name=entry.secret_ref.name, key=entry.secret_ref.key)
        value = await self._secrets.text(ref, entry.secret_ref.namespace)
        return hash_token(value) if value else ""

    async def _by_provider(self, issuer: Issuer, token: str) -> Principal:
        if self._verifier is None:
            raise NotAuthenticatedError("Tokens of providers are not taken here.")
        try:
            claims = await self._verifier.verify(
                token,
                issuer=issuer.issuer,
                audience=issuer.audience,
                jwks_url=issuer.jwks_url,
                claims=issuer.claims,
            )
        except TokenRefusedError as error:
            raise NotAuthenticatedError(str(error)) from None
        name = claims.get(issuer.name_claim)
        if not isinstance(name, str) or not name.strip():
            raise NotAuthenticatedError(f'The token has no claim "{issuer.name_claim}" that names anybody.')
        return Principal(issuer.name_prefix + name, grants_of(issuer, claims))


def grants_of(issuer: Issuer, claims: Mapping[str, Any]) -> dict[str, frozenset[Role]]:
    """The roles that a token's claims give, by namespace."""
    grants: dict[str, frozenset[Role]] = {}
    for entry in issuer.roles:
        told: object = claims.get(entry.claim)
        given = {str(each) for each in (cast("list[object]", told) if isinstance(told, list) else [told])}
        if told is not None and (entry.value in given or entry.value == EVERYWHERE):
            for namespace, roles in entry.roles.items():
                grants[namespace] = grants.get(namespace, frozenset()) | roles
    return grants


def _issuer(config: AccessConfig, token: str) -> Issuer | None:
    """The provider that a token says it is from; nothing of it is believed yet."""
    payload = token.split(".")[1]
    try:
        told: object = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    name = cast("dict[str, object]", told).get("iss") if isinstance(told, dict) else None
    return next((each for each in config.issuers if each.issuer == name), None)
