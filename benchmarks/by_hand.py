"""The same three model calls, written by hand on plain temporalio: what our overhead is measured against."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow

ANSWER = "An answer of about one hundred characters, as short as a model's answer to a question may well be."
QUEUE = "by-hand"


@dataclass
class Question:
    """About what a careful author would send."""

    model: str
    system: str
    prompt: str


@activity.defn
async def ask(question: Question) -> str:
    """A model that answers at once."""
    return ANSWER


@workflow.defn
class ByHand:
    """Three calls in a row, each given what the one before said."""

    @workflow.run
    async def run(self, topic: str) -> str:
        text = topic
        for step in ("research", "write", "review"):
            text = await workflow.execute_activity(
                ask,
                Question("claude-haiku-4-5", f"You {step}.", f"prompt: {step} {text}"),
                start_to_close_timeout=timedelta(seconds=120),
                heartbeat_timeout=timedelta(seconds=20),
            )
        return text


@activity.defn
async def decide(turn: int) -> str:
    """A model that wants one tool called."""
    return "{}"


@activity.defn
async def act(turn: int) -> str:
    """A tool that brings ten kilobytes."""
    return "x" * 10_000


@workflow.defn
class ByHandLoop:
    """An agent's loop: ask, call the tool, ask again. It keeps what it is told where activities find it."""

    @workflow.run
    async def run(self, turns: int) -> str:
        for turn in range(turns):
            await workflow.execute_activity(decide, turn, start_to_close_timeout=timedelta(seconds=120))
            await workflow.execute_activity(act, turn, start_to_close_timeout=timedelta(seconds=120))
        return await workflow.execute_activity(decide, turns, start_to_close_timeout=timedelta(seconds=120))
