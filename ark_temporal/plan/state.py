"""What a run carries over when it continues as new."""

from pydantic import Field

from ark_temporal.plan.agent_loop import LoopState
from ark_temporal.plan.calls import Request, ToolList
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
        subtasks: How many subtasks were started.
    """

    record: RunRecord
    loops: list[LoopState] = Field(default_factory=list[LoopState])
    asked: list[tuple[str, Purpose, int]] = Field(default_factory=list[tuple[str, Purpose, int]])
    lists: dict[str, ToolList] = Field(default_factory=dict[str, ToolList])
    due: list[Request] = Field(default_factory=list[Request])
    subtasks: int = 0
    over_budget: RunError | None = None
