"""The route of webhooks."""

import asyncio
import json
import logging
import time
import traceback
from dataclasses import dataclass, field

from fastapi import APIRouter
from pydantic import JsonValue
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ark_temporal.events.model import BUSY
from ark_temporal.events.prepare import context_of
from ark_temporal.events.starting import Told
from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookSource
from ark_temporal.resources.catalog import Applied
from worker.gateway.services import GatewayServices
from worker.gateway.triggers import answers
from worker.gateway.triggers.auth import Authenticator
from worker.gateway.triggers.bodies import Body
from worker.gateway.triggers.firing import Delivery, delivery, fire
from worker.gateway.triggers.headers import check_size
from worker.gateway.triggers.keys import key_of
from worker.gateway.triggers.modes import Mode, mode_of
from worker.gateway.triggers.principals import Presented
from worker.gateway.triggers.rates import Rates
from worker.gateway.triggers.refusals import RefusedError, unavailable
from worker.gateway.triggers.revisions import Revisions, are_names
from worker.gateway.triggers.tokens import FreshSecrets, event_tokens
from worker.gateway.triggers.waiting import outcome

STARTING_AT_ONCE = 256
"""Calls that may be starting runs at the same time; more are asked to come again."""

WAITING_AT_ONCE = 1000
"""The same for calls that wait for results."""

_DEFAULTS = WebhookSource()
_GONE_STATUS = 499

_log = logging.getLogger("ark-temporal.gateway")


def router(services: GatewayServices) -> APIRouter:
    """The routes that fire events."""
    found = APIRouter()
    # A plain ASGI endpoint: what FastAPI would do for it costs more than all that it does itself.
    found.routes.append(
        Route("/triggers/{namespace}/{event}/fire", Webhooks(services), include_in_schema=False)
    )
    return found


@dataclass
class _Line:
    """What the log says about a call."""

    namespace: str
    event: str
    runs: list[str] = field(default_factory=list[str])
    by: str = ""
    began: float = field(default_factory=time.perf_counter)

    @property
    def milliseconds(self) -> int:
        return round((time.perf_counter() - self.began) * 1000)

    def write(self, status: int) -> None:
        told: dict[str, JsonValue] = {
            "event": f"{self.namespace}/{self.event}",
            "status": status,
            "runs": list(self.runs),
            "ms": self.milliseconds,
            "by": self.by,
        }
        _log.info("webhook %s", json.dumps(told))


@dataclass(frozen=True)
class _Call:
    """A call that was let in."""

    request: Request
    applied: Applied
    event: ArkEvent
    webhook: WebhookSource
    mode: Mode
    told: Delivery
    line: _Line

    @property
    def context(self) -> dict[str, JsonValue]:
        return {"trigger": context_of(self.told.trigger)}


class Webhooks:
    """Answers `/triggers/{namespace}/{event}/fire`."""

    def __init__(self, services: GatewayServices) -> None:
        self._services = services
        self._revisions = Revisions(services.catalog)
        self._rates = services.rates or Rates(services.options.rate_limits)
        self._auth = Authenticator(FreshSecrets(services.secrets), event_tokens(services), services.verifier)
        self._starting = 0
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        request = Request(scope, receive)
        names = request.path_params["namespace"], request.path_params["event"]
        line = _Line(*names) if are_names(*names) else _Line("", "")
        try:
            answer = await self._answer(request, line)
        except RefusedError as refused:
            answer = answers.refusal(refused)
        except ClientDisconnect:
            line.write(_GONE_STATUS)
            return
        except Exception as error:  # noqa: BLE001 - nobody else would say so without quoting the call
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a webhook failed: %s\n%s", type(error).__name__, where)
            answer = answers.refusal(RefusedError(500, "The call failed; the gateway's log says where."))
        line.write(answer.status_code)
        await answer(scope, receive, send)

    async def _answer(self, request: Request, line: _Line) -> Response:
        address = request.client.host if request.client is not None else ""
        check_size(request.headers, request.scope.get("query_string", b""))
        await self._rates.check_address(address)
        try:
            call = await self._let_in(request, line)
        except RefusedError as refused:
            if refused.status in (401, 404):
                await self._rates.refuse_address(address)
            raise
        if call is None or isinstance(call, Response):
            return call or answers.refusal(_only_post())
        return await self._fire(call)

    async def _let_in(self, request: Request, line: _Line) -> "_Call | Response | None":
        """Find the event, and out who calls. None where the method is not one for it."""
        if request.method not in ("POST", "GET"):
            return None
        if not line.event:
            raise _no_such_event()
        applied = await self._revisions.applied(line.namespace)
        event = applied.event(line.event)
        webhook = (event.spec.source.webhook if event is not None else None) or _DEFAULTS
        if request.method == "GET" and webhook.challenge is None:
            return None  # whether there is such an event or not
        if event is None:
            raise _no_such_event()
        seconds = self._services.options.body_seconds
        body = Body(request, limit=webhook.max_body_bytes, seconds=seconds)
        headers, query = dict(request.headers), dict(request.query_params)
        principal = await self._auth.verify(event, Presented(headers, query, body.raw))
        line.by = str(principal)
        if event.spec.source.type != "webhook":
            raise RefusedError(400, f'The event is of type "{event.spec.source.type}": no call fires it.')
        if event.spec.suspended:
            raise RefusedError(503, "The event is suspended.")
        if webhook.rate_limit is not None:
            await self._rates.count(event, webhook.rate_limit)
        mode = mode_of(event, webhook, query)
        given = await body.parsed() if request.method == "POST" else _asked(query)
        call = _Call(request, applied, event, webhook, mode, delivery(event, headers, given, principal), line)
        if webhook.challenge is not None:
            echo = answers.challenged(webhook.challenge, call.context)
            if echo is not None or request.method == "GET":
                return echo
        return call

    async def _fire(self, call: _Call) -> Response:
        if self._starting >= STARTING_AT_ONCE or (call.mode.waits and self._waiting >= WAITING_AT_ONCE):
            raise unavailable("There are too many calls at once. Send this again.", 1)
        trigger = call.told.trigger
        key = key_of(
            call.webhook.idempotency_key,
            call.context,
            dict(call.request.headers),
            trigger.body,
            call.told.principal,
        )
        self._starting += 1
        try:
            told = await fire(self._services.connection, call.applied, call.told, key)
        finally:
            self._starting -= 1
        call.line.runs = list(told.runs)
        if told.busy:
            return answers.not_fired(call.event, BUSY)
        return await self._wait(call, told) if call.mode.waits else self._accepted(call, told)

    def _accepted(self, call: _Call, told: Told) -> Response:
        runs = [answers.shown_run(self._services.url, id) for id in told.runs]
        if call.webhook.respond is not None:
            context = {**call.context, "run": runs[0]}
            shaped = answers.shaped(call.webhook.respond, context, replayed=told.replayed)
            if shaped is not None:
                return shaped
        return answers.accepted(call.event, told.fired_at, runs, replayed=told.replayed)

    async def _wait(self, call: _Call, told: Told) -> Response:
        """Wait for the run as long as the call does, and somebody is there to be answered."""
        run = answers.shown_run(self._services.url, told.runs[0])
        self._waiting += 1
        waiting = asyncio.ensure_future(outcome(self._services.connection, told.runs[0]))
        gone = asyncio.ensure_future(_gone(call.request))
        try:
            await asyncio.wait(
                {waiting, gone}, timeout=call.mode.seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if not waiting.done():
                if gone.done():
                    raise ClientDisconnect
                return answers.too_slow(run, call.line.milliseconds)
            found = waiting.result()
        finally:
            self._waiting -= 1
            for task in (waiting, gone):
                task.cancel()
            await asyncio.gather(waiting, gone, return_exceptions=True)
        if call.webhook.respond is not None and found.error is None and not found.awaiting:
            context: dict[str, JsonValue] = {**call.context, "run": run, "output": found.output}
            shaped = answers.shaped(call.webhook.respond, context, replayed=told.replayed)
            if shaped is not None:
                return shaped
        return answers.result(found, run, call.line.milliseconds, replayed=told.replayed)


async def _gone(request: Request) -> None:
    """Wait until whoever calls has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _asked(query: dict[str, str]) -> JsonValue:
    """What a sender asks in a URL, in place of a body."""
    return {name: value for name, value in query.items() if name != "token"}


def _no_such_event() -> RefusedError:
    return RefusedError(404, "There is no such event.")


def _only_post() -> RefusedError:
    return RefusedError(405, "An event is fired with POST.", {"Allow": "POST"})
