"""Steps as lines of one table, as wide as the terminal allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.amounts import dollars, elapsed, tokens
from cli.progress.words import mark, note, retry_note
from cli.terminal import Span, Terminal, cut, one_line, pad, width

if TYPE_CHECKING:
    from ark_temporal.plan.record import StepRecord
    from ark_temporal.runs.pending import PendingCall

_GAP = "  "
_INDENT = 4  # two spaces, the mark, one space
_NARROW = 60
_FIRST_DROPPED = ("model", "cost", "tokens")


@dataclass(frozen=True)
class Columns:
    """Widths of the columns; 0 leaves one out."""

    name: int
    model: int
    time: int
    tokens: int
    cost: int

    @classmethod
    def fit(cls, steps: "Sequence[StepRecord]", columns: int) -> "Columns":
        """Columns for these steps in so many columns of a terminal, the least important left out first."""
        longest = max((width(one_line(step.name)) for step in steps), default=0)
        widths = {
            "model": max((width(one_line(step.model)) for step in steps), default=0),
            "time": 6,
            "tokens": max((width(tokens(step.token_usage.total_tokens)) for step in steps), default=0),
            "cost": max((width(dollars(step.cost_usd)) for step in steps), default=0),
        }
        name = min(longest, max(columns // 3, 8))
        for dropped in _FIRST_DROPPED:
            if _INDENT + name + sum(len(_GAP) + each for each in widths.values() if each) <= columns:
                break
            widths[dropped] = 0
        return cls(name, **widths)


def step_line(
    terminal: Terminal,
    step: "StepRecord",
    retry: "PendingCall | None",
    columns: Columns,
    room: int,
    *,
    waits: bool = False,
) -> list[Span]:
    """One step as one line, to be cut to the terminal's width.

    Args:
        terminal: Where it will stand.
        step: The step.
        retry: The call of the step that is tried again, if one is.
        columns: The table's.
        room: How wide the line may be.
        waits: Whether the step waits for a person.
    """
    name = pad(cut(one_line(step.name), columns.name, terminal.ellipsis), columns.name)
    running = step.phase == "Running"
    state = "Waiting" if waits else "Retrying" if running and retry is not None else step.phase
    line = [Span("  "), mark(terminal, state), Span(f" {name}")]
    if waits:
        return [*line, Span(f"{_GAP}waits for a person", "yellow")]
    if running and retry is not None:
        return [*line, Span(_GAP + retry_note(retry, brief=room < _NARROW), "yellow")]
    if step.phase in ("Pending", "Skipped"):
        return [*line, Span(_GAP + (note(step) or "pending"), "dim")]
    line += [
        Span(_column(one_line(step.model), columns.model), "dim"),
        Span(_column(elapsed(step.start_time, step.completion_time), columns.time, right=True)),
    ]
    spent = [
        Span(_column(tokens(step.token_usage.total_tokens), columns.tokens, right=True)),
        Span(_column(dollars(step.cost_usd), columns.cost, right=True)),
    ]
    told = note(step)
    if step.token_usage.total_tokens or not told:
        line += spent
    return [*line, Span(_GAP + told, "red" if step.phase == "Failed" else "dim")] if told else line


def choose(
    steps: "Sequence[StepRecord]", retries: "Mapping[str, PendingCall]", rows: int
) -> "tuple[list[StepRecord], str]":
    """The steps to show where not all have room, in their order, and what the others are doing."""
    if len(steps) <= rows:
        return list(steps), ""
    weight = {"Failed": 0, "Running": 1, "Pending": 2, "Succeeded": 3, "Cancelled": 3, "Skipped": 4}
    ranked = sorted(steps, key=lambda step: (step.name not in retries, weight[step.phase]))
    chosen = {step.name for step in ranked[: max(rows - 1, 1)]}
    hidden: dict[str, int] = {}
    for step in steps:
        if step.name not in chosen:
            hidden[step.phase] = hidden.get(step.phase, 0) + 1
    told = ", ".join(f"{count} {phase.lower()}" for phase, count in hidden.items())
    return [step for step in steps if step.name in chosen], f"and {told}"


def retries_by_step(
    steps: "Sequence[StepRecord]", retries: "Sequence[PendingCall]"
) -> "dict[str, PendingCall]":
    """The calls that are tried again, by the step they belong to."""
    owner = {
        call.id: step.name
        for step in steps
        for each in (step, *step.branches)
        for call in (*each.calls, *each.tool_calls)
    }
    return {owner[each.id]: each for each in retries if each.id in owner}


def _column(text: str, columns: int, *, right: bool = False) -> str:
    return _GAP + pad(text, columns, right=right) if columns else ""
