"""Which moments of a run people are told about while it goes on: each once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ark_temporal.plan.calls import CallFailure, ModelCall, Notification
from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.telling import AGENT_DEGRADED, BUDGET_WARNING, told_of_agent, told_of_budget

WARNING_PERCENT: Final = 80
"""Of a run's `maxTokens`: who has used so much is told of."""

DEGRADING: Final = frozenset(
    {
        "ModelRateLimited",
        "ModelOverloaded",
        "ModelUnavailable",
        "ModelConnectionError",
        "ModelTimeout",
        "ModelAuthenticationError",
        "ModelPermissionError",
        "ModelQuotaExhausted",
        "ModelCredentialsMissing",
    }
)
"""Failures that are the provider's, or the account's: the agent's next task fails like this one."""


class Announcer:
    """Collects what people are to be told.

    Args:
        is_root: Whether no other run is above this one, whose budget it would be a part of.
        announced: What they were told of before.
    """

    def __init__(self, plan: Plan, record: RunRecord, *, is_root: bool, announced: Iterable[str]) -> None:
        self._plan = plan
        self._record = record
        self._is_root = is_root
        self._due: list[Notification] = []
        self.announced = list(announced)

    def take(self) -> list[Notification]:
        """What is to be told now; it is not given out again."""
        due, self._due = self._due, []
        return due

    def spent(self, limit: int | None, now: datetime) -> None:
        """Tokens were used, and there are some left."""
        spent = self._record.token_usage.total_tokens
        if self._is_root and limit and spent * 100 >= limit * WARNING_PERCENT:
            self._tell(BUDGET_WARNING, told_of_budget(self._plan, self._record, limit, now))

    def failed(self, call: ModelCall, failure: CallFailure, now: datetime) -> None:
        """A model call came to nothing."""
        agent = self._plan.agents.get(call.role)
        if agent is not None and failure.type in DEGRADING:
            told = told_of_agent(self._plan, self._record, agent, call.step, failure, now)
            self._tell(f"{AGENT_DEGRADED}/{agent.agent}", told)

    def _tell(self, once: str, notification: Notification | None) -> None:
        if notification is not None and once not in self.announced:
            self.announced.append(once)
            self._due.append(notification)
