"""How each kind of request is carried out: its activity or child workflow, with its bounds."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.calls import (
        ChildOutcome,
        ChildRun,
        MemoryOutcome,
        MemoryRead,
        MemoryWrite,
        ModelCall,
        ModelOutcome,
        Notification,
        Notified,
        Outcome,
        Request,
        SubtaskStart,
        SubtaskStarted,
        ToolDiscovery,
        ToolInvocation,
        ToolList,
        ToolOutcome,
    )
    from ark_temporal.plan.start import PipelineInput, PipelineResult
    from ark_temporal.plan.summary import describe_request
    from ark_temporal.runs.child_events import outcome_of
    from ark_temporal.runs.names import (
        MODEL_ACTIVITY,
        NOTIFY_ACTIVITY,
        RECALL_ACTIVITY,
        REMEMBER_ACTIVITY,
        TOOL_ACTIVITY,
        TOOLS_ACTIVITY,
    )
    from workflows.child_runs import start_child_run

ATTEMPTS = 4
DISCOVERY_ATTEMPTS = 2
MEMORY_ATTEMPTS = 2
NOTIFY_ATTEMPTS = 8
NOTIFY_SECONDS = 15
MEMORY_SECONDS = 30
"""A memory answers within seconds or is down; nobody should wait for it."""

_HEARTBEAT = timedelta(seconds=20)
_GRACE = timedelta(seconds=10)
"""On top of a request's timeout, so that the client's own, better explained timeout comes first."""

_WAITS = timedelta(minutes=30)
"""All the waiting between attempts, a provider's Retry-After included."""


async def carry_out(request: Request, start: PipelineInput) -> Outcome:
    """Have a request done.

    Args:
        request: What is asked.
        start: What the run was started with; its subtasks inherit from it.

    Raises:
        ActivityError: It came to nothing after all its attempts.
        ChildWorkflowError: A run below this one did not succeed.
        WorkflowAlreadyStartedError: A subtask's id is taken.
    """
    match request:
        case ModelCall():
            return await _activity(MODEL_ACTIVITY, request, ModelOutcome, request.timeout_seconds, ATTEMPTS)
        case ToolInvocation():
            attempts = 1 if request.effect == "unsafe" else ATTEMPTS
            return await _activity(TOOL_ACTIVITY, request, ToolOutcome, request.timeout_seconds, attempts)
        case ToolDiscovery(server=server):
            seconds = server.timeout_seconds if server is not None else MEMORY_SECONDS
            return await _activity(TOOLS_ACTIVITY, request, ToolList, seconds, DISCOVERY_ATTEMPTS)
        case MemoryRead():
            return await _activity(RECALL_ACTIVITY, request, MemoryOutcome, MEMORY_SECONDS, MEMORY_ATTEMPTS)
        case MemoryWrite():
            return await _activity(REMEMBER_ACTIVITY, request, MemoryOutcome, MEMORY_SECONDS, MEMORY_ATTEMPTS)
        case Notification():
            return await _activity(NOTIFY_ACTIVITY, request, Notified, NOTIFY_SECONDS, NOTIFY_ATTEMPTS)
        case SubtaskStart():
            return await _start_subtask(request, start)
        case ChildRun():
            return await _run_child(request, start)


async def _activity(name: str, request: Request, result: type[Any], seconds: int, attempts: int) -> Any:
    attempt = timedelta(seconds=seconds) + _GRACE
    return await workflow.execute_activity(
        name,
        request,
        result_type=result,
        activity_id=request.id,
        start_to_close_timeout=attempt,
        schedule_to_close_timeout=attempts * attempt + _WAITS,
        heartbeat_timeout=_HEARTBEAT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=attempts,
            non_retryable_error_types=["PayloadsTooLarge"],
        ),
        summary=describe_request(request),
    )


async def _start_subtask(request: SubtaskStart, start: PipelineInput) -> SubtaskStarted:
    await _start_child(request, start, ParentClosePolicy.ABANDON)
    return SubtaskStarted()


async def _run_child(request: ChildRun, start: PipelineInput) -> ChildOutcome:
    child = await _start_child(request, start, ParentClosePolicy.REQUEST_CANCEL)
    return outcome_of(await child)


async def _start_child(
    request: SubtaskStart | ChildRun, start: PipelineInput, policy: ParentClosePolicy
) -> ChildWorkflowHandle[Any, PipelineResult]:
    below = PipelineInput(
        plan=request.plan,
        input=request.input,
        search_attributes=start.search_attributes,
        payload_limit_bytes=start.payload_limit_bytes,
        depth=request.depth,
        submitted_by=start.submitted_by,
        traceparent=start.traceparent,
    )
    if isinstance(request, ChildRun):
        below = below.model_copy(
            update={"page": request.page, "max_tokens": request.max_tokens, "deadline": request.deadline}
        )
    return await start_child_run(below, request.id, policy=policy, parent=workflow.info().workflow_id)
