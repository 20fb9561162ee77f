"""The workflow behind one agent with one task."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.start import PipelineResult
    from workflows.run import PlanWorkflow
    from workflows.start import Start


@workflow.defn(name="AgentTask")
class AgentTask(PlanWorkflow):
    """Runs one agent with one task: what subtasks and standalone agents are."""

    @workflow.init
    def __init__(self, start: Start | None = None) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Start | None = None) -> PipelineResult:
        """Run to the end; a run that does not succeed fails with its reason as the failure's type."""
        return await self.carry_out(start)
