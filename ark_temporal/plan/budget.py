"""How many tokens a run may use, with all the runs below it."""

from collections.abc import Sequence

from ark_temporal.plan.calls import ChildRun, ModelCall, Request


class Budget:
    """The tokens of a run: what is used, and what the runs below may use.

    A run below gets what is left when it starts, shared with those that start together with it and with the
    run's own calls of that moment. What it may use nobody else may until it has ended: where nothing is left
    besides, the run's own calls and further runs wait for that. So all of them together stay below the limit,
    but for the last answer of each, whose size nobody knows before.

    Attributes:
        limit: Of the whole run; None is no limit.
    """

    def __init__(self, own: int | None, inherited: int | None) -> None:
        """Make one.

        Args:
            own: What the run's plan allows.
            inherited: What the run above has left for it.
        """
        limits = [limit for limit in (own, inherited) if limit is not None]
        self.limit = min(limits, default=None)
        self._granted: dict[str, int] = {}

    def hand_out(self, due: Sequence[Request], spent: int) -> tuple[list[Request], Sequence[Request]]:
        """Give the runs among what is due their share.

        Args:
            due: What is to be asked.
            spent: What the run has used so far.

        Returns:
            What can be asked now, and that for which there is nothing left until runs below have ended.
        """
        starts = sum(isinstance(one, ChildRun) for one in due)
        calls = sum(isinstance(one, ModelCall) for one in due)
        if self.limit is None or not (starts or self._granted):
            return list(due), []
        left = self.limit - spent - sum(self._granted.values())
        if left < max(starts, 1) and self._granted:
            waiting = [one for one in due if isinstance(one, ChildRun | ModelCall)]
            return [one for one in due if not isinstance(one, ChildRun | ModelCall)], waiting
        share = max(left // (starts + calls), 0) if starts else 0
        out: list[Request] = []
        for one in due:
            if isinstance(one, ChildRun):
                self._granted[one.id] = share
                one = one.model_copy(update={"max_tokens": share})
            out.append(one)
        return out, []

    def take_back(self, id: str) -> None:
        """A run below has ended; what it used is counted as used."""
        self._granted.pop(id, None)

    def is_used_up(self, spent: int) -> bool:
        """Whether more was used than may be."""
        return self.limit is not None and spent > self.limit
