"""An event that is fired, and what comes of it. Public: any Temporal client may have an event fired."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field, JsonValue

from ark_temporal.plan.causes import Trigger
from ark_temporal.plan.start import PipelineInput
from ark_temporal.wire import FrozenWire, Wire

BUSY = "A run that it has started goes on, and its concurrencyPolicy is Forbid."
"""Why an event is skipped."""


class PreparedRun(FrozenWire):
    """A run that an event starts.

    Attributes:
        id: Its workflow id: the same whenever the same happening is told again.
        start: What its workflow is started with.
    """

    id: str
    start: PipelineInput


class Prepared(FrozenWire):
    """What an event starts: the result of the activity `prepare_firing`.

    Attributes:
        skipped: Why it starts nothing; empty where it does.
        exclusive: Whether nothing more may start while these runs go on.
    """

    skipped: str = ""
    exclusive: bool = False
    runs: tuple[PreparedRun, ...] = ()


class FiringStart(FrozenWire):
    """The argument of the workflow `EventFiring`.

    Attributes:
        event: The ArkEvent's name.
        trigger: What happened; None where a schedule fires it, which knows no more than the time.
        key: Names the happening: told twice under one key, it starts its runs once. Empty takes the moment.
        traceparent: The trace that its runs are a part of; one of its own without.
        submitted_by: Who has it fired.
        prepared: What it starts, where that has been found out already.
    """

    namespace: str = "default"
    event: str
    trigger: Trigger | None = None
    key: str = ""
    traceparent: str = ""
    submitted_by: str = ""
    prepared: Prepared | None = None


class PrepareRequest(FrozenWire):
    """The argument of the activity `prepare_firing`.

    Attributes:
        scheduled_at: When a schedule wanted it fired; None where no schedule did.
        started_at: When the workflow that asks has started.
    """

    namespace: str
    trigger: Trigger
    key: str = ""
    traceparent: str = ""
    submitted_by: str = ""
    scheduled_at: datetime | None = None
    started_at: datetime | None = None


class FiringResult(Wire):
    """The result of the workflow `EventFiring`.

    Attributes:
        fired: Whether anything was started.
        reason: Why nothing was.
        runs: Ids of the runs.
    """

    always: ClassVar[frozenset[str]] = frozenset({"fired"})

    fired: bool
    reason: str = ""
    runs: list[str] = Field(default_factory=list[str])


class FiringMemo(Wire):
    """What the memo of the workflow `EventFiring` says, where an event fires alone.

    Attributes:
        runs: Ids of the runs that it starts.
    """

    runs: list[str] = Field(default_factory=list[str])
    fired_at: datetime | None = None


def firing_id(namespace: str, event: str, key: str = "") -> str:
    """The id of the workflow that fires an event: without a key, of the one that fires alone."""
    return f"firing/{namespace}/{event}" + (f"/{key}" if key else "")


def body_value(body: JsonValue) -> JsonValue:
    """What templates see as `.trigger.body`: an empty object where nothing was sent."""
    return {} if body is None else body
