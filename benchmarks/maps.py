"""What an item of a map costs, in a short list and in a long one. Run with `make bench`.

One embedded server, one process. The lists take turns, so that a slow minute slows down both.
"""

import argparse
import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.runs.submit import submit
from benchmarks.by_hand import ANSWER
from benchmarks.counts import Counted, count, count_family
from benchmarks.limits import Limit, verdict
from benchmarks.process import run_and_exit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

SHORT, LONG = 500, 5000
CONCURRENCY = 50
PARTS = 10
"""How many short lists are run for a long one: as many items each way."""


@dataclass(frozen=True)
class Cost:
    """What a map over a list came to.

    Attributes:
        cpu: Seconds of this process, in which the worker is; the server is another one.
        stored: Bytes that were kept outside of histories: large payloads, and what models answered.
        own: The run's own history.
        whole: With the runs below it.
    """

    items: int
    seconds: float
    cpu: float
    stored: int
    own: Counted
    whole: Counted


def plan(most: int) -> Plan:
    """One call for each item of the input's list."""
    agent = AgentPlan(role="desk", agent="bench-desk", model="claude-haiku-4-5", provider="mock")
    step = StepPlan(
        name="desk",
        role="desk",
        inputs=(PromptInput(name="task", template="Look at {{ .item }}."),),
        map=MapPlan(over="{{ .input.list }}", max_concurrency=CONCURRENCY, max_items=most),
    )
    return Plan(team="bench", agents={"desk": agent}, steps=(step,))


async def run(connection: Connection, items: int) -> Cost:
    """Map over so many items."""
    given: list[JsonValue] = [f"case {number:06} of the list" for number in range(items)]
    before, began, cpu = stored(), time.perf_counter(), time.process_time()
    id = (await submit(connection, plan(items), {"list": given})).id
    result = await connection.client.get_workflow_handle(id).result()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert result["output"].count(ANSWER) == items, "an item has no answer"
    own, whole = await count(connection.client, id), await count_family(connection.client, id)
    return Cost(items, seconds, cpu, stored() - before, own, whole)


def stored() -> int:
    """Bytes that are kept outside of histories."""
    return sum(file.stat().st_size for file in Path(os.environ["ARK_HOME"]).rglob("*") if file.is_file())


def show(cost: Cost) -> None:
    """Print what a list came to."""
    own, whole, n = cost.own, cost.whole, cost.items
    print(
        f"{n:>5} items   {cost.seconds:6.1f} s   an item: {1000 * cost.seconds / n:.1f} ms, "
        f"{1000 * cost.cpu / n:.2f} ms of worker CPU, {whole.events / n:.2f} events, {whole.tasks / n:.2f} "
        f"workflow tasks, {whole.bytes / n:.0f} bytes and {cost.stored / n:.0f} stored   "
        f"its own history: {own.events} events, {own.bytes} bytes",
        flush=True,
    )


def ratio(long: list[Cost], short: list[Cost], what: str) -> float:
    """How a figure for an item of the long list stands to that for one of the short lists."""

    def each(cost: Cost) -> float:
        return {
            "seconds": cost.seconds,
            "cpu": cost.cpu,
            "events": cost.whole.events,
            "bytes": cost.whole.bytes + cost.stored,
            "own events": cost.own.events,
            "own bytes": cost.own.bytes,
        }[what] / cost.items

    return statistics.median(map(each, long)) / statistics.median(map(each, short))


async def measure(short: int, long: int, rounds: int) -> list[Limit]:
    """Take all figures, printing them as they come."""
    async with embedded_server() as server:
        connection = await connect(ConnectOptions(address=server.address))
        script = MockScript(rules=(MockRule(reply=ANSWER),))
        async with running_worker(connection, WorkerOptions(mock_script=script)):
            await run(connection, short)
            shorts: list[Cost] = []
            longs: list[Cost] = []
            for _ in range(rounds):
                for part in range(PARTS + 1):
                    cost = await run(connection, long if part == PARTS // 2 else short)
                    (longs if part == PARTS // 2 else shorts).append(cost)
                    show(cost)
    name = f"an item of {long:,} / of {short:,}"
    return [
        Limit(f"time of {name}", ratio(longs, shorts, "seconds"), 1.15),
        Limit(f"worker CPU of {name}", ratio(longs, shorts, "cpu"), 1.15),
        Limit(f"events of {name}", ratio(longs, shorts, "events"), 1.15),
        Limit(f"bytes of {name}, stored ones included", ratio(longs, shorts, "bytes"), 1.15),
        Limit(f"run's own events, {name}", ratio(longs, shorts, "own events"), 1),
        Limit(f"run's own bytes, {name}", ratio(longs, shorts, "own bytes"), 1.15),
    ]


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="how often the long list is run")
    parser.add_argument("--short", type=int, default=SHORT, help="items of the short list")
    parser.add_argument("--long", type=int, default=LONG, help="items of the long list")
    told = parser.parse_args()
    return verdict(asyncio.run(measure(told.short, told.long, told.rounds)))


if __name__ == "__main__":
    run_and_exit(main)
