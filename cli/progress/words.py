"""A run and its steps in words; the same ones on a terminal and in a log."""

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cli.amounts import dollars, elapsed, plural, tokens
from cli.terminal import Span, Style, Terminal, one_line, printable

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunError, RunRecord, StepRecord, ToolCallRecord
    from ark_temporal.runs.pending import PendingCall
    from ark_temporal.runs.questions import Question

_MARKS: dict[str, tuple[str, str, Style]] = {
    "Pending": ("·", ".", "dim"),
    "Running": ("▸", ">", "cyan"),
    "Retrying": ("↻", "r", "yellow"),
    "Waiting": ("?", "?", "yellow"),
    "Paused": ("‖", "=", "yellow"),
    "Succeeded": ("✓", "+", "green"),
    "Failed": ("✗", "x", "red"),
    "Skipped": ("⊘", "-", "dim"),
    "Cancelled": ("◼", "#", "yellow"),
    "Terminated": ("◼", "#", "yellow"),
}
_DOING = {"repair": "mending its answer", "validate": "checking its answer", "route": "choosing an agent"}
_MOST_NAMED = 3
"""Tools under way that are named; more are counted."""
_OPEN = ("Pending", "Running")


def mark(terminal: Terminal, phase: str) -> Span:
    """One sign for a phase, in its colour."""
    sign, plain, style = _MARKS[phase]
    return Span(sign if terminal.unicode else plain, style)


def header(record: "RunRecord", url: str | None) -> list[Span]:
    """The first line about a run."""
    facts = f"  plan {record.plan[:8]}  {plural(len(record.steps), 'step')}"
    link = [Span(f"  ui {url}", "dim")] if url else []
    return [Span("run "), Span(one_line(record.id), "bold"), Span(facts), *link]


def outcome(record: "RunRecord") -> str:
    """How a run ended, and what it took; or how far it is."""
    reason = f" ({record.reason})" if record.reason not in ("", record.phase) else ""
    took = elapsed(record.start_time, record.completion_time)
    spent = [tokens(record.token_usage.total_tokens), dollars(record.cost_usd)]
    verb = "in" if record.completion_time else "for"
    return f"{record.phase}{reason} {verb} {took}" + "".join(f", {each}" for each in spent if each)


def closing(terminal: Terminal, record: "RunRecord") -> str:
    """The last lines about a run: how it ended, why, and what its author should know."""
    lines = [terminal.paint([mark(terminal, record.phase), Span(" "), Span(outcome(record), "bold")])]
    if record.error is not None and record.phase != "Cancelled":
        told = [Span("error: ", "red"), Span(describe_error(record.error))]
        lines += [terminal.paint(told)]
    lines += [
        terminal.paint([Span("warning: ", "yellow"), Span(printable(text))]) for text in warnings(record)
    ]
    return "\n".join(lines) + "\n"


def describe_error(error: "RunError") -> str:
    """What went wrong, in full, with the step and the attempt it happened in."""
    where = [f"step {error.step}"] if error.step else []
    where += [f"attempt {error.attempt}"] if error.attempt > 1 else []
    place = f"{', '.join(where)}: " if where else ""
    return printable(f"{place}{error.type}: {error.message}")


def warnings(record: "RunRecord") -> list[str]:
    """Each warning once, with the steps it is about."""
    steps: dict[str, list[str]] = {}
    for step in record.steps:
        for each in (step, *step.branches):
            for text in each.warnings:
                steps.setdefault(text, []).append(step.name)
    return [f"{', '.join(dict.fromkeys(names))}: {text}" for text, names in steps.items()]


def note(step: "StepRecord") -> str:
    """What is special about a step, if anything."""
    if step.phase in ("Skipped", "Cancelled"):
        return f"{step.phase.lower()}: {one_line(step.message)}"
    if step.phase == "Failed":
        return one_line(step.message)
    by = f"by {one_line(step.resolved_agent)}" if step.resolved_agent else ""
    if step.phase == "Running":
        iteration = f"iteration {step.iterations}" if step.iterations > 1 else ""
        turn = f"turn {turns(step)}" if turns(step) > 1 else ""
        facts = (iteration, by, parts(step), turn, _doing(step))
    else:
        reused = f"from {one_line(step.reused_from)}" if step.reused_from else ""
        iterations = plural(step.iterations, "iteration") if step.iterations > 1 else ""
        facts = (iterations, by, parts(step), reused)
    return ", ".join(each for each in facts if each)


def parts(step: "StepRecord") -> str:
    """How far a step's parts are; empty where it has none."""
    if not step.branches:
        return ""
    done, under_way = parts_done(step), len(step.branches) - parts_done(step)
    failed = sum(part.phase == "Failed" for part in step.branches)
    told = [f"{done} of {step.parts} parts done" if done < step.parts else plural(done, "part")]
    told += [f"{under_way} under way"] if under_way else []
    return ", ".join([*told, *([f"{failed} failed"] if failed else [])])


def parts_done(step: "StepRecord") -> int:
    """How many of a step's parts have come to an end, whichever."""
    return sum(part.phase not in _OPEN for part in step.branches)


def turns(step: "StepRecord", *, all_iterations: bool = False) -> int:
    """How often a step's model was asked to go on with its task, in the latest iteration or in all."""
    return sum(
        call.purpose == "task" and (all_iterations or call.iteration == step.iterations)
        for call in step.calls
    )


def waiting_steps(record: "RunRecord") -> set[str]:
    """Names of the steps that wait for a person; and of the parts that do, whose steps may be at work."""
    return {awaiting.step for awaiting in record.awaiting}


def question_line(question: "Question") -> str:
    """What a run under the one that is shown, or a part of a step, waits for."""
    awaiting = question.awaiting
    where = f"{one_line(question.run)}: {one_line(awaiting.step)}"
    return f"{where} waits for a person ({one_line(awaiting.id)})"


def paused(record: "RunRecord") -> str:
    """That a run is held up, and how it goes on."""
    since = elapsed(record.paused_since, None)
    return f"paused for {since}; `ark-temporal runs resume {one_line(record.id)}` lets it go on"


def tool_line(call: "ToolCallRecord", arrow: str = "→", *, run: str = "") -> str:
    """A tool call that came out, in one line: what was called with what, and what it brought.

    Args:
        call: The call.
        arrow: What leads to its result.
        run: The run that made it; a call done by a run of its own names that.
    """
    from ark_temporal.runs.questions import is_run

    given = f" {one_line(call.arguments)}" if call.arguments not in ("", "{}") else ""
    child = f" (run {one_line(call.id)})" if run and is_run(call, run) else ""
    error = "error: " if call.is_error else ""
    return f"{one_line(call.tool)}{given}{child} {arrow} {error}{one_line(call.result)}"


def _doing(step: "StepRecord") -> str:
    """What a step that runs is at, beyond asking its model."""
    if step.child:
        return f"run {one_line(step.child)}"
    calling = [one_line(call.tool) for call in step.tool_calls if call.completion_time is None]
    if calling:
        named = list(dict.fromkeys(calling))
        return f"calling {', '.join(named) if len(named) <= _MOST_NAMED else plural(len(calling), 'tool')}"
    purpose = step.calls[-1].purpose if step.calls else "task"
    return _DOING.get(purpose, "")


def retry_note(pending: "PendingCall", *, brief: bool = False) -> str:
    """Which attempt a call is at, and why."""
    bound = f" of {pending.max_attempts}" if pending.max_attempts and not brief else ""
    attempt = f"attempt {pending.attempt}{bound}"
    if pending.next_attempt is None:
        return f"{attempt}: before, {one_line(pending.last_error)}"
    left = max((pending.next_attempt - datetime.now(UTC)).total_seconds(), 0)
    return f"{attempt}, next in {left:.0f}s: {one_line(pending.last_error)}"


def no_worker(task_queue: str) -> str:
    """Nobody takes the run's work."""
    return f'no worker listens on task queue "{task_queue}"; start one with `ark-temporal worker`'


def stuck(times: int) -> str:
    """The run's own code fails."""
    return f"the workflow's code has failed {times} times and is tried again: see the worker's log"


def indented(text: str, by: str = "    ") -> str:
    """A text of several lines, moved in."""
    return textwrap.indent(printable(text), by)
