"""How the requests of a step came out, in its record."""

from datetime import datetime

from ark_temporal.plan.accounting import note_failed_call, note_tool, warn
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    Event,
    MemoryOutcome,
    MemoryRead,
    MemoryWrite,
    ModelCall,
    Notification,
    Notified,
    Request,
    SubtaskStart,
    ToolDiscovery,
    ToolInvocation,
    ToolList,
    ToolOutcome,
)
from ark_temporal.plan.record import StepRecord


def note(record: StepRecord, request: Request, outcome: Event, now: datetime) -> None:
    """Put into a step's record how a request came out; model calls that succeeded are counted elsewhere."""
    match request, outcome:
        case ModelCall(), CallFailure():
            note_failed_call(record, request.id, outcome, now)
        case ToolInvocation(), ToolOutcome() | CallFailure():
            note_tool(record, request.id, outcome, now)
        case SubtaskStart(), _:
            failed = isinstance(outcome, CallFailure)
            told = ToolOutcome(content=submitted(request, outcome), is_error=failed)
            note_tool(record, request.id, told, now)
        case ChildRun(), ChildOutcome() | CallFailure() if request.model_call:
            note_tool(record, request.id, handed_back(request, outcome), now)
        case ToolDiscovery(), ToolList() | CallFailure():
            name = f'MCP server "{request.server.name}"' if request.server else "Python tools"
            _warn(record, f"{name}: the agent works without them.", outcome)
        case MemoryRead(), MemoryOutcome() | CallFailure():
            _warn(record, f'Memory "{request.memory.name}": nothing is recalled.', outcome)
        case MemoryWrite(), MemoryOutcome() | CallFailure():
            _warn(record, f'Memory "{request.memory.name}": the result is not kept.', outcome)
        case Notification(), Notified() | CallFailure():
            _warn(record, f'"{request.notify.name}" told nobody of {request.event}.', outcome)
        case _:
            pass


def submitted(request: SubtaskStart, outcome: Event) -> str:
    """What an agent is told about a subtask that it has started."""
    if isinstance(outcome, CallFailure):
        return outcome.message
    return f"subtask submitted with id: {request.id}"


def handed_back(request: ChildRun, outcome: ChildOutcome | CallFailure) -> ToolOutcome:
    """What an agent is told about a task that it has handed on."""
    error = outcome.error if isinstance(outcome, ChildOutcome) else outcome
    if error is not None:
        return ToolOutcome(content=f'Role "{request.role}" did not do it: {error.message}', is_error=True)
    assert isinstance(outcome, ChildOutcome), "what has no error is an outcome"
    return ToolOutcome(content=outcome.output)


def _warn(record: StepRecord, what: str, outcome: ToolList | MemoryOutcome | Notified | CallFailure) -> None:
    told = [f"{what} {outcome.message}"] if isinstance(outcome, CallFailure) else outcome.warnings
    warn(record, *told)
