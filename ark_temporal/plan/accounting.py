"""What a run record says about requests: when they began, how they came out, and what they cost."""

import json
from datetime import datetime

from ark_temporal.plan.agent_loop import shown
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    ModelCall,
    ModelOutcome,
    Request,
    SubtaskStart,
    ToolInvocation,
    ToolOutcome,
)
from ark_temporal.plan.record import CallRecord, RunError, RunRecord, StepRecord, ToolCallRecord
from ark_temporal.plan.toolbox import DELEGATE, SUBMIT_SUBTASK


def note_request(step: StepRecord, request: Request, now: datetime) -> None:
    """A request goes out."""
    match request:
        case ModelCall():
            step.calls.append(
                CallRecord(
                    id=request.id, purpose=request.purpose, iteration=request.iteration, start_time=now
                )
            )
        case ToolInvocation():
            step.tool_calls.append(
                ToolCallRecord(
                    id=request.id,
                    tool=request.tool,
                    model_call=request.model_call,
                    iteration=step.iterations,
                    arguments=shown(json.dumps(request.arguments, ensure_ascii=False)),
                    effect=request.effect,
                    key=request.key,
                    start_time=now,
                )
            )
        case ChildRun() if request.model_call:
            step.tool_calls.append(
                ToolCallRecord(
                    id=request.id,
                    tool=DELEGATE,
                    model_call=request.model_call,
                    iteration=step.iterations,
                    arguments=shown(
                        json.dumps({"role": request.role, "prompt": request.task}, ensure_ascii=False)
                    ),
                    start_time=now,
                )
            )
        case SubtaskStart():
            step.tool_calls.append(
                ToolCallRecord(
                    id=request.id,
                    tool=SUBMIT_SUBTASK,
                    model_call=request.model_call,
                    iteration=step.iterations,
                    arguments=shown(json.dumps({"prompt": request.task}, ensure_ascii=False)),
                    start_time=now,
                )
            )
        case _:
            pass


def note_answer(
    run: RunRecord, step: StepRecord, call: ModelCall, outcome: ModelOutcome, now: datetime
) -> None:
    """A model answered."""
    record = call_record(step, call.id)
    record.completion_time = now
    record.attempts = outcome.attempt
    record.model, record.provider = outcome.model, outcome.provider
    record.request_id, record.stop_reason = outcome.request_id, outcome.stop_reason
    record.problems = list(outcome.problems)
    record.cost_usd = outcome.cost_usd
    for usage in (record.token_usage, step.token_usage, run.token_usage):
        usage.add(outcome.usage)
    if outcome.cost_usd is not None:
        step.cost_usd = (step.cost_usd or 0.0) + outcome.cost_usd
        run.cost_usd = (run.cost_usd or 0.0) + outcome.cost_usd
        run.prices_as_of = outcome.prices_as_of
    warn(step, *outcome.warnings)


def note_child(run: RunRecord, step: StepRecord, outcome: ChildOutcome) -> None:
    """A run of its own has ended: what it used is used by this one."""
    for usage in (step.token_usage, run.token_usage):
        usage.add(outcome.token_usage)
    if outcome.cost_usd is not None:
        step.cost_usd = (step.cost_usd or 0.0) + outcome.cost_usd
        run.cost_usd = (run.cost_usd or 0.0) + outcome.cost_usd


def absorb(step: StepRecord, part: StepRecord) -> None:
    """A part of a step has ended: what it used, the step used."""
    step.token_usage.add(part.token_usage)
    if part.cost_usd is not None:
        step.cost_usd = (step.cost_usd or 0.0) + part.cost_usd
    warn(step, *part.warnings)


def note_failed_call(step: StepRecord, call_id: str, failure: CallFailure, now: datetime) -> RunError:
    """A model call came to nothing; what is to be said about it."""
    error = RunError(
        type=failure.type, message=failure.message, step=step.name, call=call_id, attempt=failure.attempt
    )
    record = call_record(step, call_id)
    record.completion_time, record.attempts, record.error = now, failure.attempt, error
    return error


def note_tool(step: StepRecord, request_id: str, outcome: ToolOutcome | CallFailure, now: datetime) -> None:
    """A tool call came out, one way or the other."""
    record = next(call for call in reversed(step.tool_calls) if call.id == request_id)
    record.completion_time, record.attempts = now, outcome.attempt
    if isinstance(outcome, CallFailure):
        record.is_error, record.result = True, shown(outcome.message)
        record.error = RunError(
            type=outcome.type,
            message=outcome.message,
            step=step.name,
            call=request_id,
            attempt=outcome.attempt,
        )
        return
    record.is_error, record.result, record.error = outcome.is_error, shown(outcome.content), None
    warn(step, *outcome.warnings)


def warn(step: StepRecord, *warnings: str) -> None:
    """Say something once."""
    step.warnings.extend(warning for warning in warnings if warning not in step.warnings)


def call_record(step: StepRecord, call_id: str) -> CallRecord:
    """The record of a model call; asked for soon after it began, so the search is short."""
    return next(call for call in reversed(step.calls) if call.id == call_id)
