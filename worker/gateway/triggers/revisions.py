"""What is applied, for webhooks: they go on with what is known while nobody says what is new."""

import asyncio
import logging
import re
import time
from collections import OrderedDict
from dataclasses import dataclass

from ark_temporal.manifests.base import LABEL_PATTERN, NAME_PATTERN
from ark_temporal.resources.catalog import Applied, Catalog
from ark_temporal.runs.connection import ConnectionFailedError
from worker.gateway.triggers.refusals import unavailable

_PATIENCE_SECONDS = 1.0
"""How long to wait for news where something is known."""

_FIRST_SECONDS = 10.0
_OLDEST_SECONDS = 3600.0
_MOST_NAMESPACES = 1000
_LONGEST_NAME = 253

_label, _name = re.compile(LABEL_PATTERN), re.compile(NAME_PATTERN)
_log = logging.getLogger("ark-temporal.gateway")


@dataclass
class _Known:
    """What was in force in a namespace when somebody last said so.

    Attributes:
        late: Whether nobody says what is in force now.
    """

    applied: Applied
    at: float
    late: bool = False


class Revisions:
    """The applied resources.

    Reading what is in force needs a worker; starting runs does not. So calls are taken while all workers are
    being replaced, by what was in force when the last one was there, up to an hour.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def applied(self, namespace: str) -> Applied:
        """What is in force in a namespace.

        Raises:
            RefusedError: 503; nothing is known, and Temporal or the workers do not answer.
        """
        known = self._known.get(namespace)
        if known is not None and known.late and time.monotonic() - known.at < _OLDEST_SECONDS:
            if namespace not in self._asking:
                self._asking[namespace] = asyncio.create_task(self._ask_again(namespace))
            return known.applied
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS if known is not None else _FIRST_SECONDS):
                return self._keep(namespace, await self._catalog.applied(namespace))
        except (TimeoutError, ConnectionFailedError) as error:
            _log.warning("what is applied cannot be read: %s", str(error) or "nobody answers")
            if known is None or time.monotonic() - known.at >= _OLDEST_SECONDS:
                raise unavailable("The events cannot be read now. Try again later.") from None
            known.late = True
            return known.applied

    async def _ask_again(self, namespace: str) -> None:
        """Find out, for those who do not wait for it, whether somebody says what is in force."""
        try:
            self._keep(namespace, await self._catalog.applied(namespace))
        except ConnectionFailedError:
            await asyncio.sleep(_PATIENCE_SECONDS)
        finally:
            del self._asking[namespace]

    def _keep(self, namespace: str, applied: Applied) -> Applied:
        known = self._known.get(namespace)
        if known is not None and known.applied is applied:
            known.at, known.late = time.monotonic(), False
        elif applied.bundle.resources:
            self._known[namespace] = _Known(applied, time.monotonic())
            if len(self._known) > _MOST_NAMESPACES:
                self._known.popitem(last=False)
        else:
            self._known.pop(namespace, None)
        return applied


def are_names(namespace: str, event: str) -> bool:
    """Whether a path can be that of an event."""
    return (
        _label.fullmatch(namespace) is not None
        and len(event) <= _LONGEST_NAME
        and _name.fullmatch(event) is not None
    )
