"""How a worker of a command is set up, from the options that say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ark_temporal.runs.names import TASK_QUEUE
from cli.local import check_files, read_mock_script
from cli.sources import forced_provider
from cli.tool_options import ToolOptions

if TYPE_CHECKING:
    from ark_temporal.llm.mock import MockScript
    from ark_temporal.llm.types import Provider
    from ark_temporal.secrets import SecretStore
    from worker.assembly import WorkerOptions

MAX_CONCURRENT_CALLS = 100
"""Calls under way at the same time, where nothing else is said."""

MAX_CACHED_WORKFLOWS = 1000
"""Runs kept in memory, where nothing else is said."""


@dataclass(frozen=True)
class WorkerSetup:
    """What `run`, `dev` and `worker` have in common, found to be good before anything is started."""

    mock_script: "MockScript | None"
    prices: Path | None
    secrets_dir: Path | None
    tools: ToolOptions
    provider: "Provider | None" = None

    @classmethod
    def read(
        cls,
        *,
        mock_script: Path | None,
        prices: Path | None,
        secrets_dir: Path | None,
        tools: ToolOptions,
        provider: str = "auto",
    ) -> "WorkerSetup":
        """Take what the options say.

        Raises:
            CommandError: A file is missing, or is not what it should be.
            PriceListError: The price table is missing, or is none.
        """
        script = read_mock_script(mock_script)
        check_files(prices=prices, secrets_dir=secrets_dir)
        return cls(script, prices, secrets_dir, tools, forced_provider(provider))

    def options(
        self,
        stores: "Sequence[SecretStore]",
        *,
        task_queue: str = TASK_QUEUE,
        max_concurrent_calls: int = MAX_CONCURRENT_CALLS,
        max_cached_workflows: int = MAX_CACHED_WORKFLOWS,
    ) -> "WorkerOptions":
        """What the worker is given; loads the worker's modules, which takes a third of a second."""
        from worker.assembly import WorkerOptions

        return WorkerOptions(
            task_queue=task_queue,
            max_concurrent_calls=max_concurrent_calls,
            max_cached_workflows=max_cached_workflows,
            stores=stores,
            secrets_dir=self.secrets_dir,
            mock_script=self.mock_script,
            prices=self.prices,
            tools=self.tools.modules,
            egress=self.tools.egress(),
            allow_commands=self.tools.allow_commands,
            provider=self.provider,
        )
