"""What is answered to a call that was let in."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from pydantic import JsonValue
from pydantic_core import to_json
from starlette.responses import Response

from ark_temporal.manifests import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookAnswer
from ark_temporal.templates import TemplateError, parse
from worker.gateway.triggers.refusals import RefusedError
from worker.gateway.triggers.waiting import Outcome

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
REPLAYED = "Idempotency-Replayed"

_STATUSES = {"TimedOut": 504, "Rejected": 422, "DeclaredFailure": 422, "InvalidInput": 422}
"""By the type of a run's error; all others are 500."""

_log = logging.getLogger("ark-temporal.gateway")


def as_json(
    status: int, content: Mapping[str, JsonValue], headers: Mapping[str, str] | None = None
) -> Response:
    """An answer of ours."""
    return Response(
        to_json(content), status, headers={**_HEADERS, **(headers or {})}, media_type="application/json"
    )


def refusal(refused: RefusedError) -> Response:
    """The answer to a call that is refused."""
    return as_json(refused.status, {"error": refused.message}, refused.headers)


def shown_run(url: str, id: str) -> dict[str, JsonValue]:
    """A run, and where the gateway shows it."""
    return {"id": id, "url": f"{url}/api/v1/runs/{quote(id, safe='')}"}


def written(moment: datetime) -> str:
    """A time as `.trigger.firedAt` has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def accepted(
    event: ArkEvent, fired_at: datetime, runs: Sequence[dict[str, JsonValue]], *, replayed: bool
) -> Response:
    """202: the runs exist."""
    content: dict[str, JsonValue] = {
        "fired": True,
        "firedAt": written(fired_at),
        "trigger": event.metadata.name,
        "targets": len(event.spec.targets),
        "runs": list(runs),
    }
    return as_json(202, content, marked(replayed=replayed))


def not_fired(event: ArkEvent, reason: str) -> Response:
    """200: all is well, and nothing is started."""
    return as_json(
        200, {"fired": False, "reason": reason, "trigger": event.metadata.name, "targets": 0, "runs": []}
    )


def marked(*, replayed: bool) -> dict[str, str]:
    """The header of an answer that was given before."""
    return {REPLAYED: "true"} if replayed else {}


def result(found: Outcome, run: dict[str, JsonValue], milliseconds: int, *, replayed: bool) -> Response:
    """What a run has come to, in JSON."""
    told: dict[str, JsonValue] = {"durationMs": milliseconds, "run": run}
    content: dict[str, JsonValue]
    if found.awaiting:
        content = {"status": "waiting", "awaiting": list(found.awaiting), **told}
        return as_json(202, content, marked(replayed=replayed))
    if found.error is not None:
        status = _STATUSES.get(found.error.type, 500)
        content = {"status": "failed", "error": found.error.message, "type": found.error.type, **told}
        return as_json(status, content, marked(replayed=replayed))
    content = {"status": "succeeded", "output": found.output, **told}
    return as_json(200, content, marked(replayed=replayed))


def too_slow(run: dict[str, JsonValue], milliseconds: int) -> Response:
    """504: the run goes on."""
    return as_json(
        504,
        {"error": "The run did not end in time; it goes on.", "durationMs": milliseconds, "run": run},
    )


def shaped(answer: WebhookAnswer, context: Mapping[str, JsonValue], *, replayed: bool) -> Response | None:
    """The answer that the manifest describes; None where its body does not render."""
    try:
        body = parse(answer.body).render(context)
    except TemplateError as error:
        _log.warning("the body of a webhook's `respond` does not render: %s", type(error).__name__)
        return None
    content = b"" if answer.status in (204, 304) else body.encode()
    headers = {**_HEADERS, **marked(replayed=replayed), "Content-Type": answer.content_type}
    return Response(content, answer.status, headers=headers)


def challenged(template: str, context: Mapping[str, JsonValue]) -> Response | None:
    """The echo that a sender wants before it sends anything; None where it asks for none."""
    try:
        text = parse(template).render(context).strip()
    except TemplateError as error:
        _log.warning("the `challenge` of a webhook does not render: %s", type(error).__name__)
        return None
    if not text:
        return None
    return Response(text, 200, headers={**_HEADERS, "Content-Type": "text/plain; charset=utf-8"})
