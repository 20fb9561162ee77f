"""Ending runs before their time."""

from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.names import WORKFLOW_OF


async def cancel_run(connection: Connection, run_id: str) -> bool:
    """Ask a run to stop; False where it has ended already.

    Raises:
        RunNotFoundError: There is no such run.
        RPCError: Temporal does not answer, or does not let us.
    """
    # Temporal takes such a request for a workflow that has ended, too, and says nothing.
    if not await _is_under_way(connection, run_id):
        return False
    await connection.client.get_workflow_handle(run_id).cancel()
    return True


async def terminate_run(connection: Connection, run_id: str, reason: str | None) -> bool:
    """End a run at once, without its own code having a say; False where it has ended already.

    Raises:
        RunNotFoundError: There is no such run.
        RPCError: Temporal does not answer, or does not let us.
    """
    from temporalio.service import RPCError, RPCStatusCode

    if not await _is_under_way(connection, run_id):
        return False
    try:
        await connection.client.get_workflow_handle(run_id).terminate(reason=reason)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def _is_under_way(connection: Connection, run_id: str) -> bool:
    from temporalio.client import WorkflowExecutionStatus
    from temporalio.service import RPCError, RPCStatusCode

    try:
        description = await connection.client.get_workflow_handle(run_id).describe()
    except RPCError as error:
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise
        raise RunNotFoundError(
            f'There is no run "{run_id}" on this Temporal. `ark-temporal runs list` shows what there is.'
        ) from None
    if description.workflow_type not in WORKFLOW_OF.values():
        raise RunNotFoundError(
            f'The workflow "{run_id}" is no run: its type is "{description.workflow_type}". Temporal\'s own '
            "`temporal workflow cancel` and `terminate` end it."
        )
    return description.status == WorkflowExecutionStatus.RUNNING
