"""Starting a run below a workflow: whichever starts it, searches and the Web UI find the same."""

from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.start import PipelineInput, PipelineResult
    from ark_temporal.plan.summary import detail_plan, summarize_plan
    from ark_temporal.runs.attributes import attributes_of
    from ark_temporal.runs.find import RunMemo
    from ark_temporal.runs.names import MEMO, WORKFLOW_OF


async def start_child_run(
    start: PipelineInput,
    id: str,
    *,
    policy: ParentClosePolicy,
    parent: str = "",
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
) -> ChildWorkflowHandle[Any, PipelineResult]:
    """Start the workflow of a run as a child.

    Args:
        start: What it is started with.
        id: Its workflow id.
        policy: What becomes of it when its parent ends.
        parent: The run that it is a part of; empty where it is none.
        reuse: Whether an ended run may have had the id.

    Raises:
        WorkflowAlreadyStartedError: The id is taken.
    """
    plan, digest = start.plan, start.plan.digest()
    return await workflow.start_child_workflow(
        WORKFLOW_OF[plan.mode],
        start,
        id=id,
        id_reuse_policy=reuse,
        result_type=PipelineResult,
        parent_close_policy=policy,
        memo={MEMO: RunMemo.of(start, digest, parent=parent)},
        search_attributes=attributes_of(start, digest) if start.search_attributes else None,
        static_summary=summarize_plan(plan, digest),
        static_details=detail_plan(plan),
    )
