"""What a person reads about a run in Temporal's Web UI, without any tool of ours."""

from datetime import datetime

from ark_temporal.plan.calls import ModelCall
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunRecord, StepRecord

_MARKS = {
    "Pending": "·",
    "Running": "▸",
    "Succeeded": "✓",
    "Failed": "✗",
    "Skipped": "⊘",
    "Cancelled": "◼",
}
_SUMMARY_BYTES = 300
"""Temporal refuses a summary whose payload, quotes and escapes included, has more than 400 bytes."""
_DETAILS_BYTES = 16_000
"""The same for details; there it is 20,000."""


def summarize_plan(plan: Plan) -> str:
    """One line: which team, how big, which plan."""
    steps = "1 step" if len(plan.steps) == 1 else f"{len(plan.steps)} steps"
    summary = f"team {plan.team} · {steps} · plan {plan.digest()[:8]}"
    return _cut(summary, _SUMMARY_BYTES)


def detail_plan(plan: Plan) -> str:
    """Markdown: the steps, what they wait for and who answers them."""
    rows = [
        f"| {step.name} | {plan.agents[step.role].model} | {', '.join(step.depends_on) or '–'} |"
        for step in plan.steps[:100]
    ]
    return _cut("\n".join(["| step | model | after |", "| --- | --- | --- |", *rows]), _DETAILS_BYTES)


def describe_call(call: ModelCall) -> str:
    """One line: which step asks which model, and why."""
    why = "" if call.purpose == "task" else f" ({call.purpose})"
    turn = f" · iteration {call.iteration}" if call.iteration > 1 else ""
    return _cut(f"{call.step}{why} · {call.model}{turn}", _SUMMARY_BYTES)


def describe_run(record: RunRecord) -> str:
    """Markdown: how far every step is."""
    spent = f"{record.token_usage.total_tokens} tokens"
    cost = f" · ${record.cost_usd:.4f}" if record.cost_usd is not None else ""
    lines = [
        f"**{record.phase}** · {spent}{cost}",
        "",
        "| | step | time | tokens |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(step) for step in record.steps[:100]]
    if record.error is not None:
        lines += ["", record.error.message[:1000]]
    return "\n".join(lines)


def _row(step: StepRecord) -> str:
    took = _seconds(step.start_time, step.completion_time)
    note = f" — {step.message[:120]}" if step.message and step.phase == "Skipped" else ""
    return f"| {_MARKS[step.phase]} | {step.name}{note} | {took} | {step.token_usage.total_tokens or ''} |"


def _cut(text: str, limit: int) -> str:
    """The text, or as much of it as fits that many bytes."""
    data = text.encode()
    return text if len(data) <= limit else data[: limit - 3].decode(errors="ignore") + "…"


def _seconds(start: datetime | None, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():.1f} s" if start and end else ""
