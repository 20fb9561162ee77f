"""Asking and telling the workflows behind resources."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from ark_temporal.resources.model import (
    BEING_DELETED,
    OVERTAKEN,
    Applied,
    ApplyRequest,
    ResourceMemo,
    ResourceName,
    ResourceStart,
    ResourceState,
    Revision,
    RollbackRequest,
)
from ark_temporal.runs.connection import Connection, ConnectionFailedError
from ark_temporal.runs.names import MEMO, RESOURCE, TASK_QUEUE
from ark_temporal.wire import FrozenWire

if TYPE_CHECKING:
    from temporalio.service import RPCError

ANSWER_SECONDS = 30.0
"""How long a worker may take to answer."""

AT_ONCE = 32
"""How many resources are asked at the same time."""

_LONGEST = timedelta(seconds=ANSWER_SECONDS)

_T = TypeVar("_T")
_R = TypeVar("_R")


class ResourceNotFoundError(LookupError):
    """There is no such applied resource."""


class ResourceRefusedError(RuntimeError):
    """A resource does not do what it was asked."""


class OvertakenError(ResourceRefusedError):
    """Somebody else has applied another revision meanwhile."""


class Listed(FrozenWire):
    """A resource in a list."""

    name: ResourceName
    memo: ResourceMemo


async def apply(connection: Connection, name: ResourceName, request: ApplyRequest) -> Applied:
    """Bring a document in force; the resource begins to live with its first.

    Raises:
        OvertakenError: Another revision is in force than the one that it is to come after.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    from temporalio.client import WithStartWorkflowOperation
    from temporalio.common import (
        SearchAttributeKey,
        SearchAttributePair,
        TypedSearchAttributes,
        WorkflowIDConflictPolicy,
        WorkflowIDReusePolicy,
    )

    searchable = await connection.searchable()
    namespace = SearchAttributePair(SearchAttributeKey.for_keyword("ArkNamespace"), name.namespace)

    update_id = str(uuid4())  # of all attempts, so that one that was heard and not answered counts once

    def ask() -> Awaitable[Applied]:
        start: WithStartWorkflowOperation[Any, None] = WithStartWorkflowOperation(
            RESOURCE,
            ResourceStart(kind=name.kind, namespace=name.namespace, name=name.name),
            id=name.workflow_id,
            task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            memo={MEMO: ResourceMemo(kind=name.kind)},
            search_attributes=TypedSearchAttributes([namespace]) if searchable else None,
            static_summary=f"{name.kind} {name.namespace}/{name.name}",
        )
        return connection.client.execute_update_with_start_workflow(  # pyright: ignore[reportUnknownMemberType]
            "apply",
            request,
            id=update_id,
            start_workflow_operation=start,
            result_type=Applied,
            rpc_timeout=_LONGEST,
        )

    return await _answered(name, ask)


async def rollback(connection: Connection, name: ResourceName, request: RollbackRequest) -> Applied:
    """Bring an earlier revision in force again.

    Raises:
        ResourceNotFoundError: There is no such resource.
        ResourceRefusedError: There is no such revision.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    handle = connection.client.get_workflow_handle(name.workflow_id)
    ask = partial(handle.execute_update, "rollback", request)  # pyright: ignore[reportUnknownMemberType]
    once = str(uuid4())
    return await _answered(name, partial(ask, id=once, result_type=Applied, rpc_timeout=_LONGEST))


async def delete(connection: Connection, name: ResourceName) -> None:
    """End a resource, with its schedule if it has one; runs that it has started go on.

    Raises:
        ResourceNotFoundError: There is no such resource.
        ResourceRefusedError: Its schedule cannot be removed.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    handle = connection.client.get_workflow_handle(name.workflow_id)
    update = partial(handle.execute_update, "delete")  # pyright: ignore[reportUnknownMemberType]
    await _answered(name, partial(update, rpc_timeout=_LONGEST))


async def read_state(connection: Connection, name: ResourceName) -> ResourceState:
    """A resource with its revisions.

    Raises:
        ResourceNotFoundError: There is no such resource.
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    return await _query(connection, name, "state", ResourceState)


async def read_current(connection: Connection, names: Sequence[ResourceName]) -> list[Revision]:
    """The revisions in force, in the order of the names; resources that were deleted meanwhile are left out.

    Raises:
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    return list((await read_each(connection, names)).values())


async def read_each(connection: Connection, names: Iterable[ResourceName]) -> dict[ResourceName, Revision]:
    """The revisions in force, by name; resources that were deleted meanwhile are left out.

    Raises:
        ConnectionFailedError: Temporal does not answer, or no worker did in time.
    """
    gate, wanted = asyncio.Semaphore(AT_ONCE), list(names)

    async def one(name: ResourceName) -> Revision | None:
        async with gate:
            try:
                return await _query(connection, name, "current", Revision)
            except ResourceNotFoundError:
                return None

    found = await asyncio.gather(*(one(name) for name in wanted))
    return {name: each for name, each in zip(wanted, found, strict=True) if each is not None}


async def list_resources(
    connection: Connection, *, kind: str = "", namespace: str = ""
) -> AsyncIterator[Listed]:
    """The applied resources; one that was applied a moment ago may be missing.

    Args:
        connection: Where to look.
        kind: Only of this kind.
        namespace: Only in this namespace.

    Raises:
        ConnectionFailedError: Temporal does not answer.
    """
    from temporalio.service import RPCError

    query = f"WorkflowType = '{RESOURCE}' AND ExecutionStatus = 'Running'"
    if namespace and await connection.searchable():
        query += f" AND ArkNamespace = '{namespace}'"
    if kind:
        query += f" AND WorkflowId STARTS_WITH '{kind.lower()}/{namespace}{'/' if namespace else ''}'"
    try:
        async for execution in connection.client.list_workflows(query):
            memo = await execution.memo_value(MEMO, ResourceMemo(), type_hint=ResourceMemo)
            _, in_namespace, name = execution.id.split("/", 2)
            if not namespace or in_namespace == namespace:
                yield Listed(name=ResourceName(memo.kind, in_namespace, name), memo=memo)
    except RPCError as error:
        raise ConnectionFailedError(f"Temporal does not list resources: {error.message}.") from None


def not_there(name: ResourceName) -> ResourceNotFoundError:
    """What is said about a resource that is not there."""
    return ResourceNotFoundError(
        f'There is no {name.kind} "{name.namespace}/{name.name}"; `ark-temporal get` shows what there is.'
    )


async def _query(connection: Connection, name: ResourceName, what: str, kind: type[_R]) -> _R:
    from temporalio.common import QueryRejectCondition

    handle = connection.client.get_workflow_handle(name.workflow_id)
    query = partial(handle.query, what, reject_condition=QueryRejectCondition.NOT_OPEN)
    return await _answered(name, partial(query, result_type=kind, rpc_timeout=_LONGEST))


async def _answered(name: ResourceName, ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask until it is our turn.

    A workflow takes ten updates at a time, and none while it continues as new or is being deleted.
    """
    from temporalio.client import (
        WorkflowQueryRejectedError,
        WorkflowUpdateFailedError,
        WorkflowUpdateRPCTimeoutOrCancelledError,
    )
    from temporalio.service import RPCError, RPCStatusCode

    transient = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.ABORTED, RPCStatusCode.UNAVAILABLE)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                try:
                    return await ask()
                except RPCError as error:
                    if error.status not in transient:
                        raise
                except WorkflowUpdateFailedError as error:
                    if getattr(error.cause, "type", "") != BEING_DELETED:
                        raise
                await asyncio.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - so that not all come at once
    except WorkflowQueryRejectedError:
        raise not_there(name) from None
    except WorkflowUpdateFailedError as error:
        kind = OvertakenError if getattr(error.cause, "type", "") == OVERTAKEN else ResourceRefusedError
        raise kind(getattr(error.cause, "message", str(error.cause))) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise _nobody(name) from None
    except RPCError as error:
        raise _explain(name, error) from None


def _explain(name: ResourceName, error: "RPCError") -> Exception:
    from temporalio.service import RPCStatusCode

    if error.status == RPCStatusCode.NOT_FOUND:
        return not_there(name)
    if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
        return _nobody(name)
    return ConnectionFailedError(f"Temporal does not answer about {name}: {error.message}.")


def _nobody(name: ResourceName) -> ConnectionFailedError:
    return ConnectionFailedError(
        f"No worker answered about {name} within {ANSWER_SECONDS:.0f} seconds. Start one with "
        "`ark-temporal worker`; what was asked may still be done then."
    )
