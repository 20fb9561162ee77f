"""Holding runs up, and letting them go on."""

import asyncio

from ark_temporal.plan.record import Control
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.find import OUR_RUNS, RunNotFoundError, quoted
from ark_temporal.runs.names import PAUSE_SIGNAL, RESUME_SIGNAL

_SIGNALS = {"pause": PAUSE_SIGNAL, "resume": RESUME_SIGNAL}
_AT_ONCE = 20


async def control_run(connection: Connection, run_id: str, control: Control) -> list[str]:
    """Hold a run up or let it go on, and all runs below it.

    Returns:
        The runs that were told; none where the run has ended.

    Raises:
        RunNotFoundError: There is no such run.
        ConnectionFailedError: Temporal does not answer.
    """
    from temporalio.service import RPCError, RPCStatusCode

    try:
        open_runs = await _open_runs(connection, run_id)
        if not open_runs:
            return []
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def tell(each: str) -> bool:
            async with at_once:
                return await _tell(connection, each, control)

        told = [await tell(run_id)]  # first, so that it starts no more runs
        told += await asyncio.gather(*(tell(each) for each in open_runs[1:]))
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise RunNotFoundError(
                f'There is no run "{run_id}" on this Temporal. `ark-temporal runs list` shows what there is.'
            ) from None
        raise ConnectionFailedError(f"Temporal does not answer: {error.message}.") from None
    return [each for each, taken in zip(open_runs, told, strict=True) if taken]


async def _open_runs(connection: Connection, run_id: str) -> list[str]:
    """The run, and the open ones below it; none where it has ended."""
    from temporalio.client import WorkflowExecutionStatus

    top = await connection.client.get_workflow_handle(run_id).describe()
    if top.status != WorkflowExecutionStatus.RUNNING:
        return []
    query = f"{OUR_RUNS} AND RootWorkflowId = '{quoted(top.root_id or run_id)}'"
    parents: dict[str, str | None] = {}
    running: set[str] = set()
    async for each in connection.client.list_workflows(query):
        parents[each.id] = each.parent_id
        if each.status == WorkflowExecutionStatus.RUNNING:
            running.add(each.id)
    return [run_id, *sorted(each for each in running if _is_below(each, run_id, parents))]


def _is_below(run: str, top: str, parents: dict[str, str | None]) -> bool:
    above = parents.get(run)
    while above is not None and above != top:
        above = parents.get(above)
    return above == top


async def _tell(connection: Connection, run_id: str, control: Control) -> bool:
    """Whether the run took it; one that has just ended does not."""
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await connection.client.get_workflow_handle(run_id).signal(_SIGNALS[control.action], control)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True
