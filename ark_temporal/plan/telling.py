"""What people are told about a run: at its end, when its budget runs low, when an agent gets no answers."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import JsonValue

from ark_temporal.plan.calls import CallFailure, Notification
from ark_temporal.plan.model import AgentPlan, Plan
from ark_temporal.plan.people import NotifyPlan
from ark_temporal.plan.record import RunRecord

SUCCEEDED: Final = "TeamSucceeded"
FAILED: Final = "TeamFailed"
BUDGET_WARNING: Final = "BudgetWarning"
AGENT_DEGRADED: Final = "AgentDegraded"

_BY_REASON: Final[Mapping[str, str]] = {"TimedOut": "TeamTimedOut", "BudgetExceeded": "BudgetExceeded"}

MAX_MESSAGE_CHARS: Final = 1_000
MAX_OUTPUT_CHARS: Final = 3_000
MAX_INPUT_CHARS: Final = 1_000
"""Of one value: a message says what a run was about, and the run has all of it."""

MAX_INPUT_CHARS_IN_ALL: Final = 10_000
MAX_INPUTS: Final = 50


def end_event(record: RunRecord) -> str:
    """The event that a run's end is; empty where it is none, since somebody wanted that end."""
    if record.phase == "Succeeded":
        return SUCCEEDED
    return _BY_REASON.get(record.reason, FAILED) if record.phase == "Failed" else ""


def told_at_end(plan: Plan, record: RunRecord) -> Notification | None:
    """What people are told about a run that has ended; None where nobody is."""
    event = end_event(record)
    if not event:
        return None
    message = record.error.message if record.error is not None else _success(record)
    agent = _agent_behind(plan, record)
    return _told(plan, record, plan.notify, event, message, agent=agent, step=_failed_step(record))


def told_of_budget(plan: Plan, record: RunRecord, limit: int, now: datetime) -> Notification | None:
    """What people are told when most of a run's tokens are used."""
    spent = record.token_usage.total_tokens
    message = f"The run has used {spent} of its {limit} tokens, and goes on."
    return _told(plan, record, plan.notify, BUDGET_WARNING, message, now=now)


def told_of_agent(
    plan: Plan, record: RunRecord, agent: AgentPlan, step: str, failure: CallFailure, now: datetime
) -> Notification | None:
    """What people are told when the provider of an agent's model does not answer."""
    message = f'Agent "{agent.agent}" gets no answer from its model {agent.model}: {failure.message}'
    notify = agent.notify or plan.notify
    return _told(plan, record, notify, AGENT_DEGRADED, message, agent=agent, step=step, now=now)


def about_run(record: RunRecord, now: datetime | None = None) -> dict[str, JsonValue]:
    """A run as templates of messages see it, long texts cut.

    Args:
        record: The run.
        now: For how long it has run, where it has not ended.
    """
    usage, until = record.token_usage, record.completion_time or now
    status: dict[str, JsonValue] = {
        "phase": record.phase,
        "reason": record.reason,
        "message": cut(record.error.message, MAX_MESSAGE_CHARS) if record.error is not None else "",
        "failedStep": _failed_step(record),
        "startTime": _moment(record.start_time),
        "output": cut(record.output, MAX_OUTPUT_CHARS),
        "totalTokenUsage": {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "totalTokens": usage.total_tokens,
        },
    }
    if record.completion_time is not None:
        status["completionTime"] = _moment(record.completion_time)
    if until is not None:
        status["durationSeconds"] = round((until - record.start_time).total_seconds())
    if record.cost_usd is not None:
        status["costUsd"] = round(record.cost_usd, 6)
    given = list(record.input.items())[:MAX_INPUTS]
    limit = min(MAX_INPUT_CHARS, MAX_INPUT_CHARS_IN_ALL // max(len(given), 1))
    return {"status": status, "spec": {"input": {name: _bounded(value, limit) for name, value in given}}}


def about_agent(agent: AgentPlan) -> dict[str, JsonValue]:
    """An agent as templates of messages see it."""
    limits: dict[str, JsonValue] = {
        "maxTokensPerCall": agent.max_tokens_per_call,
        "timeoutSeconds": agent.timeout_seconds,
    }
    return {"name": agent.agent, "role": agent.role, "spec": {"model": agent.model, "limits": limits}}


def cut(text: str, limit: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _told(
    plan: Plan,
    record: RunRecord,
    notify: NotifyPlan | None,
    event: str,
    message: str,
    *,
    agent: AgentPlan | None = None,
    step: str = "",
    now: datetime | None = None,
) -> Notification | None:
    if notify is None or not notify.tells(event):
        return None
    about: dict[str, JsonValue] = {"run": about_run(record, now)}
    if agent is not None:
        about["agent"] = about_agent(agent)
    return Notification(
        id=f"{event}-{agent.agent}" if event == AGENT_DEGRADED and agent is not None else event,
        step=step,
        role=agent.role if agent is not None else "",
        namespace=plan.namespace,
        team=plan.team,
        run=record.id,
        event=event,
        notify=notify,
        message=cut(message, MAX_MESSAGE_CHARS),
        about=about,
    )


def _success(record: RunRecord) -> str:
    until = record.completion_time or record.start_time
    seconds = (until - record.start_time).total_seconds()
    return f"The run succeeded in {seconds:.1f} s with {record.token_usage.total_tokens} tokens."


def _failed_step(record: RunRecord) -> str:
    if record.error is not None and record.error.step:
        return record.error.step
    return next((step.name for step in record.steps if step.phase == "Failed"), "")


def _agent_behind(plan: Plan, record: RunRecord) -> AgentPlan | None:
    """Whose step it was over which a run has failed."""
    name = _failed_step(record)
    step = next((one for one in record.steps if one.name == name), None)
    return plan.agents.get(step.resolved_agent or step.role) if step is not None else None


def _bounded(value: JsonValue, limit: int) -> JsonValue:
    if isinstance(value, str):
        return cut(value, limit)
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return value if len(text) <= limit else cut(text, limit)
    return value


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
