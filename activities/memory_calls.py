"""The activities that recall and remember."""

from pathlib import Path

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.resolving import Resolver
from ark_temporal.memory import MemoryEntry, MemoryPool, MemoryUnavailable
from ark_temporal.plan.calls import MemoryOutcome, MemoryRead, MemoryWrite
from ark_temporal.runs.names import RECALL_ACTIVITY, REMEMBER_ACTIVITY
from ark_temporal.secrets import SecretError, Secrets
from ark_temporal.tools.types import ToolError

RECALLED_ENTRIES = 10
"""How many entries stand before a task."""

_METADATA_CHARS = 300


class MemoryCalls:
    """The activities `recall` and `remember`.

    Args:
        memories: Connections to memories.
        secrets: Values behind the names that a plan carries.
        directory: Where memories are that live in this process.
    """

    def __init__(self, memories: MemoryPool, secrets: Secrets, directory: Path) -> None:
        self._memories = memories
        self._secrets = secrets
        self._directory = directory

    @activity.defn(name=RECALL_ACTIVITY)
    async def recall(self, read: MemoryRead) -> MemoryOutcome:
        """What is remembered about a task."""
        resolver = Resolver(self._secrets, read.namespace, self._directory)
        try:
            memory = self._memories.get(await resolver.memory(read.memory, read.env_from))
            entries = await memory.recall(read.query, limit=RECALLED_ENTRIES)
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            raise await _failure(error, resolver) from None
        texts = (f"[{entry.created:%Y-%m-%d %H:%M}] {entry.text}" for entry in entries)
        return MemoryOutcome(texts=tuple(resolver.redact(text) for text in texts))

    @activity.defn(name=REMEMBER_ACTIVITY)
    async def remember(self, write: MemoryWrite) -> MemoryOutcome:
        """Keep a task's result."""
        resolver = Resolver(self._secrets, write.namespace, self._directory)
        entry = MemoryEntry(
            id=write.entry,
            created=write.at,
            text=write.text,
            metadata={
                "agent": write.role[:_METADATA_CHARS],
                "run": (activity.info().workflow_id or "")[:_METADATA_CHARS],
                "step": write.step[:_METADATA_CHARS],
            },
        )
        try:
            memory = self._memories.get(await resolver.memory(write.memory, write.env_from))
            await memory.remember(entry)
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            raise await _failure(error, resolver) from None
        return MemoryOutcome()


async def _failure(error: Exception, resolver: Resolver) -> ApplicationError:
    known = isinstance(error, MemoryUnavailable | ToolError | SecretError)
    for_good = known and not error.retryable and not await resolver.are_renewed()
    return ApplicationError(
        resolver.redact(str(error) if known else f"{type(error).__name__}: {error}"),
        activity.info().attempt,
        type=error.type if isinstance(error, SecretError) else "MemoryUnavailable",
        non_retryable=for_good,
    )
