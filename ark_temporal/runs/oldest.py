"""How far back the runs go that a Temporal still has: what they may need must not be removed."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

MARGIN = timedelta(hours=1)
"""For clocks that differ, and for what Temporal's list shows late."""

_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)


async def oldest_start(client: "Client", before: datetime) -> datetime:
    """A time that no run started before which Temporal has, open or retained; at most the one given.

    All namespaces are looked at that we may list, since they may share a storage; at least our own.

    Args:
        client: Which Temporal.
        before: Later starts are of no interest.

    Returns:
        `before`, or earlier: the start of the oldest run, with a margin.

    Raises:
        RPCError: Temporal does not say.
    """
    return min([await _oldest_in(client, name, before) for name in await _namespaces(client)])


async def _oldest_in(client: "Client", namespace: str, before: datetime) -> datetime:
    if not await _count(client, namespace, before + MARGIN):
        return before
    none, some = _EPOCH, before
    while some - none > MARGIN:  # counting is cheap, and lists have no order that one could rely on
        middle = none + (some - none) / 2
        if await _count(client, namespace, middle + MARGIN):
            some = middle
        else:
            none = middle
    return none


async def _count(client: "Client", namespace: str, before: datetime) -> int:
    from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest

    query = f"StartTime < '{before.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"
    told = await client.workflow_service.count_workflow_executions(
        CountWorkflowExecutionsRequest(namespace=namespace, query=query)
    )
    return told.count


async def _namespaces(client: "Client") -> set[str]:
    from temporalio.api.workflowservice.v1 import ListNamespacesRequest
    from temporalio.service import RPCError, RPCStatusCode

    names, page = {client.namespace}, b""
    while True:
        try:
            told = await client.workflow_service.list_namespaces(ListNamespacesRequest(next_page_token=page))
        except RPCError as error:
            if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
                return names
            raise
        names |= {each.namespace_info.name for each in told.namespaces} - {"temporal-system"}
        page = told.next_page_token
        if not page:
            return names
