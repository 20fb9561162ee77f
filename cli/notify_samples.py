"""Messages about things that have not happened, to try out how people are told of them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ark_temporal.plan.calls import Notification
    from ark_temporal.plan.people import NotifyPlan
    from ark_temporal.plan.record import RunRecord

SAMPLE_RUN = "sample-run"
_SUBJECT = "Write a short text about samples."
_SAYS = {
    "TeamSucceeded": "The run succeeded in 95.0 s with 1245 tokens.",
    "TeamFailed": 'Step "write" failed: this is a sample.',
    "TeamTimedOut": "The run was not done within its timeoutSeconds of 95; running then: write.",
    "BudgetExceeded": "The run used 1245 tokens, more than its maxTokens of 1200.",
    "BudgetWarning": "The run has used 1245 of its 1500 tokens, and goes on.",
    "DailyLimitReached": "The team has used 100000 tokens today, all that it may.",
    "AgentDegraded": 'Agent "sample-writer" gets no answer from its model sample-model: this is a sample.',
    "ApprovalRequested": "Shall the sample be written?",
    "ApprovalReminder": "Shall the sample be written?",
    "ApprovalEscalated": "Shall the sample be written?",
}
_REASONS = {"TeamFailed": "StepFailed", "TeamTimedOut": "TimedOut", "BudgetExceeded": "BudgetExceeded"}


def sample(notify: "NotifyPlan", event: str, *, team: str, namespace: str) -> "Notification":
    """A message about an event, with all that templates can see.

    Args:
        notify: Who is told.
        event: What has not happened.
        team: To whom.
        namespace: Where the names of Secrets are looked up.
    """
    from ark_temporal.plan.calls import Notification
    from ark_temporal.plan.telling import about_run

    message = f"{_SAYS[event]} (This is a sample, sent by `ark-temporal notify test`.)"
    about: dict[str, JsonValue] = {"run": about_run(_run(event, team, message)), "agent": _agent(team)}
    if event.startswith("Approval"):
        about["gate"] = _gate(message)
    return Notification(
        id=f"sample-{event}-{datetime.now(UTC).timestamp():.3f}",
        step="write",
        namespace=namespace,
        team=team,
        run=SAMPLE_RUN,
        event=event,
        notify=notify,
        message=message,
        about=about,
    )


def _run(event: str, team: str, message: str) -> "RunRecord":
    from ark_temporal.plan.record import RunError, RunRecord, StepRecord, TokenUsage

    now = datetime.now(UTC).replace(microsecond=0)
    failed = event in _REASONS
    goes_on = not failed and event != "TeamSucceeded"
    return RunRecord(
        id=SAMPLE_RUN,
        team=team,
        plan="",
        phase="Failed" if failed else "Running" if goes_on else "Succeeded",
        reason=_REASONS.get(event, ""),
        input={"topic": "samples"},
        start_time=now - timedelta(seconds=95),
        completion_time=None if goes_on else now,
        output="" if failed or goes_on else "This is a sample of what a run comes to.",
        token_usage=TokenUsage(input_tokens=900, output_tokens=345, total_tokens=1245),
        cost_usd=0.0123,
        error=RunError(type=_REASONS[event], message=message, step="write") if failed else None,
        steps=[StepRecord(name="write", role="writer", phase="Failed" if failed else "Running")],
    )


def _agent(team: str) -> "JsonValue":
    limits: dict[str, JsonValue] = {
        "maxTokensPerCall": 8000,
        "timeoutSeconds": 120,
        "maxDailyTokens": 100_000,
    }
    status: dict[str, JsonValue] = {"dailyTokensUsed": 100_000, "budgetResetsInMinutes": 42}
    spec: dict[str, JsonValue] = {"model": "sample-model", "limits": limits}
    return {"name": f"{team}-writer", "role": "writer", "spec": spec, "status": status}


def _gate(message: str) -> "JsonValue":
    until = datetime.now(UTC) + timedelta(hours=1)
    return {
        "id": "write#approval",
        "step": "write",
        "kind": "approval",
        "message": message,
        "subject": _SUBJECT,
        "digest": hashlib.sha256(_SUBJECT.encode()).hexdigest(),
        "approvers": ["ann"],
        "deadline": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
