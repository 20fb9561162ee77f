"""From a call that was let in to its runs."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import JsonValue
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.events.model import FiringStart, Prepared, PrepareRequest
from ark_temporal.events.prepare import TargetInputError, prepare
from ark_temporal.events.starting import InputTooLargeError, Told, start_all, start_alone
from ark_temporal.manifests import ArkEvent
from ark_temporal.plan.causes import Trigger, new_traceparent
from ark_temporal.plan.compile import CompileError
from ark_temporal.plan.inputs import InputError, resolve_input
from ark_temporal.resources.catalog import Applied
from ark_temporal.runs.connection import Connection
from ark_temporal.storage.errors import StorageUnavailableError
from worker.gateway.triggers.headers import shown, trace_of
from worker.gateway.triggers.keys import Key
from worker.gateway.triggers.principals import Principal
from worker.gateway.triggers.refusals import RefusedError, unavailable

_START_SECONDS = 15.0
_AWAY = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNKNOWN,
        RPCStatusCode.ABORTED,
    }
)

_log = logging.getLogger("ark-temporal.gateway")


@dataclass(frozen=True)
class Delivery:
    """A call as it is told.

    Attributes:
        trigger: What templates see as `.trigger`.
        traceparent: The trace that its runs are a part of.
    """

    trigger: Trigger
    traceparent: str
    principal: Principal


def delivery(event: ArkEvent, headers: Mapping[str, str], body: JsonValue, principal: Principal) -> Delivery:
    """A call, now."""
    now = datetime.now(UTC)
    trigger = Trigger(
        name=event.metadata.name,
        source="webhook",
        fired_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        body=body,
        headers=shown(headers),
        principal=str(principal),
    )
    return Delivery(trigger, trace_of(headers) or new_traceparent(), principal)


async def fire(connection: Connection, applied: Applied, told: Delivery, key: Key) -> Told:
    """Start what the event starts, or find what an earlier telling has started.

    Raises:
        RefusedError: 400 where an input does not fit, 413 where one is too large, 500 where the targets
            cannot be run, 503 where Temporal does not take them in.
    """
    try:
        async with asyncio.timeout(_START_SECONDS):
            prepared = await _prepare(connection, applied, told, key)
            if not prepared.exclusive:
                return await start_all(connection, prepared, told.trigger.fired_at)
            start = FiringStart(
                namespace=applied.namespace,
                event=told.trigger.name,
                traceparent=told.traceparent,
                submitted_by=str(told.principal),
            )
            return await start_alone(connection, start, prepared, told.trigger.fired_at)
    except InputTooLargeError as error:
        raise RefusedError(413, str(error)) from None
    except (TimeoutError, StorageUnavailableError, RPCError) as error:
        if isinstance(error, RPCError) and error.status not in _AWAY:
            raise
        _log.warning(
            "webhook %s: Temporal takes no runs in: %s", told.trigger.name, str(error) or "no answer"
        )
        raise unavailable("The runs cannot be started now. Send this again.") from None


async def _prepare(connection: Connection, applied: Applied, told: Delivery, key: Key) -> Prepared:
    request = PrepareRequest(
        namespace=applied.namespace,
        trigger=told.trigger,
        key=key.text,
        traceparent=told.traceparent,
        submitted_by=str(told.principal),
    )
    try:
        prepared = await prepare(connection, applied, request, now=told.trigger.fired_at)
    except (LookupError, CompileError, TargetInputError) as error:
        _log.error("webhook %s cannot start its targets: %s", told.trigger.name, error)
        raise RefusedError(500, "The event cannot start its targets; the gateway's log says why.") from None
    if prepared.skipped:
        raise unavailable(prepared.skipped)
    for run in prepared.runs:
        try:
            resolve_input(run.start.plan, run.start.input)
        except InputError as error:
            raise RefusedError(400, str(error)) from None
    return prepared
