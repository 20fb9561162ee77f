"""What a person reads about a run in Temporal's Web UI, without any tool of ours."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from ark_temporal.plan.calls import (
    ChildRun,
    MemoryRead,
    MemoryWrite,
    ModelCall,
    Notification,
    Request,
    SubtaskStart,
    ToolDiscovery,
    ToolInvocation,
)
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.record import Awaiting, RunRecord, StepPhase, StepRecord

_MARKS = {
    "Pending": "·",
    "Running": "▸",
    "Succeeded": "✓",
    "Failed": "✗",
    "Skipped": "⊘",
    "Cancelled": "◼",
}
_OTHER_PARTS: Sequence[tuple[StepPhase, str]] = (("Running", "under way"), ("Failed", "failed"))
_SUMMARY_BYTES = 300
"""Temporal refuses a summary whose payload, quotes and escapes included, has more than 400 bytes."""
_DETAILS_BYTES = 16_000
"""The same for details; there it is 20,000."""
_DIGEST_SHOWN = 12
_MESSAGE_BYTES = 700
_NAMED_ROLES = 6


def summarize_plan(plan: Plan, digest: str) -> str:
    """One line: which team, how big or in which mode, which plan by its digest."""
    steps = "1 step" if len(plan.steps) == 1 else f"{len(plan.steps)} steps"
    size = {"dynamic": f"led by {plan.entry}", "routed": "routed"}.get(plan.mode, steps)
    summary = f"{plan.kind} {plan.team} · {size} · plan {digest[:8]}"
    return _cut(summary, _SUMMARY_BYTES)


def detail_plan(plan: Plan) -> str:
    """Markdown: the steps, what they wait for and who answers them; and who may hand tasks to whom."""
    rows = [
        f"| {step.name} | {_who(step, plan)} | {', '.join(step.depends_on) or '–'} |"
        for step in plan.steps[:100]
    ]
    lines = ["| step | model | after |", "| --- | --- | --- |", *rows]
    handing = [agent for agent in plan.agents.values() if agent.can_delegate]
    if handing:
        lines.append("")
    lines += [f"- {agent.role} may delegate to {', '.join(agent.can_delegate)}" for agent in handing[:100]]
    return _cut("\n".join(lines), _DETAILS_BYTES)


def _who(step: StepPlan, plan: Plan) -> str:
    """The models and teams that may work in a step, and how its work is shared out."""
    roles = list(dict.fromkeys(step.roles))
    named = [_player(role, plan) for role in roles[:_NAMED_ROLES]]
    whom = ", ".join(dict.fromkeys(named)) + (", …" if len(roles) > _NAMED_ROLES else "")
    if step.map is not None:
        return f"{whom} · for each item"
    if step.ensemble is not None:
        return f"{whom} · {len(step.ensemble.roles)} at once"
    if step.fallback:
        return f"{whom} · one after the other"
    return f"{whom} · one of them" if len(roles) > 1 else whom


def _player(role: str, plan: Plan) -> str:
    team = plan.teams.get(role)
    return f"team {team.team}" if team is not None else plan.agents[role].model


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
        case ChildRun():
            return f" · {_handed(request)}"
        case Notification():
            return f" · {request.event}: tells {request.notify.name}"


def _handed(request: ChildRun) -> str:
    """What a run of its own is to do."""
    task = " ".join(request.task.split())
    if request.page is not None:
        first, count = request.page.offset, len(request.page.items)
        return f"items {first} to {first + count - 1}" if count > 1 else f"item {first}"
    if request.model_call:
        return f'hands "{request.role}": {task}'
    return f"team {request.plan.team}: {task}" if request.plan.kind == "team" else f"{request.role}: {task}"


def describe_run(record: RunRecord) -> str:
    """Markdown: how far every step is, and what waits for a person."""
    spent = f"{record.token_usage.total_tokens} tokens"
    cost = f" · ${record.cost_usd:.4f}" if record.cost_usd is not None else ""
    paused = " · **paused**" if record.paused_since is not None and not record.ended else ""
    lines = [
        f"**{record.phase}**{paused} · {spent}{cost}",
        "",
        "| | step | time | tokens |",
        "| --- | --- | --- | --- |",
    ]
    lines += [_row(step) for step in record.steps[:100]]
    if paused:
        lines += ["", f"Let it go on with `ark-temporal runs resume {record.id}`, or the signal `resume`."]
    for awaiting in record.awaiting[:10]:
        lines += ["", *_asked(record.id, awaiting)]
    if len(record.awaiting) > 10:
        lines += ["", f"{len(record.awaiting) - 10} more wait: `ark-temporal approvals list {record.id}`."]
    if record.error is not None:
        lines += ["", record.error.message[:1000]]
    return _cut("\n".join(lines), _DETAILS_BYTES)


def _asked(run: str, awaiting: Awaiting) -> list[str]:
    """What a person is asked, and the commands that decide it."""
    digest = awaiting.digest[:_DIGEST_SHOWN]
    shown = f", `{digest}`" if digest else ""
    what = f"{awaiting.kind} `{awaiting.id}`{shown}"
    message = _cut(awaiting.message, _MESSAGE_BYTES)
    lines = [f"**{awaiting.step} waits for a person** ({what}): {message}"]
    if awaiting.approvers:
        lines.append(f"May decide: {_cut(', '.join(awaiting.approvers), 200)}.")
    first = awaiting.decisions[0]
    named = {"digest": digest} if digest else {"id": awaiting.id}
    if first == "approve":
        ours = f"ark-temporal approvals approve {run} --digest {digest}"
        plain = ["signal", "--workflow-id", run, "--name", "approve"]
        said: dict[str, str] = named
    else:
        ours = f"ark-temporal approvals {first} {run} {shlex.quote(awaiting.id)}"
        ours += " --text TEXT" if first == "answer" else ""
        plain = ["update", "execute", "--workflow-id", run, "--name", "decide"]
        said = {"id": awaiting.id, "decision": first, **({"text": "TEXT"} if first == "answer" else {})}
    given = json.dumps({**said, "by": "NAME"}, ensure_ascii=False)
    plain_command = shlex.join(["temporal", "workflow", *plain, "--input", given])
    other = f" Or: {', '.join(awaiting.decisions[1:])}." if awaiting.decisions[1:] else ""
    return [*lines, f"Decide with `{ours}` or `{plain_command}`.{other}"]


def _row(step: StepRecord) -> str:
    took = _seconds(step.start_time, step.completion_time)
    note = f" — {step.message[:120]}" if step.message and step.phase == "Skipped" else _parts(step)
    return f"| {_MARKS[step.phase]} | {step.name}{note} | {took} | {step.token_usage.total_tokens or ''} |"


def _parts(step: StepRecord) -> str:
    """How far the parts of a step are."""
    if not step.branches:
        return ""
    counts = Counter(part.phase for part in step.branches)
    told = [f"{counts['Succeeded']} of {step.parts} parts done"]
    told += [f"{counts[phase]} {word}" for phase, word in _OTHER_PARTS if counts[phase]]
    return f" — {', '.join(told)}"


def _cut(text: str, limit: int) -> str:
    """The text, or as much of it as fits that many bytes."""
    data = text.encode()
    return text if len(data) <= limit else data[: limit - 3].decode(errors="ignore") + "…"


def _seconds(start: datetime | None, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():.1f} s" if start and end else ""
