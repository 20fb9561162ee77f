"""Runs as text for people: a list of them, and one in full."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ark_temporal.runs.questions import is_run
from cli.amounts import dollars, elapsed, local_time, plural, tokens
from cli.hints import DIGEST_SHOWN, how_to_decide
from cli.progress.words import describe_error, indented, note, parts, paused, turns, warnings
from cli.terminal import cut, one_line, pad, width

if TYPE_CHECKING:
    from ark_temporal.plan.causes import Cause
    from ark_temporal.plan.record import DecisionRecord, RunRecord, StepRecord, ToolCallRecord
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.find import RunSummary
    from ark_temporal.runs.lineage import Line

_MARKS = {"Succeeded": "✓", "Failed": "✗", "Running": "▸", "Skipped": "⊘", "Cancelled": "◼", "Pending": "·"}
_CALLS_SHOWN = 30
"""Of one step's tool calls; --full shows all."""

_RESULT_COLUMNS = 60


def describe_runs(runs: "Sequence[RunSummary]") -> str:
    """One line for each run; those that events have started say which."""
    by_event = any(run.trigger for run in runs)
    rows = [
        (
            one_line(run.id),
            one_line(run.team) or "–",
            run.phase,
            local_time(run.start_time),
            elapsed(run.start_time, run.completion_time),
            *([one_line(run.trigger)] if by_event else []),
        )
        for run in runs
    ]
    return table([("RUN", "TEAM", "PHASE", "STARTED", "TOOK", *(["EVENT"] if by_event else [])), *rows])


def describe_record(
    record: "RunRecord",
    url: str | None,
    connect: "ConnectOptions",
    *,
    full: bool,
    chain: "Sequence[Line]" = (),
) -> str:
    """A run with its steps, their tool calls, what was decided, what it waits for, its error and warnings.

    Args:
        record: The run.
        url: Where the Web UI shows it, if known.
        connect: What leads to its Temporal, for commands to type.
        full: Whether to add every prompt and output, each part of a step, and all of every tool call.
        chain: The runs that events have chained it with, itself among them.
    """
    steps = [each for step in record.steps for each in (step, *(step.branches if full else ()))]
    pieces = [_facts(record, url), *([_chain(chain, record.id)] if chain else []), _steps(steps)]
    if any(step.tool_calls for step in steps):
        pieces.append(_tools(steps, record.id, full=full))
    if chosen := [step for step in steps if step.routing_reason]:
        pieces.append("chosen\n" + "\n".join(f"  {_choice(step)}" for step in chosen))
    if record.decisions:
        pieces.append(f"decisions\n{indented(_decisions(record.decisions), '  ')}")
    if record.refused:
        pieces.append("not taken\n" + "\n".join(f"  {one_line(each)}" for each in record.refused))
    asked = (how_to_decide(record.id, awaiting, connect) for awaiting in record.awaiting)
    pieces += [f"waits for a person\n{indented(each, '  ')}" for each in asked]
    if record.error is not None:
        pieces.append(f"error\n{indented(describe_error(record.error), '  ')}")
    if told := warnings(record):
        pieces.append("warnings\n" + "\n".join(f"  {text}" for text in told))
    if full:
        pieces += [_texts(step) for step in steps if step.prompt or step.output or step.tool_calls]
    if record.output:
        pieces.append(f"result\n{indented(record.output, '  ')}")
    return "\n\n".join(pieces)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns as wide as they need."""
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(pad(cell, wide) for cell, wide in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _facts(record: "RunRecord", url: str | None) -> str:
    reason = f" ({record.reason})" if record.reason not in ("", record.phase) else ""
    ended = f", ended {local_time(record.completion_time)}" if record.completion_time else ""
    priced = f" at the prices of {record.prices_as_of}" if record.prices_as_of else ""
    facts = [
        ("run", one_line(record.id)),
        ("team", one_line(f"{record.namespace}/{record.team}")),
        ("phase", f"{record.phase}{reason}"),
        ("plan", record.plan[:12]),
        ("started", f"{local_time(record.start_time)}{ended}"),
        ("took", elapsed(record.start_time, record.completion_time)),
        ("tokens", _token_facts(record)),
        ("cost", f"{dollars(record.cost_usd)}{priced}" if record.cost_usd is not None else "not known"),
        *([("ui", url)] if url else []),
        *([("by", one_line(record.submitted_by))] if record.submitted_by else []),
        *([("cause", _cause(record.cause))] if record.cause else []),
        *([("trace", record.trace)] if record.trace else []),
        *([("reused", f"results of {one_line(record.reused_from)}")] if record.reused_from else []),
        *([("paused", paused(record))] if record.paused_since and not record.ended else []),
    ]
    facts += [("input" if not index else "", line) for index, line in enumerate(_inputs(record))]
    return "\n".join(f"{name:<9}{value}".rstrip() for name, value in facts)


def _cause(cause: "Cause") -> str:
    after = f", at the end of {one_line(cause.upstream)}" if cause.upstream else ""
    return f"event {one_line(cause.event)} ({cause.source}), fired {local_time(cause.fired_at)}{after}"


def _chain(chain: "Sequence[Line]", here: str) -> str:
    rows = [
        (
            ("▶ " if line.run.id == here else "  ") + "  " * line.depth + one_line(line.run.id),
            one_line(line.run.team),
            line.run.phase,
            f"by {one_line(line.run.trigger)}" if line.run.trigger else "",
            elapsed(line.run.start_time, line.run.completion_time),
        )
        for line in chain
    ]
    return "chain\n" + table(rows)


def _token_facts(record: "RunRecord") -> str:
    usage = record.token_usage
    cached = f", {usage.cached_input_tokens} of them from the cache" if usage.cached_input_tokens else ""
    return f"{usage.total_tokens} ({usage.input_tokens} in{cached}, {usage.output_tokens} out)"


def _inputs(record: "RunRecord") -> list[str]:
    return [textwrap.shorten(f"{name}={one_line(str(value))}", 100) for name, value in record.input.items()]


def _steps(steps: "Sequence[StepRecord]") -> str:
    rows = [
        (
            _MARKS[step.phase],
            one_line(step.name),
            step.phase,
            one_line(step.model),
            elapsed(step.start_time, step.completion_time) if step.phase != "Skipped" else "",
            tokens(step.token_usage.total_tokens),
            dollars(step.cost_usd),
            _effort(step),
        )
        for step in steps
    ]
    return table([("", "STEP", "PHASE", "MODEL", "TIME", "TOKENS", "COST", "NOTES"), *rows])


def _effort(step: "StepRecord") -> str:
    """How often it was tried, and what else there is to say in a few words."""
    attempts = max((call.attempts for call in step.calls), default=0)
    facts = [
        plural(step.iterations, "iteration") if step.iterations > 1 else "",
        f"{asked} turns" if (asked := turns(step, all_iterations=True)) > step.iterations else "",
        f"{attempts} attempts" if attempts > 1 else "",
        f"{step.validation_attempts} answers checked" if step.validation_attempts > 1 else "",
        note(step) if step.phase in ("Skipped", "Cancelled") else "",
        f"done again {plural(step.restarts, 'time')}" if step.restarts else "",
        f"by {one_line(step.resolved_agent)}" if step.resolved_agent else "",
        parts(step),
        "edited by a person" if step.edited else "",
        f"run {one_line(step.child)}" if step.child else "",
        f"from {one_line(step.reused_from)}" if step.reused_from else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _choice(step: "StepRecord") -> str:
    """Who was chosen for a step, for what, and why."""
    who = f" {one_line(step.resolved_agent)}" if step.resolved_agent else ""
    what = f" for {one_line(step.selected_capability)}" if step.selected_capability else ""
    return f"{one_line(step.name)}:{who}{what}: {one_line(step.routing_reason)}"


def _decisions(decisions: "Sequence[DecisionRecord]") -> str:
    rows = [
        (
            local_time(each.at),
            one_line(each.id),
            each.kind,
            each.decision,
            one_line(each.by) or "time",
            each.digest[:DIGEST_SHOWN],
            one_line("; ".join(_comments(each))),
        )
        for each in decisions
    ]
    return table([("WHEN", "ID", "ABOUT", "DECISION", "BY", "DIGEST", "COMMENT"), *rows])


def _comments(decision: "DecisionRecord") -> list[str]:
    """What was said to it, by all who approved it where that took several."""
    votes = [f"{vote.by}: {vote.comment}" if vote.comment else vote.by for vote in decision.votes]
    return [each for each in (decision.comment, *votes) if each]


def _tools(steps: "Sequence[StepRecord]", run: str, *, full: bool) -> str:
    rows = [("", "STEP", "TOOL", "EFFECT", "TIME", "RESULT")]
    rows += [_tool_row(step.name, call, run) for step in steps for call in _shown_calls(step, full=full)]
    hidden = sum(len(step.tool_calls) - len(_shown_calls(step, full=full)) for step in steps)
    more = f"\n(and {plural(hidden, 'tool call')} before: --full shows all)" if hidden else ""
    return table(rows) + more


def _shown_calls(step: "StepRecord", *, full: bool) -> "Sequence[ToolCallRecord]":
    return step.tool_calls if full else step.tool_calls[-_CALLS_SHOWN:]


def _tool_row(step: str, call: "ToolCallRecord", run: str) -> tuple[str, ...]:
    mark = "▸" if call.completion_time is None else "✗" if call.is_error else "✓"
    attempts = f"({call.attempts} attempts) " if call.attempts > 1 else ""
    kind = f"{call.error.type}: " if call.error is not None and call.is_error else ""
    child = f"run {one_line(call.id)}: " if is_run(call, run) else ""
    return (
        mark,
        one_line(step),
        one_line(call.tool),
        call.effect or "",
        elapsed(call.start_time, call.completion_time),
        cut(f"{child}{attempts}{kind}{one_line(call.result)}", _RESULT_COLUMNS),
    )


def _texts(step: "StepRecord") -> str:
    pieces = [f"step {one_line(step.name)}"]
    for title, text in (("prompt", step.prompt), ("output", step.output)):
        if text:
            pieces += [f"  {title}", indented(text.rstrip("\n"))]
    for call in step.tool_calls:
        pieces += [f"  tool {one_line(call.tool)} ({one_line(call.id)})", indented(call.arguments)]
        pieces += [indented(f"→ {call.result}")] if call.result else []
    return "\n".join(pieces)
