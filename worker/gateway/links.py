"""Approval links: pages on which one person decides one thing, as a message asked them to."""

import html
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Path
from starlette.responses import HTMLResponse

from ark_temporal.plan.gates import SHORTEST_DIGEST
from ark_temporal.plan.record import Awaiting, Decision, RunRecord
from ark_temporal.runs.approval_links import (
    ApprovalLink,
    LinkExpiredError,
    LinkRefusedError,
    read_link,
)
from ark_temporal.runs.connection import ConnectionFailedError
from ark_temporal.runs.decide import DecisionRefusedError, decide, describe_past, is_about
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.history import HistoryError
from ark_temporal.runs.watch import read_record
from worker.gateway.api.callers import Services
from worker.gateway.services import GatewayServices

router = APIRouter(prefix="/approve", include_in_schema=False)

_LONGEST_COMMENT = 2000
_MOST_SHOWN = 20_000
_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: 1rem; }
textarea { width: 100%; box-sizing: border-box; font: inherit; }
button { font: inherit; padding: .5rem 1.2rem; margin-right: .6rem; }
dt { font-weight: 600; } dd { margin: 0 0 .6rem; overflow-wrap: anywhere; }
:root { color-scheme: light dark; }"""

Token = Annotated[str, Path(max_length=5000)]


class _NoDecisionError(Exception):
    """Nothing can be decided by this link.

    Attributes:
        status: The HTTP status of the page that says so.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@router.get("/{token:path}", response_class=HTMLResponse)
async def show(token: Token, services: Services) -> HTMLResponse:
    """Show what is asked. It decides nothing: programs that look at links in messages do no harm."""
    try:
        link = _read(services, token)
        record, awaiting = await _look(services, link)
    except _NoDecisionError as error:
        return _page(error.status, "Nothing to decide", f"<p>{_text(str(error))}</p>")
    return _page(200, "A decision is asked of you", _question(link, record, awaiting))


@router.post("/{token:path}", response_class=HTMLResponse)
async def take(
    token: Token,
    services: Services,
    decision: Annotated[str, Form(max_length=20)] = "",
    comment: Annotated[str, Form(max_length=_LONGEST_COMMENT)] = "",
) -> HTMLResponse:
    """Decide, once: who comes again is told what was decided."""
    try:
        link = _read(services, token)
        if decision not in ("approve", "reject"):
            raise _NoDecisionError(422, "Choose to approve or to reject.")
        await _look(services, link)
        wanted = Decision(
            id=link.approval, digest=link.digest, decision=decision, by=link.by, comment=comment.strip()
        )
        taken = await decide(services.connection, link.run, wanted)
    except DecisionRefusedError as error:
        return _page(409, "Not decided", f"<p>{_text(str(error))}</p>")
    except (ConnectionFailedError, RunNotFoundError) as error:
        return _page(503, "Not decided", f"<p>{_text(str(error))}</p><p>Open the link again later.</p>")
    except _NoDecisionError as error:
        return _page(error.status, "Nothing to decide", f"<p>{_text(str(error))}</p>")
    done = {"approve": "approved", "reject": "rejected"}[decision]
    said = taken.message or f"{link.approval} is {done}."
    return _page(200, "Thank you", f"<p>{_text(said)}</p>")


def _read(services: GatewayServices, token: str) -> ApprovalLink:
    """What a link says.

    Raises:
        _NoDecisionError: It is none of ours, or its time is up.
    """
    if services.options.link_key is None:
        raise _NoDecisionError(404, "This gateway takes no decisions by link.")
    try:
        return read_link(services.options.link_key, token, datetime.now(UTC))
    except LinkExpiredError as error:
        raise _NoDecisionError(410, f"{error} Ask for another, or use the command or the API.") from None
    except LinkRefusedError as error:
        raise _NoDecisionError(404, str(error)) from None


async def _look(services: GatewayServices, link: ApprovalLink) -> tuple[RunRecord, Awaiting]:
    """What a link is about, as it is now.

    Raises:
        _NoDecisionError: It was decided, was changed, or is no longer there.
    """
    try:
        record = await read_record(services.connection, link.run)
    except (RunNotFoundError, HistoryError):
        raise _NoDecisionError(404, "That run is not there any more.") from None
    except ConnectionFailedError:
        raise _NoDecisionError(503, "Temporal does not answer just now. Open the link again later.") from None
    for awaiting in record.awaiting:
        if awaiting.id == link.approval:
            if len(link.digest) < SHORTEST_DIGEST or not awaiting.digest.startswith(link.digest):
                raise _NoDecisionError(
                    409, "What is asked was changed since this link was sent. Look for a newer message."
                )
            mine = next((vote for vote in awaiting.votes if vote.by == link.by), None)
            if mine is not None:
                raise _NoDecisionError(
                    200,
                    f"You have approved it already, at {mine.at:%Y-%m-%d %H:%M} UTC. Others are asked too.",
                )
            return record, awaiting
    for past in reversed(record.decisions):
        if is_about(past, Decision(id=link.approval, decision="approve")):
            raise _NoDecisionError(200, describe_past(past))
    raise _NoDecisionError(200, f"The run waits for this no longer: it is {record.phase.lower()}.")


def _question(link: ApprovalLink, record: RunRecord, awaiting: Awaiting) -> str:
    """What is asked, and the form that decides it."""
    facts: Mapping[str, str] = {
        "Run": record.id,
        "Team": f"{record.namespace}/{record.team}",
        "About": awaiting.id,
        "Asked of": link.by,
        "Digest": awaiting.digest,
        "Link good until": f"{datetime.fromtimestamp(link.expires, UTC):%Y-%m-%d %H:%M} UTC",
    }
    told = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in facts.items() if value)
    subject, cut = awaiting.subject[:_MOST_SHOWN], len(awaiting.subject) > _MOST_SHOWN
    more = f"<p>Only the first {_MOST_SHOWN} characters are shown: read the rest before you decide.</p>"
    offered = [each for each in ("approve", "reject") if each in awaiting.decisions]
    buttons = "".join(
        f'<button name="decision" value="{each}">{each.capitalize()}</button>' for each in offered
    )
    if "approve" not in offered:
        other = ", ".join(each for each in awaiting.decisions if each not in offered)
        buttons += f"<p>To {_text(other)}, use the command or the API.</p>"
    return (
        f"<p>{_text(awaiting.message)}</p><pre>{_text(subject)}</pre>{more if cut else ''}<dl>{told}</dl>"
        f'<form method="post"><p><label>Comment<br><textarea name="comment" rows="3" '
        f'maxlength="{_LONGEST_COMMENT}"></textarea></label></p><p>{buttons}</p></form>'
    )


def _page(status: int, title: str, body: str) -> HTMLResponse:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{_text(title)}</h1>{body}</body></html>"
    )
    return HTMLResponse(page, status, {"Content-Security-Policy": _CSP})


def _text(text: str) -> str:
    return html.escape(text, quote=True)
