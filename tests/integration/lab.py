"""What a durability test works with: a Temporal of its own, workers, and runs to look at."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowFailureError, WorkflowHandle

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunRecord
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import RECORD_QUERY
from ark_temporal.runs.submit import submit
from ark_temporal.runs.watch import read_record
from ark_temporal.secrets import MappingStore
from tests.integration.plans import KEYS, NAMESPACE
from worker.assembly import WorkerOptions, running_worker


@dataclass(frozen=True)
class Run:
    """A run that was started."""

    connection: Connection
    id: str

    @property
    def handle(self) -> WorkflowHandle[object, object]:
        """Temporal's own."""
        return self.connection.client.get_workflow_handle(self.id)

    async def ended(self, seconds: float = 40) -> RunRecord:
        """Wait for the end, however it comes; the record then."""
        async with asyncio.timeout(seconds):
            with contextlib.suppress(WorkflowFailureError):
                await self.handle.result()
        return await self.record()

    async def record(self) -> RunRecord:
        """The record, as its history tells it."""
        return await read_record(self.connection, self.id)

    async def asked(self) -> RunRecord:
        """The record, as the workflow itself tells it."""
        async with asyncio.timeout(30):
            return await self.handle.query(RECORD_QUERY, result_type=RunRecord)

    async def events(self) -> list[HistoryEvent]:
        """The whole history."""
        return [event async for event in self.handle.fetch_history_events()]

    async def until_running(self, step: str, seconds: float = 40) -> None:
        """Wait until a step runs."""
        async with asyncio.timeout(seconds):
            while (await self.record()).step(step).phase != "Running":
                await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Lab:
    """A connection, and a task queue that nobody else uses."""

    connection: Connection
    directory: Path
    queue: str = field(default_factory=lambda: f"lab-{secrets.token_hex(4)}")

    @contextlib.asynccontextmanager
    async def working(
        self,
        keys: Mapping[str, str] | None = None,
        *,
        script: MockScript | None = None,
        calls: int = 100,
        tools: Sequence[str] = (),
        secrets: Mapping[str, Mapping[str, str]] | None = None,
    ) -> AsyncGenerator[None]:
        """A worker in this process, which finds those keys in the Secret that plans of ours name.

        Args:
            keys: Of the models.
            script: What the mock answers.
            calls: How many calls there may be at once.
            tools: Modules of Python tools.
            secrets: Other Secrets, by name.
        """
        named = {KEYS: keys or {}, **(secrets or {})}
        options = WorkerOptions(
            task_queue=self.queue,
            max_concurrent_calls=calls,
            stores=[MappingStore({("Secret", NAMESPACE, name): given for name, given in named.items()})],
            mock_script=script,
            tools=tools,
            allow_commands=True,
            memory_directory=self.directory / "memory",
        )
        async with running_worker(self.connection, options):
            yield

    async def start(
        self, plan: Plan, given: Mapping[str, JsonValue] | None = None, *, id: str | None = None
    ) -> Run:
        """Submit a plan."""
        submitted = await submit(self.connection, plan, given or {}, id=id, task_queue=self.queue)
        return Run(self.connection, submitted.id)

    def run(self, id: str) -> Run:
        """A run that exists."""
        return Run(self.connection, id)
