"""`ark-temporal worker`: works for any Temporal."""

import os
from typing import TYPE_CHECKING

from cli import collect_garbage_as_usual, options
from cli.exit_codes import ExitCode
from cli.loop import run_async

if TYPE_CHECKING:
    from ark_temporal.runs.connection import ConnectOptions
    from cli.following import Interrupts
    from worker.assembly import WorkerOptions

PATIENCE_SECONDS = 60.0
"""How long to wait for a Temporal that is not there yet: a cluster starts its parts in any order."""


@options.connects
def worker(
    connect: "ConnectOptions",
    sources: options.OptionalSources = None,
    task_queue: options.TaskQueue = "ark",
    max_concurrent_calls: options.MaxConcurrentCalls = 100,
    max_cached_workflows: options.MaxCachedWorkflows = 1000,
    secrets_dir: options.SecretsDirectory = None,
    provider: options.EventsProvider = "auto",
    mock_script: options.MockScriptFile = None,
    prices: options.PricesFile = None,
    tools: options.ToolModules = None,
    allow_host: options.AllowHosts = None,
    deny_host: options.DenyHosts = None,
    allow_commands: options.AllowCommands = False,
) -> None:
    """Run a worker for any Temporal.

    SIGTERM and Ctrl-C let model calls under way finish for a while; what does not is retried by another
    worker. A second Ctrl-C quits at once.
    """
    from cli.sources import load_sources, secret_stores
    from cli.tool_options import ToolOptions
    from cli.worker_setup import WorkerSetup

    tooling = ToolOptions.read(tools, allow_host, deny_host, allow_commands=allow_commands)
    setup = WorkerSetup.read(
        mock_script=mock_script, prices=prices, secrets_dir=secrets_dir, tools=tooling, provider=provider
    )
    stores = secret_stores(load_sources(sources), allow_commands=allow_commands) if sources else []

    options = setup.options(
        stores,
        task_queue=task_queue,
        max_concurrent_calls=max_concurrent_calls,
        max_cached_workflows=max_cached_workflows,
    )
    run_async(_work(connect, options))


async def _work(connect: "ConnectOptions", settings: "WorkerOptions") -> None:
    import asyncio
    import signal

    from ark_temporal.runs.attributes import ensure_attributes
    from cli.connecting import connect_patiently
    from cli.following import Interrupts
    from cli.logs import log_to_stderr
    from worker.assembly import running_worker

    collect_garbage_as_usual()
    log = log_to_stderr()
    connection = await connect_patiently(connect, PATIENCE_SECONDS)
    if not await ensure_attributes(connection.client):
        log.warning(
            "Temporal at %s lacks our search attributes and does not let us add them: runs work, but cannot "
            "be searched for by team. `ark-temporal doctor` says more.",
            connection.address,
        )
    with Interrupts.caught(signal.SIGINT, signal.SIGTERM) as interrupts:
        async with running_worker(connection, settings):
            log.info(
                'ready: task queue "%s", namespace "%s" at %s',
                settings.task_queue,
                connection.client.namespace,
                connection.address,
            )
            await interrupts.next()
            log.info("stopping: waiting for model calls under way")
            hurry = asyncio.create_task(_quit_on_another(interrupts))
        hurry.cancel()
    log.info("stopped")


async def _quit_on_another(interrupts: "Interrupts") -> None:
    await interrupts.next()
    os._exit(ExitCode.INTERRUPTED)
