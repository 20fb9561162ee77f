"""A lead who hands tasks to others, written by hand on plain temporalio."""

import asyncio
from datetime import timedelta

from temporalio import activity, workflow

from benchmarks.by_hand import ANSWER, Question

TASKS = ("one", "two", "three")
_TIMEOUT = timedelta(seconds=120)
_HEARTBEAT = timedelta(seconds=20)


@activity.defn
async def hand_out(question: Question) -> list[str]:
    """A model that at once hands out the tasks."""
    return [f"{ANSWER} {task}" for task in TASKS]


@activity.defn
async def answer(question: Question) -> str:
    """A model that answers at once."""
    return ANSWER


@workflow.defn
class HandTask:
    """One task: one call."""

    @workflow.run
    async def run(self, task: str) -> str:
        question = Question("claude-haiku-4-5", "You help.", f"task: {task}")
        return await workflow.execute_activity(
            answer, question, start_to_close_timeout=_TIMEOUT, heartbeat_timeout=_HEARTBEAT
        )


@workflow.defn
class HandTeam:
    """Ask the lead, have the tasks done at the same time, and ask the lead again."""

    @workflow.run
    async def run(self, topic: str) -> str:
        asked = Question("claude-haiku-4-5", "You lead.", f"prompt: {topic}")
        tasks = await workflow.execute_activity(
            hand_out, asked, start_to_close_timeout=_TIMEOUT, heartbeat_timeout=_HEARTBEAT
        )
        own = workflow.info().workflow_id
        done = await asyncio.gather(
            *(
                workflow.execute_child_workflow(HandTask.run, task, id=f"{own}-{number}")
                for number, task in enumerate(tasks)
            )
        )
        told = Question("claude-haiku-4-5", "You lead.", "\n".join([f"prompt: {topic}", *done]))
        return await workflow.execute_activity(
            answer, told, start_to_close_timeout=_TIMEOUT, heartbeat_timeout=_HEARTBEAT
        )
