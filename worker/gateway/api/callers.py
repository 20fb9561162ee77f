"""Who calls a route, what they may do with it, and what it works with."""

from collections.abc import Iterable
from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from temporalio.client import WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunMemo, quoted, read_memo
from ark_temporal.runs.names import WORKFLOW_OF
from ark_temporal.runs.watch import read_record
from worker.gateway.access.roles import Principal, Role
from worker.gateway.api.problems import ApiError, not_found
from worker.gateway.services import GatewayServices

BEARER = HTTPBearer(
    scheme_name="bearer",
    description="A token of `ark-temporal gateway token`, or one of an OpenID Connect provider that the "
    "access file names.",
    auto_error=False,
)


def _services(request: Request) -> GatewayServices:
    return cast("GatewayServices", request.app.state.services)


def _caller(request: Request, _: Annotated[object, Security(BEARER)]) -> Principal:
    """Who asks, as was found out before the request came here."""
    return cast("Principal", request.state.principal)


Services = Annotated[GatewayServices, Depends(_services)]
Caller = Annotated[Principal, Depends(_caller)]


def require(caller: Principal, role: Role, namespace: str) -> None:
    """Refuse who has not the role in a namespace, whether or not there is such a namespace.

    Raises:
        ApiError: 403.
    """
    if not caller.may(role, namespace):
        raise ApiError(403, "forbidden", f'This needs the role "{role}" in the namespace "{namespace}".')


def see_or_lack(caller: Principal, role: Role, namespace: str, detail: str) -> None:
    """Refuse what is in a namespace: as if it was not there, to those who see nothing of it.

    Raises:
        ApiError: 404 or 403.
    """
    if not caller.sees(namespace):
        raise not_found(detail)
    require(caller, role, namespace)


async def open_run(
    connection: Connection, caller: Principal, run_id: str, role: Role = "viewer"
) -> WorkflowExecutionDescription:
    """A run that the caller has this role for.

    Raises:
        ApiError: There is none that they see, or their roles do not allow it.
        ConnectionFailedError: Temporal does not answer.
    """
    missing = no_run(run_id)
    try:
        description = await connection.client.get_workflow_handle(run_id).describe()
    except RPCError as error:
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise missing from None
        raise
    if description.workflow_type not in WORKFLOW_OF.values():
        raise missing
    namespace = await _namespace(connection, description)
    see_or_lack(caller, role, namespace, missing.detail)
    return description


def no_run(run_id: str) -> ApiError:
    """There is no such run, or none that the caller sees: nobody can tell which."""
    return not_found(f'There is no run "{run_id}".')


def narrowed(caller: Principal, namespace: str | None) -> frozenset[str] | None:
    """The namespaces that a list is about, of those that the caller sees; None is all."""
    wanted = frozenset({namespace}) if namespace else None
    if caller.namespaces is None:
        return wanted
    return caller.namespaces if wanted is None else wanted & caller.namespaces


def text_list(values: Iterable[str]) -> str:
    """Values for the `IN` of a list filter."""
    return ", ".join(f"'{quoted(each)}'" for each in sorted(values))


async def _namespace(connection: Connection, description: WorkflowExecutionDescription) -> str:
    """The namespace that a run's plan names; the run itself says so where its memo does not."""
    memo: RunMemo = await read_memo(description)
    return memo.namespace or (await read_record(connection, description.id)).namespace
