"""What a worker's tools are and may reach, from the options that say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.errors import CommandError

if TYPE_CHECKING:
    from ark_temporal.tools.egress import EgressPolicy


@dataclass(frozen=True)
class ToolOptions:
    """The tools of a worker, found to be good before anything is started.

    Attributes:
        modules: Of Python tools.
        allow: What tools may reach, where there is any entry.
        deny: What they may not.
        allow_commands: Whether MCP servers that are commands may be started.
    """

    modules: tuple[str, ...]
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    allow_commands: bool

    @classmethod
    def read(
        cls,
        modules: Sequence[str] | None,
        allow: Sequence[str] | None,
        deny: Sequence[str] | None,
        *,
        allow_commands: bool,
    ) -> "ToolOptions":
        """Take what the options say.

        Raises:
            CommandError: A module cannot be imported or holds no tool, or a host is not understood.
        """
        options = cls(_entries(modules), _entries(allow), _entries(deny), allow_commands)
        if options.modules:
            _try_modules(options.modules)
        if options.allow or options.deny:
            options.egress()
        return options

    def egress(self) -> "EgressPolicy":
        """Which hosts tools may reach.

        Raises:
            CommandError: An entry is not understood.
        """
        from ark_temporal.tools.egress import EgressPolicy

        try:
            return EgressPolicy(allow=self.allow, deny=self.deny)
        except ValueError as error:
            raise CommandError(str(error)) from None


def _try_modules(modules: Sequence[str]) -> None:
    from ark_temporal.tools.python import PythonTools, ToolsError

    try:
        PythonTools.load(modules)
    except ToolsError as error:
        raise CommandError(str(error)) from None


def _entries(given: Sequence[str] | None) -> tuple[str, ...]:
    """Each value may hold several, with commas between them: environment variables do."""
    return tuple(entry.strip() for value in given or () for entry in value.split(",") if entry.strip())
