"""What a team that delegates costs beside the same written by hand. Run with `make bench`.

One embedded server, one process, both workers up from the start, runs taken in turn: read the ratios.
"""

import argparse
import asyncio
import contextlib
import statistics
import uuid
from collections.abc import AsyncGenerator

from temporalio.client import Client
from temporalio.worker import Worker

from ark_temporal.llm.mock import MockRule, MockScript, ScriptedToolCall
from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, PromptPart, StepPlan
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.submit import submit
from benchmarks.by_hand import ANSWER, QUEUE
from benchmarks.by_hand_team import TASKS, HandTask, HandTeam, answer, hand_out
from benchmarks.contenders import Contender
from benchmarks.counts import count, count_family
from benchmarks.limits import Limit, verdict
from benchmarks.overhead import WARM_UP, latency, pairwise
from benchmarks.process import run_and_exit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

COUNTED = 10
"""How many runs of each kind are counted: children that end together share a workflow task of their lead."""


@contextlib.asynccontextmanager
async def ours(address: str) -> AsyncGenerator[Contender]:
    """A lead who delegates three tasks in its first turn, with the mock provider."""
    connection = await connect(ConnectOptions(address=address))
    calls = tuple(
        ScriptedToolCall(name="delegate", arguments={"role": "helper", "prompt": f"{ANSWER} {task}"})
        for task in TASKS
    )
    rules = (MockRule(role="lead", reply=ANSWER, tool_calls=calls, turns=1), MockRule(reply=ANSWER))
    team = plan()

    async def start() -> str:
        return (await submit(connection, team, {"topic": "Rust"})).id

    async with running_worker(connection, WorkerOptions(mock_script=MockScript(rules=rules))):
        yield Contender("ours", connection.client, start)


@contextlib.asynccontextmanager
async def by_hand(address: str) -> AsyncGenerator[Contender]:
    """The hand-written workflows with the SDK's defaults."""
    client = await Client.connect(address)

    async def start() -> str:
        handle = await client.start_workflow(HandTeam.run, "Rust", id=uuid.uuid4().hex, task_queue=QUEUE)
        return handle.id

    async with Worker(
        client, task_queue=QUEUE, workflows=[HandTeam, HandTask], activities=[answer, hand_out]
    ):
        yield Contender("by hand", client, start)


def plan() -> Plan:
    """A lead, and the one who helps."""
    agents = {
        role: AgentPlan(
            role=role,
            agent=f"bench-{role}",
            model="claude-haiku-4-5",
            provider="mock",
            system=(PromptPart(text=f"You {role}."),),
            can_delegate=others,
        )
        for role, others in (("lead", ("helper",)), ("helper", ()))
    }
    prompt = PromptInput(name="prompt", template="{{ .input.topic }}")
    return Plan(
        team="bench",
        agents=agents,
        entry="lead",
        steps=(StepPlan(name="lead", role="lead", inputs=(prompt,)),),
        timeout_seconds=600,
    )


async def measure(rounds: int) -> list[Limit]:
    """Take all figures, printing them as they come."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded_server())
        mine = await stack.enter_async_context(ours(server.address))
        hand = await stack.enter_async_context(by_hand(server.address))
        both = [mine, hand]
        await latency(both, WARM_UP)

        taken = await latency(both, rounds)
        for name, values in taken.items():
            p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[18]
            print(f"delegation   {name:<8} p50 {p50:7.1f} ms   p95 {p95:7.1f} ms")
        neighbours = pairwise(taken["ours"], taken["by hand"])
        print(f"delegation   ours / by hand, of runs that stood next to each other: {neighbours:.2f}")
        limits = [
            Limit(
                "p50 of 3 delegations, ours / by hand",
                statistics.median(taken["ours"]) / statistics.median(taken["by hand"]),
                1.2,
            )
        ]
        tasks: dict[str, list[int]] = {"ours": [], "by hand": []}
        for contender in both * COUNTED:
            id = await contender.start()
            await contender.client.get_workflow_handle(id).result()
            own, whole = await count(contender.client, id), await count_family(contender.client, id)
            assert len(own.children) == len(TASKS), f"{contender.name} handed out {len(own.children)} tasks"
            tasks[contender.name].append(whole.tasks)
            if len(tasks[contender.name]) > 1:
                continue
            print(
                f"history      {contender.name:<8} lead {own.events} events, {own.tasks} workflow tasks, "
                f"{own.bytes} bytes   with children {whole.events} events, {whole.tasks} tasks, "
                f"{whole.bytes} bytes"
            )
    more = statistics.mean(tasks["ours"]) - statistics.mean(tasks["by hand"])
    return [*limits, Limit("workflow tasks more, children included", more, 1)]


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="runs of each kind for the latency")
    rounds: int = parser.parse_args().rounds
    return verdict(asyncio.run(measure(rounds)))


if __name__ == "__main__":
    run_and_exit(main)
