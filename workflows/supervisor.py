"""The workflow behind a team that an entry role leads."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from ark_temporal.plan.start import PipelineResult
    from workflows.run import PlanWorkflow
    from workflows.start import Start


@workflow.defn(name="Supervisor")
class Supervisor(PlanWorkflow):
    """Runs a team without a pipeline: its entry role hands tasks to the others."""

    @workflow.init
    def __init__(self, start: Start | None = None) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: Start | None = None) -> PipelineResult:
        """Run to the end; a run that does not succeed fails with its reason as the failure's type."""
        return await self.carry_out(start)
