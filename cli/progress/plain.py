"""One appended line per transition: for logs, pipes and dumb terminals."""

from datetime import datetime
from typing import TYPE_CHECKING

from cli.amounts import dollars, elapsed, tokens
from cli.progress.changes import Change, Changes, NoWorker, Retrying, Started, StepChanged, Stuck
from cli.progress.words import closing, header, no_worker, note, retry_note, stuck
from cli.terminal import Terminal, one_line, printable

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord, StepRecord
    from ark_temporal.runs.watch import Sight


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

    def show(self, sight: "Sight") -> None:
        """Something changed."""
        for change in self._changes.since(sight):
            self._line(self._describe(change))

    def tick(self) -> None:
        """A line that was written stays as it is."""

    def notice(self, text: str) -> None:
        """Say something about the watching."""
        self._line(printable(text))

    def end(self, record: "RunRecord | None") -> None:
        """Say how the run ended."""
        if record is not None and record.ended:
            self._terminal.write(closing(self._terminal, record))

    def _line(self, text: str) -> None:
        self._terminal.write(f"[{datetime.now():%H:%M:%S}] {text}\n")

    def _describe(self, change: Change) -> str:
        match change:
            case Started(record):
                return self._terminal.paint(header(record, self._url))
            case StepChanged(step):
                return f"{one_line(step.name)}: {_describe_step(step)}"
            case Retrying(step, call):
                return f"{one_line(step)}: {retry_note(call)}"
            case NoWorker(task_queue):
                return no_worker(task_queue)
            case Stuck(times):
                return stuck(times)


def _describe_step(step: "StepRecord") -> str:
    told = note(step)
    if step.phase == "Running":
        return f"running, {told}" if told else "running"
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
