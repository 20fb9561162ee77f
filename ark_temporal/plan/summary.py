"""What a person reads about a run in Temporal's Web UI, without any tool of ours."""

import json
from datetime import datetime

from ark_temporal.plan.calls import (
    MemoryRead,
    MemoryWrite,
    ModelCall,
    Request,
    SubtaskStart,
    ToolDiscovery,
    ToolInvocation,
)
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


def summarize_plan(plan: Plan, digest: str) -> str:
    """One line: which team, how big, which plan by its digest."""
    steps = "1 step" if len(plan.steps) == 1 else f"{len(plan.steps)} steps"
    summary = f"{plan.kind} {plan.team} · {steps} · plan {digest[:8]}"
    return _cut(summary, _SUMMARY_BYTES)


def detail_plan(plan: Plan) -> str:
    """Markdown: the steps, what they wait for and who answers them."""
    rows = [
        f"| {step.name} | {plan.agents[step.role].model} | {', '.join(step.depends_on) or '–'} |"
        for step in plan.steps[:100]
    ]
    return _cut("\n".join(["| step | model | after |", "| --- | --- | --- |", *rows]), _DETAILS_BYTES)


def describe_request(request: Request) -> str:
    """One line: which step asks what of whom."""
    return _cut(f"{request.step}{_what(request)}", _SUMMARY_BYTES)


def _what(request: Request) -> str:
    match request:
        case ModelCall():
            why = "" if request.purpose == "task" else f" ({request.purpose})"
            iteration = f" · iteration {request.iteration}" if request.iteration > 1 else ""
            turn = f" · turn {request.turn}" if request.turn > 1 and request.purpose == "task" else ""
            return f"{why} · {request.model}{iteration}{turn}"
        case ToolInvocation():
            given = json.dumps(request.arguments, ensure_ascii=False) if request.arguments else ""
            return f" · {request.tool} {given}"
        case ToolDiscovery(server=server):
            return f" · tools of {server.name}" if server is not None else " · Python tools"
        case MemoryRead():
            return f" · recall from {request.memory.name}"
        case MemoryWrite():
            return f" · remember in {request.memory.name}"
        case SubtaskStart():
            return f" · subtask: {request.task}"


def describe_run(record: RunRecord) -> str:
    """Markdown: how far every step is, and what waits for a person."""
    spent = f"{record.token_usage.total_tokens} tokens"
    cost = f" · ${record.cost_usd:.4f}" if record.cost_usd is not None else ""
    lines = [
        f"**{record.phase}** · {spent}{cost}",
        "",
        "| | step | time | tokens |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(step) for step in record.steps[:100]]
    for awaiting in record.awaiting[:20]:
        lines += ["", f"**{awaiting.step} waits for a person** (`{awaiting.id}`): {awaiting.message[:700]}"]
    if record.awaiting:
        lines += [
            "",
            f"Decide with `ark-temporal approvals`, or with the update `decide` (run `{record.id}`).",
        ]
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
