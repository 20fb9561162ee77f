"""What becomes of questions that a run asks while it is followed: asked here, or told and waited for."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.hints import how_to_decide

if TYPE_CHECKING:
    from ark_temporal.plan.record import Awaiting, Decision
    from ark_temporal.runs.connection import ConnectOptions
    from cli.asking import Ends, Other
    from cli.following import Following, Interrupts, Why


@dataclass(frozen=True)
class Questions:
    """How to deal with them.

    Attributes:
        options: How Temporal was found, for commands that others type.
        asks: Whether to ask the person at the terminal, if there is one.
        tells: Whether to say how to decide.
        leaves: Whether the run lives on without us, so that it can be left with its question.
        wait: Whether to wait for a decision at all.
    """

    options: "ConnectOptions"
    asks: bool
    tells: bool
    leaves: bool
    wait: bool = True

    async def until_ended(
        self, watched: "Following", interrupts: "Interrupts", seconds: float | None = None
    ) -> "Why":
        """Wait as `Following.until` does, and deal with questions; `asked` says that the run is left so.

        Raises:
            RunNotFoundError: There is no such run.
            ConnectionFailedError: Temporal did not answer for long.
        """
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        while True:
            left = None if deadline is None else max(deadline - loop.time(), 0)
            why = await watched.until(interrupts, left, questions=True)
            if why != "asked":
                return why
            while (awaiting := watched.question()) is not None:
                left = None if deadline is None else max(deadline - loop.time(), 0)
                why = await self._deal_with(awaiting, watched, interrupts, left)
                if why is not None:
                    return why

    async def _deal_with(
        self, awaiting: "Awaiting", watched: "Following", interrupts: "Interrupts", seconds: float | None
    ) -> "Why | None":
        """One question; None where the watching goes on."""
        from cli.asking import can_ask

        if not (self.asks and can_ask()):
            self._tell(awaiting, watched)
            return None if self.wait else "asked"
        reply = await self._ask(awaiting, watched, interrupts, seconds)
        if not isinstance(reply, str):
            await self._decide(reply, awaiting, watched)
            return None
        if reply == "decided":
            return None
        if reply == "later":
            self._tell(awaiting, watched)
            return "asked" if self.leaves else None
        return reply

    async def _ask(
        self, awaiting: "Awaiting", watched: "Following", interrupts: "Interrupts", seconds: float | None
    ) -> "Decision | Other":
        from ark_temporal.runs.decide import questions_of
        from cli.asking import ask

        about = questions_of(watched.record) if watched.record is not None else []
        call = next((each.tool_call for each in about if each.awaiting.id == awaiting.id), None)
        watched.view.hold()
        try:
            ends: Ends = {interrupts.next(): "interrupted", watched.until_decided(awaiting.id): "decided"}
            return await ask(awaiting, call, ends, seconds)
        finally:
            watched.view.release()

    async def _decide(self, decision: "Decision", awaiting: "Awaiting", watched: "Following") -> None:
        from ark_temporal.runs.connection import ConnectionFailedError
        from ark_temporal.runs.decide import DecisionRefusedError, decide

        try:
            await decide(watched.connection, watched.run_id, decision)
        except (DecisionRefusedError, ConnectionFailedError) as error:
            watched.view.notice(str(error))
            self._tell(awaiting, watched)

    def _tell(self, awaiting: "Awaiting", watched: "Following") -> None:
        if self.tells:
            watched.view.notice(how_to_decide(watched.run_id, awaiting, self.options))
