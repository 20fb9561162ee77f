"""The tokens of events: made once, and kept where Secrets are read from."""

import secrets
import time
from pathlib import Path

from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets import Secrets
from worker.gateway.kept import made_once, state_directory
from worker.gateway.services import GatewayServices

KEY = "token"
_BYTES = 32
_FRESH_SECONDS = 1.0
_MOST_KNOWN = 10_000


def secret_name(event: str) -> str:
    """The Secret that holds an event's token."""
    return f"{event}-webhook-token"


class FreshSecrets:
    """Secrets, read again after a second: many calls a second ask for the same."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._known: dict[tuple[str, str, str], tuple[float, str]] = {}

    async def text(self, namespace: str, name: str, key: str) -> str:
        """The value of a Secret's key; empty where there is none.

        Raises:
            SecretError: It is there, and cannot be read.
        """
        asked, now = (namespace, name, key), time.monotonic()
        known = self._known.get(asked)
        if known is not None and now - known[0] < _FRESH_SECONDS:
            return known[1]
        value = await self._secrets.text(KeyRef(kind="Secret", name=name, key=key), namespace) or ""
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[asked] = (now, value)
        return value


class EventTokens:
    """The tokens of events.

    Args:
        secrets: Where one is looked for first.
        directory: Where one is made else, as `<namespace>/<event>-webhook-token/token`: the form in which
            Secrets are mounted.
    """

    def __init__(self, secrets: FreshSecrets, directory: Path) -> None:
        self._secrets = secrets
        self._directory = directory

    async def token(self, namespace: str, event: str) -> str:
        """An event's token, which is made where there is none.

        Args:
            namespace: The event's, which is a name of one.
            event: The event's name.

        Raises:
            OSError: It cannot be kept.
        """
        return (await self._secrets.text(namespace, secret_name(event), KEY)) or self._own(namespace, event)

    def _own(self, namespace: str, event: str) -> str:
        file = self._directory / namespace / secret_name(event) / KEY
        return made_once(file, lambda: secrets.token_hex(_BYTES))


def event_tokens(services: GatewayServices) -> EventTokens:
    """The tokens of a gateway's events."""
    return EventTokens(FreshSecrets(services.secrets), state_directory(services.options.state_directory))
