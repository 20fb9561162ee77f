"""One appended line per transition: for logs, pipes and dumb terminals."""

from datetime import datetime
from typing import TYPE_CHECKING

from cli.amounts import dollars, elapsed, tokens
from cli.progress.changes import (
    Asked,
    Changes,
    Decided,
    NoWorker,
    PartsDone,
    Paused,
    Resumed,
    Retrying,
    Started,
    StepChanged,
    Stuck,
    ToolCalled,
)
from cli.progress.words import (
    closing,
    header,
    no_worker,
    note,
    parts,
    paused,
    retry_note,
    stuck,
    tool_line,
)
from cli.terminal import Terminal, cut, one_line, printable

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord, StepRecord
    from ark_temporal.runs.watch import Sight


_LOG_COLUMNS = 160
"""How long a line about a tool call may be where no terminal says how wide it is."""

_TIME_COLUMNS = 11

_Told = (
    Started | StepChanged | PartsDone | ToolCalled | Decided | Paused | Resumed | Retrying | NoWorker | Stuck
)


class PlainView:
    """Shows a run in a log.

    Args:
        terminal: Where to.
        url: Where the Web UI shows the run, if known.
    """

    def __init__(self, terminal: Terminal, url: str | None) -> None:
        self._terminal = terminal
        self._url = url
        self._changes = Changes()
        self._held: list[str] | None = None

    def show(self, sight: "Sight") -> None:
        """Something changed."""
        for change in self._changes.since(sight):
            if not isinstance(change, Asked):  # told, with what can be done, by whoever follows the run
                self._line(self._describe(change))

    def tick(self) -> None:
        """A line that was written stays as it is."""

    def notice(self, text: str) -> None:
        """Say something about the watching."""
        self._line(printable(text))

    def hold(self) -> None:
        """Leave the terminal to somebody else; what happens meanwhile is told after."""
        self._held = []

    def release(self) -> None:
        """Take the terminal back."""
        held, self._held = self._held or [], None
        self._terminal.write("".join(held))

    def end(self, record: "RunRecord | None") -> None:
        """Say how the run ended."""
        if record is not None and record.ended:
            self._terminal.write(closing(self._terminal, record))

    def _line(self, text: str) -> None:
        line = f"[{datetime.now():%H:%M:%S}] {text}\n"
        if self._held is None:
            self._terminal.write(line)
        else:
            self._held.append(line)

    def _one_row(self, text: str) -> str:
        columns = self._terminal.size()[0] if self._terminal.stream.isatty() else _LOG_COLUMNS
        return cut(text, columns - _TIME_COLUMNS, self._terminal.ellipsis)

    def _describe(self, change: _Told) -> str:
        match change:
            case Started(record):
                return self._terminal.paint(header(record, self._url))
            case StepChanged(step):
                return f"{one_line(step.name)}: {_describe_step(step)}"
            case PartsDone(step):
                return f"{one_line(step.name)}: {parts(step)}"
            case ToolCalled(step, call, run):
                return self._one_row(f"{one_line(step)}: {tool_line(call, self._terminal.arrow, run=run)}")
            case Decided(question):
                awaiting = question.awaiting
                return f"{one_line(awaiting.step)}: goes on, {one_line(awaiting.id)} is decided"
            case Paused(record):
                return paused(record)
            case Resumed():
                return "goes on, resumed"
            case Retrying(step, call):
                return f"{one_line(step)}: {retry_note(call)}"
            case NoWorker(task_queue):
                return no_worker(task_queue)
            case Stuck(times):
                return stuck(times)


def _describe_step(step: "StepRecord") -> str:
    if step.phase == "Running":
        return f"running, iteration {step.iterations}" if step.iterations > 1 else "running"
    told = note(step)
    if step.phase == "Skipped":
        return told
    if step.phase == "Cancelled":
        return f"{told} ({elapsed(step.start_time, step.completion_time)})"
    facts = [
        elapsed(step.start_time, step.completion_time),
        tokens(step.token_usage.total_tokens),
        dollars(step.cost_usd),
        one_line(step.model),
    ]
    summary = ", ".join([step.phase.lower(), *(each for each in facts if each)])
    return f"{summary}: {told}" if told else summary
