"""Secrets whose values come from where their ArkSecret says."""

import os
import time
from collections.abc import Iterable, Mapping

from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.secrets._command import from_command
from ark_temporal.secrets._credentials import LookUp, Surroundings, named
from ark_temporal.secrets._local import from_env, from_files
from ark_temporal.secrets._oauth2 import from_oauth2
from ark_temporal.secrets._vault import VaultLogin, from_vault
from ark_temporal.secrets.cached import Cached, Fetched
from ark_temporal.secrets.stores import ObjectKind


class ProvidedStore:
    """What ArkSecrets stand for. It belongs to one event loop.

    Args:
        secrets: They come from whoever runs this process, never from what others applied or submitted: a
            provider may be a program, and may read any file or variable of the process.
        allow_commands: Whether those may be started that are programs.
        environment: Variables of the process; by default its own.
    """

    def __init__(
        self,
        secrets: Iterable[ArkSecret],
        *,
        allow_commands: bool,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._allow_commands = allow_commands
        self._environment = environment
        self._look_up: LookUp = _nothing
        self._held = {each.key[1:]: Cached(named(each), _Source(each, self)) for each in secrets}

    def look_up_with(self, look_up: LookUp) -> None:
        """Say how providers find the Secrets with which they prove themselves."""
        self._look_up = look_up

    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Mapping[str, str] | None:
        """The values of one Secret by key, or None where it is not known here.

        Raises:
            SecretError: Its provider does not tell.
        """
        held = self._held.get((namespace, name)) if kind == "Secret" else None
        return None if held is None else await held.values()

    def expire(self, kind: ObjectKind, namespace: str, name: str, before: float) -> None:
        """Have a Secret read again at its next use, unless it was since a moment of the monotonic clock."""
        held = self._held.get((namespace, name)) if kind == "Secret" else None
        if held is not None:
            held.expire(before)

    def surroundings(self) -> Surroundings:
        """What providers may use."""
        return Surroundings(self._environment, self._look_up, self._refused, self._allow_commands)

    def _refused(self, secret: ArkSecret) -> None:
        now = time.monotonic()
        for credential in secret.spec.credentials.values():
            if credential.secret_key_ref is not None:
                self.expire("Secret", secret.metadata.namespace, credential.secret_key_ref.name, now)


async def _nothing(ref: object, namespace: str) -> None:
    return None


class _Source:
    """One ArkSecret's provider."""

    def __init__(self, secret: ArkSecret, store: ProvidedStore) -> None:
        self._secret = secret
        self._store = store
        self._login = VaultLogin()

    async def __call__(self) -> Fetched:
        secret, around = self._secret, self._store.surroundings()
        match secret.spec.provider:
            case "oauth2":
                return await from_oauth2(secret, around)
            case "env":
                values = await from_env(secret, around)
            case "file":
                values = await from_files(secret, around)
            case "command":
                values = await from_command(secret, around)
            case "vault":
                values = await from_vault(secret, around, self._login)
        return Fetched.refreshed(values, secret.spec.refresh_seconds)
