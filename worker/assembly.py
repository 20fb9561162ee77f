"""A Temporal worker with our workflows and activities on it."""

import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from temporalio.worker import Worker

from activities.model_calls import ModelCalls
from ark_temporal.llm import ModelPool, load_prices
from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import TASK_QUEUE
from ark_temporal.secrets import DirectoryStore, Secrets, SecretStore
from worker.sandbox import workflow_sandbox
from workflows.pipeline import Pipeline

if TYPE_CHECKING:
    from ark_temporal.llm.mock import MockScript

GRACEFUL_SHUTDOWN = timedelta(seconds=10)
"""How long model calls under way may finish when a worker stops; what does not is retried elsewhere."""

_HEARTBEAT_THROTTLE = timedelta(seconds=5)


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker of ours is set up.

    Attributes:
        max_concurrent_calls: Model calls under way at the same time.
        stores: Where values of Secrets and ConfigMaps are, ahead of `secrets_dir` and the environment.
        secrets_dir: Directory of mounted Secrets and ConfigMaps.
        mock_script: What the mock provider answers.
        prices: A price table of one's own.
    """

    task_queue: str = TASK_QUEUE
    max_concurrent_calls: int = 100
    stores: Sequence[SecretStore] = ()
    secrets_dir: Path | None = None
    mock_script: "MockScript | None" = None
    prices: Path | None = None


@contextlib.asynccontextmanager
async def running_worker(connection: Connection, options: WorkerOptions) -> AsyncGenerator[Worker]:
    """A worker that works while the block runs, and finishes what it is doing at its end.

    Raises:
        ValueError: The price table cannot be read.
    """
    # It logs every address that it asks, and addresses may come from Secrets.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    stores = [*options.stores, *([DirectoryStore(options.secrets_dir)] if options.secrets_dir else [])]
    prices = load_prices(options.prices)
    pool = ModelPool(options.mock_script)
    calls = ModelCalls(
        pool,
        Secrets(stores, os.environ),
        prices,
        payload_limit_bytes=None if connection.storage else DEFAULT_PAYLOAD_LIMIT,
    )
    try:
        async with Worker(
            connection.client,
            task_queue=options.task_queue,
            workflows=[Pipeline],
            activities=[calls.call_model],
            workflow_runner=workflow_sandbox(),
            max_concurrent_activities=options.max_concurrent_calls,
            max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
            graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        ) as worker:
            yield worker
    finally:
        await pool.aclose()
