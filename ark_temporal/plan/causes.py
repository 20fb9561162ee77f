"""What starts runs besides people, and what a run's end starts. Public: they travel through Temporal."""

import secrets
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.wire import FrozenWire

EventSource = Literal["webhook", "cron", "team-output", "manual"]
"""Where an event comes from; `manual` is a person who has it fired."""


class Cause(FrozenWire):
    """The event that has started a run.

    Attributes:
        event: The ArkEvent's name; it is in the run's namespace.
        upstream: The run whose end it was; else empty.
        depth: How many runs have started each other in a row before it.
    """

    always: ClassVar[frozenset[str]] = frozenset({"source"})

    event: str
    source: EventSource
    fired_at: datetime
    upstream: str = ""
    depth: int = 0


class Listener(FrozenWire):
    """An event that a run's end fires.

    Attributes:
        event: The ArkEvent's name; it is in the run's namespace.
        on_phase: The end that counts; `*` is any.
        exclusive: Whether it is skipped while a run that it has started goes on.
    """

    event: str
    on_phase: Literal["Succeeded", "Failed", "*"] = "Succeeded"
    exclusive: bool = False

    def hears(self, phase: str) -> bool:
        """Whether the end of a run in that phase fires it."""
        return self.on_phase in ("*", phase)


class Trigger(FrozenWire):
    """What happened: what the templates of an event's targets see as `.trigger`.

    Attributes:
        name: The ArkEvent's name.
        body: What a webhook was sent, or a person gives.
        headers: Of a webhook, by their names in small letters; never those that carry credentials.
        principal: Who is behind it, where somebody has proved who they are.
        run: The run whose end it was, with its `team`, `phase` and `output`.
        depth: How many runs have started each other in a row before it.
    """

    always: ClassVar[frozenset[str]] = frozenset({"source"})

    name: str
    source: EventSource
    fired_at: datetime
    body: JsonValue = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    principal: str = ""
    run: str = ""
    team: str = ""
    phase: str = ""
    output: str = ""
    depth: int = 0


def new_traceparent() -> str:
    """The beginning of a new trace, as W3C Trace Context writes it."""
    drawn = secrets.token_hex(24)
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def trace_id(traceparent: str) -> str:
    """The trace's id, 32 characters of hex; empty where there is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) >= 4 else ""
