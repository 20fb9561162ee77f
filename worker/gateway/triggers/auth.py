"""Who may fire an event: the proofs that an event asks for, checked."""

import base64
import binascii
import hashlib
import hmac
import logging
from dataclasses import dataclass

from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.webhook_source import HmacAuth, JwtAuth, WebhookAuth
from worker.gateway.access.jwt import JwtVerifier, KeysUnavailableError, TokenRefusedError
from worker.gateway.triggers.principals import CannotCheckError, Presented, Principal
from worker.gateway.triggers.refusals import unauthorized, unavailable
from worker.gateway.triggers.signatures import is_signed, signature_of, signed_time
from worker.gateway.triggers.tokens import EventTokens, FreshSecrets

_TOKEN = WebhookAuth(type="token")

_log = logging.getLogger("ark-temporal.gateway")


def proofs(event: ArkEvent) -> list[WebhookAuth]:
    """What an event takes; by default, its token."""
    webhook = event.spec.source.webhook
    return (webhook.auth if webhook is not None else None) or [_TOKEN]


@dataclass(frozen=True)
class Authenticator:
    """Checks what calls present against what events ask for."""

    secrets: FreshSecrets
    tokens: EventTokens
    verifier: JwtVerifier | None

    async def verify(self, event: ArkEvent, presented: Presented) -> Principal:
        """Who calls. One of the event's proofs is enough.

        Raises:
            RefusedError: 401 where none is right; 503 where one cannot be checked now and no other is.
        """
        unchecked = False
        for each in proofs(event):
            try:
                principal = await self._check(each, event, presented)
            except (CannotCheckError, KeysUnavailableError, OSError, ValueError) as error:
                unchecked = True
                _log.error(
                    "webhook %s cannot check credentials (%s): %s", event.metadata.name, each.type, error
                )
                continue
            if principal is not None:
                return principal
        if unchecked:
            raise unavailable("The credentials cannot be checked now. Try again later.", 30)
        raise unauthorized()

    async def _check(self, proof: WebhookAuth, event: ArkEvent, presented: Presented) -> Principal | None:
        match proof:
            case WebhookAuth(type="none"):
                return Principal("none")
            case WebhookAuth(type="token"):
                return await self._token(event, presented)
            case WebhookAuth(type="basic", basic=ref) if ref is not None:
                return await self._basic(ref.name, event, presented)
            case WebhookAuth(type="hmac", hmac=settings) if settings is not None:
                return await self._hmac(settings, event, presented)
            case WebhookAuth(type="jwt", jwt=settings) if settings is not None:
                return await self._jwt(settings, presented)
            case _:
                raise CannotCheckError(f"the block `{proof.type}` is missing")

    async def _token(self, event: ArkEvent, presented: Presented) -> Principal | None:
        token = await self.tokens.token(event.metadata.namespace, event.metadata.name)
        given = presented.bearer or presented.query.get("token", "")
        return Principal("token", event.metadata.name) if _same(token, given) else None

    async def _basic(self, secret: str, event: ArkEvent, presented: Presented) -> Principal | None:
        if not presented.basic:
            return None
        try:
            told = base64.b64decode(presented.basic, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        user, _, password = told.partition(":")
        wanted = [await self._secret(secret, key, event) for key in ("username", "password")]
        right = [_same(wanted[0], user), _same(wanted[1], password)]
        return Principal("basic", user) if all(right) else None

    async def _hmac(self, settings: HmacAuth, event: ArkEvent, presented: Presented) -> Principal | None:
        if not signature_of(settings.scheme, presented.headers):
            return None
        secret = await self._secret(settings.secret_ref.name, settings.secret_ref.key, event)
        body = await presented.body()
        if not is_signed(
            settings.scheme, secret, presented.headers, body, tolerance_seconds=settings.tolerance_seconds
        ):
            return None
        return Principal("hmac", settings.scheme, signed_time(settings.scheme, presented.headers))

    async def _jwt(self, settings: JwtAuth, presented: Presented) -> Principal | None:
        if presented.bearer.count(".") != 2:  # another kind of token
            return None
        if self.verifier is None:
            raise CannotCheckError("this gateway verifies no tokens of providers")
        try:
            claims = await self.verifier.verify(
                presented.bearer,
                issuer=settings.issuer,
                audience=settings.audience,
                jwks_url=settings.jwks_url,
                claims=settings.claims,
            )
        except TokenRefusedError:
            return None
        return Principal("jwt", str(claims.get("sub") or claims.get("azp") or claims.get("client_id") or ""))

    async def _secret(self, name: str, key: str, event: ArkEvent) -> str:
        value = await self.secrets.text(event.metadata.namespace, name, key)
        if not value:
            raise CannotCheckError(f'the Secret "{name}" has no key "{key}" that this gateway knows')
        return value


def _same(wanted: str, given: str) -> bool:
    """Compare in a time that tells neither the contents nor the length."""
    hashed = [hashlib.sha256(each.encode(errors="replace")).digest() for each in (wanted, given)]
    return bool(wanted) and hmac.compare_digest(*hashed)
