"""Decisions of people: how they are asked, who may decide, what counts, and what time does.

No clock, no I/O: a run keeps its gates in its record, and tells them what was decided and how late it is.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from pydantic import JsonValue

from ark_temporal.plan.judging import schema_problem
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import (
    Awaiting,
    AwaitingKind,
    Decision,
    DecisionRecord,
    DecisionTaken,
    RunRecord,
    Verdict,
    Vote,
)

SHORTEST_DIGEST = 8
"""So many characters of a digest name its subject well enough."""

Event = Literal["ApprovalRequested", "ApprovalReminder", "ApprovalEscalated"]

_DECISIONS: dict[AwaitingKind, tuple[Verdict, ...]] = {
    "tool-outcome": ("retry", "answer", "reject"),
    "approval": ("approve", "edit", "reject"),
    "output": ("approve", "edit", "reject"),
    "tool": ("approve", "edit", "reject"),
    "question": ("answer", "reject"),
    "failed-step": ("retry", "answer", "reject"),
}
_DONE = {
    "approve": "approved",
    "edit": "edited and approved",
    "reject": "rejected",
    "answer": "answered",
    "retry": "sent back to be done once more",
    "fail": "failed",
}
_LATE: dict[str, Literal["approve", "reject", "fail"]] = {
    "approve": "approve",
    "reject": "reject",
    "fail": "fail",
}


def digest_of(id: str, subject: str) -> str:
    """What stands for a subject: sha256 over the question's id and the subject, in hex."""
    return hashlib.sha256(f"{id}\n{subject}".encode()).hexdigest()


def ask_people(
    kind: AwaitingKind,
    *,
    id: str,
    step: str,
    message: str,
    subject: str,
    now: datetime,
    gate: GatePlan | None = None,
    answer_schema: JsonValue = None,
) -> Awaiting:
    """Put a question together.

    Args:
        kind: What it is about.
        id: What decisions call it.
        step: Whose question it is.
        message: What people are told.
        subject: What they decide about, exactly.
        now: Their time begins now.
        gate: Who may decide and how long; None lets anybody, for ever.
        answer_schema: What an answer or an edit must match.
    """
    return Awaiting(
        id=id,
        step=step,
        kind=kind,
        message=message,
        subject=subject,
        digest=digest_of(id, subject),
        since=now,
        decisions=_DECISIONS[kind],
        gate=gate,
        approvers=gate.approvers if gate else (),
        answer_schema=answer_schema,
        deadline=_later(now, gate.timeout_seconds if gate else None),
        remind_at=_later(now, gate.reminder_seconds if gate else None),
    )


def find_question(record: RunRecord, decision: Decision) -> Awaiting | None:
    """The open question that a decision is about."""
    for awaiting in record.awaiting:
        if decision.id:
            if decision.id == awaiting.id:
                return awaiting
        elif len(decision.digest) >= SHORTEST_DIGEST and awaiting.digest.startswith(decision.digest):
            return awaiting
    return None


def refusal(record: RunRecord, decision: Decision) -> str:
    """Why a decision cannot be taken now, in a sentence; empty when it can."""
    awaiting = find_question(record, decision)
    if awaiting is None:
        return _not_open(record, decision)
    if decision.decision not in awaiting.decisions:
        return f'"{decision.decision}" is no answer here; one of: {", ".join(awaiting.decisions)}.'
    if decision.digest and not awaiting.digest.startswith(decision.digest):
        return (
            f'What "{awaiting.id}" is about is not what the digest {decision.digest[:12]} stands for: it was '
            f"changed since. Look at it again; its digest is {awaiting.digest[:12]} now."
        )
    if decision.decision in ("approve", "edit") and len(decision.digest) < SHORTEST_DIGEST:
        return (
            f'To {decision.decision} "{awaiting.id}" the digest of what you saw is needed, or its first '
            f"{SHORTEST_DIGEST} characters and more: {awaiting.digest[:12]}."
        )
    return _not_by(record, awaiting, decision)


def content_refusal(record: RunRecord, decision: Decision) -> str:
    """Why what a decision brings along cannot be used; empty when it can.

    Apart from `refusal`, since only who decides needs to know: a decision that was taken is never looked at
    again, so that another release of the schema library changes no run.
    """
    awaiting = find_question(record, decision)
    if awaiting is None or decision.decision not in ("edit", "answer"):
        return ""
    if decision.decision == "edit" and not content_text(decision).strip():
        return "The edit is empty: give what is to stand there in `text`, or in `value` where it is JSON."
    if awaiting.kind == "failed-step" or awaiting.answer_schema is None:
        return _must_be_json(awaiting, decision)
    wrong = schema_problem(content_value(decision), awaiting.answer_schema)
    if not wrong:
        return _must_be_json(awaiting, decision)
    return f"What you give does not match the schema that it must: {wrong.rstrip('.')}."


def content_value(decision: Decision) -> JsonValue:
    """What a decision brings along as JSON; its text where that is none."""
    if decision.value is not None:
        return decision.value
    try:
        return json.loads(decision.text)
    except (ValueError, RecursionError):
        return decision.text


def content_text(decision: Decision) -> str:
    """What a decision brings along as text."""
    if decision.value is None:
        return decision.text
    return (
        decision.value if isinstance(decision.value, str) else json.dumps(decision.value, ensure_ascii=False)
    )


def take(record: RunRecord, awaiting: Awaiting, decision: Decision, now: datetime) -> DecisionTaken:
    """Count a decision, which is not to be refused; closes the question where it is enough.

    An edit changes what is decided about: approvals of what was there before are void.
    """
    needed = awaiting.gate.quorum if awaiting.gate else 1
    if decision.decision in ("approve", "edit"):
        if decision.decision == "edit":
            awaiting.votes.clear()
            awaiting.edited = True
            awaiting.subject = content_text(decision)
            awaiting.digest = digest_of(awaiting.id, awaiting.subject)
        awaiting.votes.append(Vote(by=decision.by, at=now, comment=decision.comment))
        if len(awaiting.votes) < needed:
            if decision.decision == "edit":
                record.decisions.append(_record(awaiting, decision, now))
            have = f"{len(awaiting.votes)} of {needed} approvals"
            return DecisionTaken(
                closed=False, message=f'"{awaiting.id}" has {have} of {awaiting.digest[:12]} by now.'
            )
    record.awaiting.remove(awaiting)
    record.decisions.append(_record(awaiting, decision, now))
    return DecisionTaken(message=f'"{awaiting.id}" is {_DONE[decision.decision]}.')


def let_time_decide(
    record: RunRecord, awaiting: Awaiting, verdict: Literal["approve", "reject", "fail"], now: datetime
) -> None:
    """Close a question that nobody has decided in time."""
    record.awaiting.remove(awaiting)
    record.decisions.append(
        DecisionRecord(
            id=awaiting.id,
            step=awaiting.step,
            kind=awaiting.kind,
            decision=verdict,
            digest=awaiting.digest,
            comment="Nobody decided in time.",
            at=now,
            votes=awaiting.votes,
        )
    )


def alarm(record: RunRecord) -> datetime | None:
    """When a question wants to be told how late it is."""
    times = [time for one in record.awaiting for time in (one.deadline, one.remind_at) if time is not None]
    return min(times, default=None)


def wake(
    awaiting: Awaiting, now: datetime
) -> tuple[list[Event], Literal["approve", "reject", "fail"] | None]:
    """What time has brought: people to be told, and the verdict where time has decided."""
    events: dict[Event, None] = {}  # each once, however long nobody looked
    gate = awaiting.gate
    while gate is not None and awaiting.deadline is not None and now >= awaiting.deadline:
        if gate.on_timeout != "escalate":
            return [*events], _LATE[gate.on_timeout]
        if awaiting.tier >= len(gate.escalation):
            return [*events], gate.at_last
        tier: EscalationPlan = gate.escalation[awaiting.tier]
        awaiting.tier += 1
        if awaiting.approvers:
            awaiting.approvers = tuple(dict.fromkeys((*awaiting.approvers, *tier.approvers)))
        awaiting.deadline += timedelta(seconds=tier.timeout_seconds)
        events["ApprovalEscalated"] = None
    if (
        gate is not None
        and gate.reminder_seconds
        and awaiting.remind_at is not None
        and now >= awaiting.remind_at
    ):
        awaiting.reminders += 1
        while awaiting.remind_at <= now:
            awaiting.remind_at += timedelta(seconds=gate.reminder_seconds)
        events["ApprovalReminder"] = None
    return [*events], None


def _later(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _record(awaiting: Awaiting, decision: Decision, now: datetime) -> DecisionRecord:
    stands = awaiting.edited and decision.decision in ("approve", "edit")
    return DecisionRecord(
        id=awaiting.id,
        step=awaiting.step,
        kind=awaiting.kind,
        decision=decision.decision,
        digest=awaiting.digest,
        subject=awaiting.subject if stands else content_text(decision),
        by=decision.by,
        comment=decision.comment,
        at=now,
        votes=list(awaiting.votes) if awaiting.gate is not None and awaiting.gate.quorum > 1 else [],
    )


def _not_open(record: RunRecord, decision: Decision) -> str:
    for past in reversed(record.decisions):
        if past.id == decision.id or (
            len(decision.digest) >= SHORTEST_DIGEST and past.digest.startswith(decision.digest)
        ):
            who = f" by {past.by}" if past.by else ""
            return f'"{past.id}" was already {_DONE[past.decision]}{who} at {past.at:%Y-%m-%d %H:%M:%S} UTC.'
    named = decision.id or decision.digest or "nothing"
    known = ", ".join(_known(record)) or "nothing"
    if not decision.id and len(decision.digest) < SHORTEST_DIGEST:
        return (
            "A decision names what it is about: by `id`, or by `digest` with at least "
            f"{SHORTEST_DIGEST} characters. The run waits for: {known}."
        )
    return f'The run does not wait for a decision about "{named}"; it waits for: {known}.'


def _known(record: RunRecord) -> Iterator[str]:
    yield from (one.id for one in record.awaiting)


def _not_by(record: RunRecord, awaiting: Awaiting, decision: Decision) -> str:
    gate = awaiting.gate
    if gate is None:
        return ""
    by = decision.by
    named = bool(awaiting.approvers) or gate.four_eyes or gate.quorum > 1
    if named and not by.strip():
        return f'"{awaiting.id}" wants to know who decides: give `by`.'
    if awaiting.approvers and by not in awaiting.approvers:
        return f'{by} may not decide "{awaiting.id}"; these may: {", ".join(awaiting.approvers)}.'
    if gate.four_eyes and not record.submitted_by:
        return (
            f'Who submitted the run must not decide "{awaiting.id}", and the run does not say who that was. '
            "Submit it with a name (`submittedBy`)."
        )
    if gate.four_eyes and by == record.submitted_by:
        return f'{by} submitted the run, so somebody else has to decide "{awaiting.id}".'
    if decision.decision == "approve" and any(vote.by == by for vote in awaiting.votes):
        return f'{by} has approved "{awaiting.id}" already; another person\'s approval is needed.'
    return ""


def _must_be_json(awaiting: Awaiting, decision: Decision) -> str:
    if (
        awaiting.kind == "tool"
        and decision.decision == "edit"
        and not isinstance(content_value(decision), dict)
    ):
        return "The arguments of a tool call are a JSON object; give one."
    return ""
