"""Values in the key-value store of HashiCorp Vault or OpenBao, by its HTTP API."""

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from ark_temporal.foreign_errors import one_line
from ark_temporal.manifests.ark_secret import ArkSecret, VaultSecret
from ark_temporal.secrets._credentials import Surroundings, credential, named
from ark_temporal.secrets._http import Answer, Server, as_object, as_texts
from ark_temporal.secrets.errors import SecretError
from ark_temporal.secrets.redaction import redact
from ark_temporal.secrets.stores import read_value

_BEFORE_ITS_END = 0.7
"""The part of a lease after which another login is made, or a token is renewed."""

_SEALED = 503


@dataclass
class VaultLogin:
    """What one ArkSecret is let in with, for as long as that is good.

    Attributes:
        token: None before the first login.
        until: When another login is due or, of a token that was given, its renewal; on the monotonic clock.
        sent: What no error may repeat.
    """

    token: str | None = field(default=None, repr=False)
    until: float = 0.0
    sent: set[str] = field(default_factory=set[str], repr=False)


async def from_vault(secret: ArkSecret, around: Surroundings, login: VaultLogin) -> Mapping[str, str] | None:
    """The secret's values, or None where the store has none at that path.

    A login that is refused is made once more: its token may have been revoked, or have expired with a
    server that was restored.

    Raises:
        SecretError: The server is down or sealed, or does not let this process read.
    """
    settings = secret.spec.vault
    assert settings is not None, "manifests were checked"
    vault = _Vault(secret, settings, around, login, time.monotonic() + settings.timeout_seconds)
    answer = await vault.read()
    if answer.status == 403 and settings.auth.token is None:
        login.token = None
        answer = await vault.read()
    if answer.status == 404 and not as_texts(answer.body.get("errors")):
        return None
    if answer.status != 200:
        raise vault.refused(answer, "does not give the secret")
    return _mapped(vault.data(answer), settings.keys, named(secret))


@dataclass
class _Vault:
    secret: ArkSecret
    settings: VaultSecret
    around: Surroundings
    login: VaultLogin
    until: float

    async def read(self) -> Answer:
        token = await self._token()
        mount, path = self.settings.mount.strip("/"), self.settings.path.strip("/")
        inside = f"{mount}/data/{path}" if self.settings.kv == 2 else f"{mount}/{path}"
        query = f"?version={self.settings.version}" if self.settings.version is not None else ""
        return await self._ask("GET", f"{quote(inside)}{query}", {"X-Vault-Token": token})

    def data(self, answer: Answer) -> Mapping[str, object]:
        data = answer.part("data")
        return as_object(data.get("data")) if self.settings.kv == 2 else data

    async def _token(self) -> str:
        auth, login = self.settings.auth, self.login
        if auth.token is not None:
            return await self._given_token(await credential(self.secret, auth.token, self.around))
        if login.token is None or time.monotonic() >= login.until:
            await self._log_in()
        assert login.token is not None, "a login gives one"
        return login.token

    async def _given_token(self, token: str) -> str:
        """A token that whoever runs the process provides, renewed where it can be."""
        login = self.login
        if token != login.token or time.monotonic() >= login.until:
            login.token, login.sent = token, {token}
            answer = await self._ask("POST", "auth/token/renew-self", {"X-Vault-Token": token}, {})
            login.until = time.monotonic() + _renewed_for(answer) * _BEFORE_ITS_END
        return token

    async def _log_in(self) -> None:
        mount, body = await self._proof()
        self.login.sent = {value for name, value in body.items() if name != "role"}
        answer = await self._ask("POST", f"auth/{quote(mount)}/login", {}, body)
        auth = answer.part("auth")
        token, lease = auth.get("client_token"), auth.get("lease_duration")
        if 400 <= answer.status < 500:
            self.around.refused(self.secret)
        if answer.status != 200 or not isinstance(token, str) or not token:
            raise self.refused(answer, "does not let this process in")
        seconds = float(lease) if isinstance(lease, int) and lease > 0 else 3600.0
        self.login.token, self.login.until = token, time.monotonic() + seconds * _BEFORE_ITS_END
        self.login.sent.add(token)

    async def _proof(self) -> tuple[str, dict[str, str]]:
        """Where to log in, and with what."""
        auth = self.settings.auth
        if auth.app_role is not None:
            role_id = await credential(self.secret, auth.app_role.role_id, self.around)
            secret_id = await credential(self.secret, auth.app_role.secret_id, self.around)
            return auth.app_role.mount, {"role_id": role_id, "secret_id": secret_id}
        assert auth.kubernetes is not None, "the manifest's model demands one of the three"
        file = Path(auth.kubernetes.token_file)
        jwt = await asyncio.to_thread(read_value, file, named(self.secret))
        if not jwt:
            raise SecretError(
                f"{named(self.secret)} cannot prove itself: the service account's token is not at {file}. "
                "Mount it (automountServiceAccountToken)."
            )
        return auth.kubernetes.mount, {"role": auth.kubernetes.role, "jwt": jwt.strip()}

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, str] | None = None
    ) -> Answer:
        settings = self.settings
        space = {"X-Vault-Namespace": settings.namespace} if settings.namespace else {}
        left = max(self.until - time.monotonic(), 0.1)
        server = Server(named(self.secret), left, settings.ca_file)
        url = f"{settings.address.rstrip('/')}/v1/{path}"
        return await server.ask(
            method, url, headers={"X-Vault-Request": "true", **space, **headers}, body=body
        )

    def refused(self, answer: Answer, what: str) -> SecretError:
        """What the server says about its refusal, without what it was sent."""
        said = one_line("; ".join(as_texts(answer.body.get("errors"))))[:200]
        reason = f": {redact(said, self.login.sent)}" if said else ""
        hint = " Unseal it." if answer.status == _SEALED and "sealed" in said else ""
        return SecretError(f"{named(self.secret)}: the server {what} (HTTP {answer.status}{reason}).{hint}")


def _renewed_for(answer: Answer) -> float:
    """Seconds until a token ends that was to be renewed; for ever where it does not end or cannot be."""
    lease = answer.part("auth").get("lease_duration")
    if answer.status == 200 and isinstance(lease, int) and lease > 0:
        return lease
    return 0 if answer.status >= 500 else math.inf


def _mapped(data: Mapping[str, object], keys: Mapping[str, str] | None, label: str) -> Mapping[str, str]:
    """The values by key; what is no text is written as JSON, as the server's own command does."""
    wanted = keys if keys is not None else {name: name for name in data}
    missing = sorted(field for field in wanted.values() if field not in data)
    if missing:
        raise SecretError(f'{label}: the secret has no field "{missing[0]}". Mend `keys`, or write it there.')
    return {key: _text(data[field]) for key, field in wanted.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
