"""A worker in a process of its own: `python -m tests.integration.agents.tool_worker SETTINGS`.

SETTINGS is JSON. It writes `ready: ` to standard error once it works. One that is told to die kills itself at
the very moment between a model's answer, which is in the journal by then, and Temporal's being told.
"""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, Field

from ark_temporal.llm.mock import MockScript
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.secrets import MappingStore
from ark_temporal.storage import Journal
from tests.integration.plans import NAMESPACE
from worker.assembly import WorkerOptions, running_worker


class Settings(BaseModel):
    """What the worker is to be.

    Attributes:
        secrets: By name and key, in the namespace of the tests' plans.
        dies_after: How many answers are journalled before it dies; 0 lets it live.
    """

    address: str
    queue: str
    storage: str
    memory: Path
    calls: int = 100
    tools: list[str] = Field(default_factory=list[str])
    script: MockScript | None = None
    secrets: dict[str, dict[str, str]] = Field(default_factory=dict[str, dict[str, str]])
    dies_after: int = 0


class _LastWords:
    """A journal that keeps so many values and then ends its process, without a warning."""

    def __init__(self, journal: Journal, count: int) -> None:
        self._journal = journal
        self._left = count

    async def find(self, key: str) -> bytes | None:
        return await self._journal.find(key)

    async def keep(self, key: str, value: bytes) -> None:
        await self._journal.keep(key, value)
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)


def _mortal(connection: Connection, dies_after: int) -> Connection:
    if not dies_after or connection.storage is None:
        return connection
    journal = _LastWords(connection.storage.journal, dies_after)
    return replace(connection, storage=replace(connection.storage, journal=journal))


async def _work(settings: Settings) -> None:
    connection = await connect(ConnectOptions(address=settings.address, storage=settings.storage))
    options = WorkerOptions(
        task_queue=settings.queue,
        max_concurrent_calls=settings.calls,
        stores=[MappingStore({("Secret", NAMESPACE, name): of for name, of in settings.secrets.items()})],
        mock_script=settings.script,
        tools=settings.tools,
        allow_commands=True,
        memory_directory=settings.memory,
    )
    async with running_worker(_mortal(connection, settings.dies_after), options):
        print("ready: ", file=sys.stderr, flush=True)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(_work(Settings.model_validate_json(sys.argv[1])))
