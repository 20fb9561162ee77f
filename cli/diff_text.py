"""What two runs did differently, as text for people."""

import textwrap
from typing import TYPE_CHECKING

from cli.amounts import dollars, duration, tokens
from cli.record_text import table
from cli.terminal import cut, one_line, printable

if TYPE_CHECKING:
    from ark_temporal.runs.diff import InputDiff, RunDiff, RunSide, StepDiff, StepSide

_LINES_SHOWN = 12
_COLUMNS_SHOWN = 160
_VALUE_COLUMNS = 60


def describe_diff(diff: "RunDiff", *, full: bool) -> str:
    """The facts of both runs, what they were given differently, their steps, and what came out differently.

    Args:
        diff: What differs.
        full: Whether to show all of every output that differs.
    """
    parts = [_facts(diff)]
    if diff.input:
        parts.append("input\n" + "\n".join(_input(each) for each in diff.input))
    rows = [("", "STEP", "PHASE", "OUTPUT", "ITERATIONS", "MODEL", "TOKENS", "COST", "TIME", "REUSED FROM")]
    parts.append(table([*rows, *map(_row, diff.steps)]))
    parts += [
        _output(f"step {one_line(step.name)}", step.output, full=full) for step in diff.steps if step.output
    ]
    if diff.output:
        parts.append(_output("result", diff.output, full=full))
    return "\n\n".join(parts)


def _facts(diff: "RunDiff") -> str:
    a, b = diff.a, diff.b
    rows = [
        ("", "", "A", "B"),
        _fact("run", one_line(a.id), one_line(b.id)),
        _fact("team", one_line(a.team), one_line(b.team)),
        _fact("phase", _phase(a), _phase(b)),
        _fact("plan", a.plan[:12], b.plan[:12]),
        _fact("tokens", str(a.tokens), str(b.tokens)),
        _fact("cost", dollars(a.cost_usd) or "not known", dollars(b.cost_usd) or "not known"),
        _fact("took", _time(a.seconds), _time(b.seconds)),
    ]
    return table(rows)


def _fact(name: str, a: str, b: str) -> tuple[str, str, str, str]:
    return ("=" if a == b else "≠", name, a, b)


def _phase(run: "RunSide") -> str:
    return f"{run.phase} ({run.reason})" if run.reason not in ("", run.phase) else run.phase


def _input(each: "InputDiff") -> str:
    return f"  {one_line(each.name)}: {_value(each.a)} → {_value(each.b)}"


def _value(value: object) -> str:
    return "–" if value is None else textwrap.shorten(one_line(str(value)), _VALUE_COLUMNS)


def _row(step: "StepDiff") -> tuple[str, ...]:
    a, b = step.a, step.b
    return (
        "=" if step.same else "≠",
        one_line(step.name),
        _both(a.phase if a else "–", b.phase if b else "–"),
        "same" if not step.output else "differs",
        _both(*(str(side.iterations) if side else "–" for side in (a, b))),
        _both(*(one_line(side.model) if side else "–" for side in (a, b))),
        _both(*(tokens(side.tokens) if side else "–" for side in (a, b))),
        _both(*(dollars(side.cost_usd) if side else "–" for side in (a, b))),
        _both(*(_time(side.seconds) if side else "–" for side in (a, b))),
        _reused(a, b),
    )


def _both(a: str, b: str) -> str:
    return a if a == b else f"{a or '–'} → {b or '–'}"


def _reused(a: "StepSide | None", b: "StepSide | None") -> str:
    return ", ".join(one_line(side.reused_from) for side in (a, b) if side and side.reused_from)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _output(title: str, lines: "list[str]", *, full: bool) -> str:
    shown = lines if full else [cut(line, _COLUMNS_SHOWN) for line in lines[:_LINES_SHOWN]]
    more = len(lines) - len(shown)
    told = [f"  {printable(line)}" for line in shown]
    return "\n".join([title, *told, *([f"  (and {more} more lines: --full shows all)"] if more else [])])
