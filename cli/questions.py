"""What becomes of questions that a run asks while it is followed: asked here, or told and waited for."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.hints import how_to_decide

if TYPE_CHECKING:
    from ark_temporal.plan.record import Decision, RunRecord
    from ark_temporal.runs.connection import ConnectOptions
    from ark_temporal.runs.questions import Question
    from cli.following import Following, Interrupts, Why
    from cli.typed_lines import Ends, Other


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
            while (question := watched.question()) is not None:
                left = None if deadline is None else max(deadline - loop.time(), 0)
                why = await self._deal_with(question, watched, interrupts, left)
                if why is not None:
                    return why

    async def _deal_with(
        self, question: "Question", watched: "Following", interrupts: "Interrupts", seconds: float | None
    ) -> "Why | None":
        """One question; None where the watching goes on."""
        from cli.asking import can_ask, login_name

        if not (self.asks and can_ask() and question.wants(login_name())):
            self._tell(question, watched)
            return None if self.wait else "asked"
        reply = await self._ask(question, watched, interrupts, seconds)
        if not isinstance(reply, str):
            await self._decide(reply, question, watched)
            return None
        if reply == "decided":
            return None
        if reply == "later":
            self._tell(question, watched)
            return "asked" if self.leaves else None
        return reply

    async def _ask(
        self, question: "Question", watched: "Following", interrupts: "Interrupts", seconds: float | None
    ) -> "Decision | Other":
        from ark_temporal.runs.watch import read_record
        from cli.asking import Asking, ask
        from cli.hints import show_command

        record = await read_record(watched.connection, question.run)
        show = show_command(question.run, question.awaiting, self.options)
        asking = Asking(lambda decision: _problem(record, decision), interrupts.muted, show)
        watched.view.hold()
        try:
            ends: Ends = {interrupts.next(): "interrupted", watched.until_decided(question): "decided"}
            return await ask(question, asking, ends, seconds)
        finally:
            watched.view.release()

    async def _decide(self, decision: "Decision", question: "Question", watched: "Following") -> None:
        from ark_temporal.runs.connection import ConnectionFailedError
        from ark_temporal.runs.decide import DecisionRefusedError, decide

        try:
            taken = await decide(watched.connection, question.run, decision)
        except (DecisionRefusedError, ConnectionFailedError) as error:
            watched.view.notice(str(error))
            self._tell(question, watched)
        else:
            if not taken.closed:
                watched.view.notice(taken.message)

    def _tell(self, question: "Question", watched: "Following") -> None:
        if self.tells:
            watched.view.notice(how_to_decide(question.run, question.awaiting, self.options))


def _problem(record: "RunRecord", decision: "Decision") -> str:
    """Why a decision cannot be taken, as far as that can be known here."""
    from ark_temporal.plan.gates import content_refusal, refusal

    return refusal(record, decision) or content_refusal(record, decision)
