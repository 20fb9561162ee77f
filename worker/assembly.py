"""A Temporal worker with our workflows and activities on it."""

import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio.worker import Worker

from activities.firing import Firing
from activities.links import Links
from activities.memory_calls import MemoryCalls
from activities.messaging import Messenger
from activities.model_calls import ModelCalls
from activities.notifying import Notifications
from activities.scheduling import Scheduling
from activities.tool_calls import ToolCalls, Toolkit
from activities.transcripts import Transcripts
from ark_temporal.llm import ModelPool, load_prices
from ark_temporal.llm.types import Provider
from ark_temporal.memory import MemoryPool
from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT
from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import TASK_QUEUE
from ark_temporal.runs.paths import data_directory
from ark_temporal.secrets import Secrets, SecretStore, with_mounted
from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.mcp import McpPool
from ark_temporal.tools.python import PythonTools
from worker.sandbox import workflow_sandbox
from workflows.agent_task import AgentTask
from workflows.event_firing import EventFiring
from workflows.notifier import Notifier
from workflows.pipeline import Pipeline
from workflows.resource import Resource
from workflows.router import Router
from workflows.supervisor import Supervisor

if TYPE_CHECKING:
    import httpx2

    from ark_temporal.llm.mock import MockScript

GRACEFUL_SHUTDOWN = timedelta(seconds=10)
"""How long model calls under way may finish when a worker stops; what does not is retried elsewhere."""

_HEARTBEAT_THROTTLE = timedelta(seconds=5)


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker of ours is set up.

    Attributes:
        max_concurrent_calls: Model and tool calls under way at the same time.
        max_cached_workflows: Runs kept in memory. What becomes of one that is not is found out from its
            history when it goes on.
        stores: Where values of Secrets and ConfigMaps are, ahead of `secrets_dir` and the environment.
        secrets_dir: Directory of mounted Secrets and ConfigMaps.
        mock_script: What the mock provider answers.
        prices: A price table of one's own.
        tools: Modules with Python tools, beside those of installed packages.
        egress: Which hosts tools may reach.
        allow_commands: Whether MCP servers that are commands may be started here.
        memory_directory: Where memories are that live in this process; None takes the user's own.
        provider: Answers for all roles of the runs that events start, instead of what models' names say.
    """

    task_queue: str = TASK_QUEUE
    max_concurrent_calls: int = 100
    max_cached_workflows: int = 1000
    stores: Sequence[SecretStore] = ()
    secrets_dir: Path | None = None
    mock_script: "MockScript | None" = None
    prices: Path | None = None
    tools: Sequence[str] = ()
    egress: EgressPolicy = field(default_factory=EgressPolicy)
    allow_commands: bool = False
    memory_directory: Path | None = None
    provider: Provider | None = None


@contextlib.asynccontextmanager
async def running_worker(connection: Connection, options: WorkerOptions) -> AsyncGenerator[Worker]:
    """A worker that works while the block runs, and finishes what it is doing at its end.

    Raises:
        ValueError: The price table or a module of tools cannot be read.
    """
    # They log every address that they ask, and headers; both may come from Secrets.
    for name in ("httpx", "httpx2", "httpcore", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    async with contextlib.AsyncExitStack() as stack:
        activities = await _activities(stack, connection, options)
        worker = Worker(
            connection.client,
            task_queue=options.task_queue,
            workflows=[Pipeline, Supervisor, Router, AgentTask, Resource, EventFiring, Notifier],
            activities=activities,
            workflow_runner=workflow_sandbox(),
            max_concurrent_activities=options.max_concurrent_calls,
            max_cached_workflows=options.max_cached_workflows,
            max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        )
        yield await stack.enter_async_context(worker)


async def _activities(
    stack: contextlib.AsyncExitStack, connection: Connection, options: WorkerOptions
) -> list[Callable[..., Any]]:
    """All activities, with what they hold open until the stack ends."""
    stores = with_mounted(options.stores, options.secrets_dir)
    secrets = Secrets(stores, os.environ)
    limit = None if connection.storage else DEFAULT_PAYLOAD_LIMIT
    transcripts = Transcripts(connection.client)
    models, memories = ModelPool(options.mock_script), MemoryPool()
    http = partial(guarded_client, options.egress)
    mcp = McpPool(http, allow_commands=options.allow_commands)
    kit = Toolkit(
        http=await stack.enter_async_context(http(max_connections=options.max_concurrent_calls)),
        mcp=mcp,
        python=PythonTools.load(options.tools),
        memories=memories,
        memory_directory=options.memory_directory or data_directory() / "memory",
    )
    for held in (models, memories, mcp):
        stack.push_async_callback(held.aclose)
    model_calls = ModelCalls(
        models,
        secrets,
        load_prices(options.prices),
        transcripts,
        journal=connection.journal,
        payload_limit_bytes=limit,
    )
    tool_calls = ToolCalls(kit, secrets, transcripts, payload_limit_bytes=limit)
    memory_calls = MemoryCalls(memories, secrets, kit.memory_directory)
    return [
        model_calls.call_model,
        tool_calls.list_tools,
        tool_calls.call_tool,
        memory_calls.recall,
        memory_calls.remember,
        Notifications(_messenger(connection, options, kit.http, secrets)).notify,
        Firing(connection, Catalog(connection, options.provider)).prepare_firing,
        Scheduling(connection.client).sync_schedule,
    ]


def _messenger(
    connection: Connection, options: WorkerOptions, http: "httpx2.AsyncClient", secrets: Secrets
) -> Messenger:
    """Sends messages, with links to what this worker's environment says.

    Raises:
        ValueError: The key for links is too short.
    """
    links = Links.read(os.environ, connection.run_url, connection.client.namespace)
    return Messenger(http, secrets, options.egress, links)
