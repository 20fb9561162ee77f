"""Whether a call waits for its run, and for how long."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookSource
from worker.gateway.triggers.refusals import RefusedError

LONGEST_SECONDS = 300.0
_DURATION = re.compile(r"(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


@dataclass(frozen=True)
class Mode:
    """How a call is answered.

    Attributes:
        waits: Whether with the run's result.
        seconds: How long it waits for it.
    """

    waits: bool
    seconds: float


def mode_of(event: ArkEvent, webhook: WebhookSource, query: Mapping[str, str]) -> Mode:
    """What the query says, else the manifest.

    Raises:
        RefusedError: 400 where that cannot be read, or there is not one run to wait for.
    """
    wanted = query.get("mode", webhook.mode)
    if wanted not in ("sync", "async"):
        raise RefusedError(400, "The parameter `mode` must be `sync` or `async`.")
    if wanted == "async":
        return Mode(waits=False, seconds=0.0)
    if len(event.spec.targets) != 1:
        raise RefusedError(400, "Only an event with one target can be waited for: call it without mode=sync.")
    return Mode(
        waits=True, seconds=_seconds(query["timeout"]) if "timeout" in query else webhook.timeout_seconds
    )


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None or float(found[1]) == 0:
        raise RefusedError(400, "The parameter `timeout` must be a duration such as `30s`, `500ms` or `2m`.")
    return min(float(found[1]) * _UNITS[found[2]], LONGEST_SECONDS)
