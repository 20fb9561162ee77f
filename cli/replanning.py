"""The plan that a run is started again with, compiled from manifests that were edited since."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.choice import Choice, compile_choice
from cli.errors import CommandError
from cli.sources import load_sources

if TYPE_CHECKING:
    from ark_temporal.manifests import Bundle
    from ark_temporal.plan.model import Plan
    from ark_temporal.runs.retry import Origin


@dataclass
class Replanning:
    """Compiles what a run ran: the team, or the agent, of the same name.

    Attributes:
        bundle: The manifests.
        team: Another team.
        ignore_unsupported: Whether to do without what is not carried out yet.
    """

    bundle: "Bundle"
    team: str | None = None
    ignore_unsupported: bool = False
    _plans: "dict[Choice, Plan]" = field(default_factory=lambda: {})

    @classmethod
    def read(
        cls,
        source: str,
        team: str | None,
        *,
        inputs: Sequence[str] = (),
        ignore_unsupported: bool = False,
    ) -> "Replanning":
        """Load the manifests.

        Raises:
            CommandError: They have errors.
        """
        return cls(load_sources([source], inputs=inputs), team, ignore_unsupported)

    def plan_for(self, origin: "Origin") -> "Plan":
        """The plan for a run that starts where another one ended, asking the same provider.

        Raises:
            RetryRefusedError: The manifests have no such team or agent, or it cannot be run.
        """
        from ark_temporal.runs.retry import RetryRefusedError

        old = origin.start.plan
        name = self.team or f"{old.namespace}/{old.team}"
        choice = Choice(agent=name) if old.kind == "agent" and not self.team else Choice(team=name)
        if choice not in self._plans:
            try:
                self._plans[choice] = compile_choice(
                    self.bundle,
                    choice,
                    _forced(old),
                    ignore_unsupported=self.ignore_unsupported,
                    starts=False,
                )
            except CommandError as error:
                raise RetryRefusedError(f"--plan: {error.message}") from None
        return self._plans[choice]


def _forced(plan: "Plan") -> str:
    """The provider that all of a plan's agents were made to ask; `auto` where they were not."""
    providers = {agent.provider for agent in plan.agents.values()}
    only = next(iter(providers)) if len(providers) == 1 else None
    return only or "auto"
