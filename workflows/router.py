"""The workflow behind a team whose agent a model chooses."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.start import PipelineResult
    from workflows.run import PlanWorkflow
    from workflows.start import Start


@workflow.defn(name="Router")
class Router(PlanWorkflow):
    """Runs a team whose agent is chosen by a model for each run."""

    @workflow.init
    def __init__(self, start: Start | None = None) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Start | None = None) -> PipelineResult:
        """Run to the end; a run that does not succeed fails with its reason as the failure's type."""
        return await self.carry_out(start)
