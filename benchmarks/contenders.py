"""Ours and the hand-written one behind one interface, so that both are measured by the same code."""

import contextlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.worker import Worker

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, PromptPart, StepPlan
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.submit import submit
from benchmarks.by_hand import ANSWER, QUEUE, ByHand, ask
from worker.assembly import WorkerOptions, running_worker

STEPS = ("research", "write", "review")


@dataclass(frozen=True)
class Contender:
    """Something that runs three steps.

    Attributes:
        start: Starts one run and gives its id.
        client: Where the runs are.
    """

    name: str
    client: Client
    start: Callable[[], Awaitable[str]]

    async def run(self) -> None:
        """One run, from its submission to its result."""
        await self.client.get_workflow_handle(await self.start()).result()


@contextlib.asynccontextmanager
async def ours(address: str, *, delay: float = 0.0) -> AsyncGenerator[Contender]:
    """Our pipeline with the mock provider, which answers at once or after a delay in seconds."""
    connection = await connect(ConnectOptions(address=address))
    script = MockScript(rules=(MockRule(reply=ANSWER, delay_seconds=delay),))
    plan = _plan()

    async def start() -> str:
        return (await submit(connection, plan, {"topic": "Rust"})).id

    async with running_worker(connection, WorkerOptions(mock_script=script)):
        yield Contender("ours", connection.client, start)


@contextlib.asynccontextmanager
async def by_hand(address: str) -> AsyncGenerator[Contender]:
    """The hand-written workflow with the SDK's defaults."""
    client = await Client.connect(address)

    async def start() -> str:
        handle = await client.start_workflow(ByHand.run, "Rust", id=uuid.uuid4().hex, task_queue=QUEUE)
        return handle.id

    async with Worker(client, task_queue=QUEUE, workflows=[ByHand], activities=[ask]):
        yield Contender("by hand", client, start)


def _plan() -> Plan:
    steps: list[StepPlan] = []
    before = "{{ .input.topic }}"
    for name in STEPS:
        prompt = PromptInput(name="prompt", template=f"{name} {before}")
        depends_on = (steps[-1].name,) if steps else ()
        steps.append(StepPlan(name=name, role=name, inputs=(prompt,), depends_on=depends_on))
        before = f"{{{{ .steps.{name}.output }}}}"
    agents = {
        name: AgentPlan(
            role=name,
            agent=f"bench-{name}",
            model="claude-haiku-4-5",
            provider="mock",
            system=(PromptPart(text=f"You {name}."),),
        )
        for name in STEPS
    }
    return Plan(team="bench", agents=agents, steps=tuple(steps), output=before, timeout_seconds=600)
