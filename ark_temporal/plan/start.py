"""What a pipeline workflow is started with, and what it returns. Public: any Temporal client may use it."""

from datetime import datetime
from typing import ClassVar

from pydantic import Field, JsonValue

from ark_temporal.plan.calls import ItemResult, Page
from ark_temporal.plan.causes import Cause, Listener
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import StepRecord, TokenUsage
from ark_temporal.plan.state import ProgressState
from ark_temporal.wire import FrozenWire, Wire

DEFAULT_PAYLOAD_LIMIT = 1_900_000
"""Bytes that a payload may have where no payload storage is set up; Temporal itself refuses 2 MiB."""


class Seed(FrozenWire):
    """Results of another run that a run takes over instead of having them made again.

    Attributes:
        run: The other run's id.
        steps: Its steps that succeeded or were skipped, and those that failed in parts, of which the good
            parts count; those that the plan does not have are left out.
    """

    run: str
    steps: tuple[StepRecord, ...]


class PipelineInput(FrozenWire):
    """The argument of the workflow `Pipeline`.

    Attributes:
        plan: What to run.
        input: The caller's input, before defaults.
        search_attributes: Whether the server knows ours, so that the workflow may set them.
        payload_limit_bytes: The largest prompt or result that the run's payload storage carries.
        depth: How many runs are above this one.
        submitted_by: Who starts it.
        cause: The event that starts it, if one does.
        traceparent: The trace that it is a part of, as W3C Trace Context writes it.
        listeners: Events that its end fires, unless it is a part of another run.
        max_tokens: What its parent's budget leaves it; None where it has no parent, or one without a budget.
        deadline: When its parent's time is up.
        page: The part of a map that it does, for a child.
        seed: What it takes over of another run.
        state: How far the run is, where it continues as new.
    """

    plan: Plan
    input: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])
    search_attributes: bool = False
    payload_limit_bytes: int = DEFAULT_PAYLOAD_LIMIT
    depth: int = 0
    submitted_by: str = ""
    cause: Cause | None = None
    traceparent: str = ""
    listeners: tuple[Listener, ...] = ()
    max_tokens: int | None = None
    deadline: datetime | None = None
    page: Page | None = None
    seed: Seed | None = None
    state: ProgressState | None = None


class PipelineResult(Wire):
    """The result of the workflow `Pipeline`.

    Attributes:
        output: The run's result.
        items: What came of the items, where it did a part of a map.
        cost_usd: None where no price is known.
    """

    always: ClassVar[frozenset[str]] = frozenset({"output"})

    output: str = ""
    items: tuple[ItemResult, ...] = ()
    token_usage: TokenUsage = Field(default_factory=TokenUsage)
    cost_usd: float | None = None
