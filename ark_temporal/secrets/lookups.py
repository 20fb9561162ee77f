"""What one piece of work looked up, and whether that is still what it was."""

import logging
import time
from collections.abc import Sequence

from ark_temporal.plan.model import EnvSource
from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets.environment import RoleEnvironment, Secrets
from ark_temporal.secrets.errors import SecretError
from ark_temporal.secrets.redaction import redact

_LOG = logging.getLogger(__name__)


class Lookups:
    """Looks values up, and keeps in mind what must not be repeated.

    Args:
        secrets: Where they are.
        namespace: Of the names.
    """

    def __init__(self, secrets: Secrets, namespace: str) -> None:
        self._secrets = secrets
        self._namespace = namespace
        self._used: set[str] = set()
        self._texts: dict[KeyRef, str | None] = {}
        self._environments: dict[tuple[EnvSource, ...], RoleEnvironment] = {}
        self._read_at = 0.0

    async def text(self, ref: KeyRef) -> str | None:
        """The value of one key, or None where it is not known here.

        Raises:
            SecretError: It cannot be read now.
        """
        value = await self._secrets.text(ref, self._namespace)
        self._texts[ref], self._read_at = value, time.monotonic()
        if value is not None and ref.kind == "Secret":
            self._used.add(value)
        return value

    async def environment(self, sources: Sequence[EnvSource]) -> RoleEnvironment:
        """A role's environment.

        Raises:
            SecretError: One of its sources cannot be read now.
        """
        found = await self._secrets.environment(sources, self._namespace)
        self._environments[tuple(sources)], self._read_at = found, time.monotonic()
        self._used.update(found.secrets)
        return found

    def redact(self, text: str) -> str:
        """The text without any value of a Secret that was looked up here."""
        return redact(text, self._used)

    async def are_renewed(self) -> bool:
        """Whether anything that was looked up here is another when it is read anew.

        To be asked where somebody refuses it as a credential: it may have been replaced a moment ago. What is
        kept of it is read again first.
        """
        refs = [*self._texts, *(each for sources in self._environments for each in sources)]
        self._secrets.expire(refs, self._namespace, self._read_at)
        try:
            for ref, value in self._texts.items():
                if await self._secrets.text(ref, self._namespace) != value:
                    return True
            for sources, before in self._environments.items():
                if (await self._secrets.environment(sources, self._namespace)).values != before.values:
                    return True
        except SecretError as error:
            _LOG.warning("Whether a refused credential was replaced cannot be said: %s", error)
        return False
