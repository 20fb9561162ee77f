"""What a run carries over when it continues as new."""

from pydantic import Field

from ark_temporal.plan.calls import Request, ToolList
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.record import Purpose, RunError, RunRecord
from ark_temporal.wire import Wire


class ProgressState(Wire):
    """How far a run is, at a moment when nothing is under way.

    Attributes:
        record: What happened so far.
        loops: The tasks of the steps that run.
        asked: How many calls each role made, by role and purpose.
        lists: The tools that were discovered, by the discovery's id.
        due: What was about to be asked.
        told: What roles said that were handed tasks, the latest of each.
        models: The models that people chose for steps, by the step's name.
        children: How many runs below this one were started, by what they are called.
        announced: What people were told of that they are told of once.
    """

    record: RunRecord
    loops: list[LoopState] = Field(default_factory=list[LoopState])
    asked: list[tuple[str, Purpose, int]] = Field(default_factory=list[tuple[str, Purpose, int]])
    lists: dict[str, ToolList] = Field(default_factory=dict[str, ToolList])
    due: list[Request] = Field(default_factory=list[Request])
    told: dict[str, str] = Field(default_factory=dict[str, str])
    models: dict[str, str] = Field(default_factory=dict[str, str])
    children: dict[str, int] = Field(default_factory=dict[str, int])
    over_budget: RunError | None = None
    announced: list[str] = Field(default_factory=list[str])
