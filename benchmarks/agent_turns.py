"""What an agent's turns cost: history, workflow tasks, connections. Run with `make bench`.

One embedded server, one process. Counts, not times: they are the same on every machine.
"""

import asyncio
import contextlib
import time
import uuid
from pathlib import Path

from temporalio.client import Client
from temporalio.worker import Worker

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.tools import ToolPlan
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.runs.submit import submit
from benchmarks.by_hand import QUEUE, ByHandLoop, act, decide
from benchmarks.counts import Counted, count
from benchmarks.limits import Limit, verdict
from benchmarks.mcp_calls import connections_over_http, processes_over_stdio
from benchmarks.process import run_and_exit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

TOOL = Path(__file__).with_name("letters.py")
MANY = 1000


def plan() -> Plan:
    """An agent with one tool, which brings ten kilobytes."""
    agent = AgentPlan(
        role="desk",
        agent="bench-desk",
        model="claude-haiku-4-5",
        provider="mock",
        tools=(ToolPlan(type="python", name="letters"),),
        max_turns=2 * MANY,
        timeout_seconds=3600,
    )
    step = StepPlan(
        name="desk", role="desk", inputs=(PromptInput(name="task", template="{{ .input.turns }} turns"),)
    )
    return Plan(team="bench", agents={"desk": agent}, steps=(step,))


def script() -> MockScript:
    """As many turns as the task says."""
    rules = [
        {"contains": f"task: {turns} turns", "toolCalls": [{"name": "letters"}], "turns": turns}
        for turns in (50, 100, MANY)
    ]
    return MockScript.model_validate({"rules": rules})


async def ours(connection: Connection, turns: int) -> Counted:
    """Our agent."""
    run = (await submit(connection, plan(), {"turns": turns})).id
    first = (await connection.client.get_workflow_handle(run).describe()).run_id
    await connection.client.get_workflow_handle(run).result()
    return await count(connection.client, run, first=first)


async def by_hand(client: Client, turns: int) -> Counted:
    """The loop written by hand."""
    handle = await client.start_workflow(ByHandLoop.run, turns, id=uuid.uuid4().hex, task_queue=QUEUE)
    await handle.result()
    return await count(client, handle.id)


async def measure() -> list[Limit]:
    """Take all figures, printing them as they come."""
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded_server())
        connection = await connect(ConnectOptions(address=server.address))
        client = await Client.connect(server.address)
        options = WorkerOptions(mock_script=script(), tools=[str(TOOL)])
        await stack.enter_async_context(running_worker(connection, options))
        worker = Worker(client, task_queue=QUEUE, workflows=[ByHandLoop], activities=[decide, act])
        await stack.enter_async_context(worker)

        fifty, hundred = await ours(connection, 50), await ours(connection, 100)
        theirs_50, theirs_100 = await by_hand(client, 50), await by_hand(client, 100)
        for name, counted in (("50 turns", fifty), ("100 turns", hundred), ("100 by hand", theirs_100)):
            print(f"{name:<12} {counted.bytes} bytes   {counted.events} events   {counted.tasks} tasks")
        began = time.perf_counter()
        many = await ours(connection, MANY)
        print(
            f"{MANY} turns   {many.bytes} bytes   {many.events} events   {many.executions} executions   "
            f"{time.perf_counter() - began:.0f} s"
        )
        tasks = (hundred.tasks - fifty.tasks) / 50
        their_tasks = (theirs_100.tasks - theirs_50.tasks) / 50
    return [
        Limit("history of 100 turns / twice 50 turns", hundred.bytes / (2 * fifty.bytes), 1.3),
        Limit(f"history of a turn, {MANY} turns / 100", many.bytes / MANY / (hundred.bytes / 100), 1.3),
        Limit("workflow tasks of a tool turn, more", tasks - their_tasks, 1),
        Limit("processes for 200 MCP calls over stdio", await processes_over_stdio(200), 1),
        Limit("connections for 200 MCP calls over HTTP", await connections_over_http(200), 10),
    ]


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    return verdict(asyncio.run(measure()))


if __name__ == "__main__":
    run_and_exit(main)
