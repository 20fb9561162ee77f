"""Values that are asked for once by many, used for a while, and bridged over while nobody answers."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ark_temporal.secrets.errors import SecretError

STALE_SECONDS = 300.0
"""How long values may still be used when they cannot be read again."""

_MISSING_SECONDS = 5.0
"""How long it is believed that there is nothing."""

_PAUSE_SECONDS = 2.0
"""How long a provider is left alone that has just failed."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """What a provider gave.

    Attributes:
        values: By key; None where it has no such secret.
        fresh_seconds: For so long they are used without asking again.
        usable_seconds: For so long they may be used when asking fails.
    """

    values: Mapping[str, str] | None = field(repr=False)
    fresh_seconds: float
    usable_seconds: float

    @classmethod
    def refreshed(cls, values: Mapping[str, str] | None, seconds: float) -> "Fetched":
        """Values that are to be asked for again after so many seconds."""
        if values is None:
            return cls(None, min(seconds, _MISSING_SECONDS), 0)
        return cls(values, seconds, seconds + STALE_SECONDS)


@dataclass
class Cached:
    """One Secret's values. It belongs to one event loop.

    Attributes:
        label: What it is called in logs.
        fetch: Asks the provider.
        clock: Seconds from any start.
    """

    label: str
    fetch: Callable[[], Awaitable[Fetched]] = field(repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _known: Fetched | None = field(default=None, repr=False)
    _asked: float = 0.0
    _expired: bool = False
    _failure: tuple[float, SecretError] | None = field(default=None, repr=False)
    _asking: "asyncio.Task[None] | None" = field(default=None, repr=False)
    _bridging: bool = False

    async def values(self) -> Mapping[str, str] | None:
        """The values by key, or None where the provider has no such secret.

        Who asks while somebody asks already waits for the same answer.

        Raises:
            SecretError: The provider does not tell, and nothing that it told before can be used any more.
        """
        if not self._is_fresh():
            await self._ask()
        if self._failure is not None:
            return self._bridged(self._failure[1])
        assert self._known is not None, "an answer or a failure came of asking"
        return self._known.values

    def expire(self, before: float) -> None:
        """Ask again at the next use, unless that was done since a moment of the clock."""
        if self._asked <= before:
            self._expired = True
            self._failure = None

    def _is_fresh(self) -> bool:
        now = self.clock()
        if self._failure is not None:
            return now - self._failure[0] < _PAUSE_SECONDS
        if self._known is None or self._expired:
            return False
        return now - self._asked < self._known.fresh_seconds

    async def _ask(self) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._fetch())
            self._asking.add_done_callback(self._done)
        await asyncio.shield(self._asking)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._asking = None

    async def _fetch(self) -> None:
        asked = self.clock()
        try:
            known = await self.fetch()
        except SecretError as error:
            self._failure = self.clock(), error
            return
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            self._failure = self.clock(), SecretError(f"{self.label}: {type(error).__name__}.")
            return
        self._known, self._asked = known, asked
        self._expired, self._failure, self._bridging = False, None, False

    def _bridged(self, error: SecretError) -> Mapping[str, str]:
        known = self._known
        age = self.clock() - self._asked
        if known is None or known.values is None or age >= known.usable_seconds:
            raise SecretError(str(error), retryable=error.retryable) from None
        if not self._bridging:
            _LOG.warning("%s What it gave %.0f seconds ago is used meanwhile.", error, age)
            self._bridging = True
        return known.values
