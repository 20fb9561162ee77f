"""One JSON event per line on standard output, as things happen; the last one carries the record."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ark_temporal.runs.event_json import started_json, step_json
from cli.output import to_json, write_json_line
from cli.progress.changes import (
    Asked,
    Change,
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
from cli.progress.words import parts_done

if TYPE_CHECKING:
    from ark_temporal.plan.record import RunRecord
    from ark_temporal.runs.watch import Sight


class StreamView:
    """Writes a run's events.

    Args:
        url: Where the Web UI shows the run, if known.
    """

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._changes = Changes()

    def show(self, sight: "Sight") -> None:
        """Something changed."""
        for change in self._changes.since(sight):
            self._write(**self._event(change))

    def tick(self) -> None:
        """Time alone is no event."""

    def notice(self, text: str) -> None:
        """Say something about the watching."""
        self._write(event="notice", message=text)

    def hold(self) -> None:
        """Nobody is asked in a stream."""

    def release(self) -> None:
        """It was never held."""

    def end(self, record: "RunRecord | None") -> None:
        """The record; `event` says whether the run has ended or is only no longer watched."""
        if record is not None:
            self._write(event="ended" if record.ended else "left", record=to_json(record))

    def _write(self, *, event: object, **rest: object) -> None:
        write_json_line({"event": event, "time": _iso(datetime.now(UTC)), **rest})

    def _event(self, change: Change) -> dict[str, object]:
        match change:
            case Started(record):
                return {"event": "started", **started_json(record), "ui": self._url}
            case StepChanged(step):
                return {"event": "step", **step_json(step)}
            case PartsDone(step):
                of = len(step.branches)
                return {"event": "parts", "step": step.name, "done": parts_done(step), "of": of}
            case ToolCalled(step, call):
                return {"event": "tool", "step": step, **call.model_dump(mode="json")}
            case Asked(question):
                awaiting = question.awaiting
                told = awaiting.model_dump(mode="json")
                return {
                    "event": "awaiting",
                    "run": question.run,
                    **told,
                    "decisions": list(awaiting.decisions),
                }
            case Decided(question):
                awaiting = question.awaiting
                return {"event": "decided", "run": question.run, "step": awaiting.step, "id": awaiting.id}
            case Paused():
                return {"event": "paused"}
            case Resumed():
                return {"event": "resumed"}
            case Retrying(step, call):
                upcoming = _iso(call.next_attempt) if call.next_attempt else None
                retry = {"call": call.id, "attempt": call.attempt, "lastError": call.last_error}
                return {"event": "retry", "step": step, **retry, "nextAttempt": upcoming}
            case NoWorker(task_queue):
                return {"event": "waiting", "reason": "NoWorker", "taskQueue": task_queue}
            case Stuck(times):
                return {"event": "waiting", "reason": "WorkflowTaskFailing", "attempts": times}


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
