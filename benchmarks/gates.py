"""What runs cost that wait for people, and how soon they go on. Run with `make bench`.

One embedded server, and a worker in a process of its own, whose memory is read from outside.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from ark_temporal.plan.model import AgentPlan, Plan, PromptInput, StepPlan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Awaiting, Decision
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from ark_temporal.runs.decide import decide
from ark_temporal.runs.submit import submit
from ark_temporal.runs.watch import read_record
from benchmarks.limits import Limit, verdict
from benchmarks.process import run_and_exit
from worker.embedded import embedded_server

RUNS = 1000
STARTS_AT_ONCE = 50
DECISIONS_AT_ONCE = 10
CACHED = 100
"""Runs that the worker keeps in memory. Fewer than wait, so that most of them are read from their histories
again once they are answered."""

PERSON = "ann"

T = TypeVar("T")


def plan() -> Plan:
    """A draft, and a second step that a person has to approve."""
    agents = {
        role: AgentPlan(role=role, agent=f"bench-{role}", model="claude-haiku-4-5", provider="mock")
        for role in ("draft", "publish")
    }
    steps = (
        StepPlan(name="draft", role="draft", inputs=(PromptInput(name="on", template="{{ .input.topic }}"),)),
        StepPlan(
            name="publish",
            role="publish",
            inputs=(PromptInput(name="draft", template="{{ .steps.draft.output }}"),),
            depends_on=("draft",),
            gates=(GatePlan(approvers=(PERSON, "bob")),),
        ),
    )
    return Plan(team="bench", agents=agents, steps=steps)


class WorkerProcess:
    """A worker that `ark-temporal worker` has started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def resident_mib(self) -> float:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """The CPU that it has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def rest(self) -> None:
        """Wait until it has used next to no CPU for two seconds."""
        quiet = 0
        while quiet < 2:
            began = self.cpu_seconds()
            await asyncio.sleep(1)
            quiet = quiet + 1 if self.cpu_seconds() - began < 0.1 else 0


@asynccontextmanager
async def worker_process(address: str, cached: int) -> AsyncGenerator[WorkerProcess]:
    """A worker in a process of its own that keeps so many runs in memory."""
    command = str(Path(sys.executable).with_name("ark-temporal"))
    process = await asyncio.create_subprocess_exec(
        *(command, "worker", "--address", address, "--max-cached-workflows", str(cached)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield WorkerProcess(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def each(ids: Iterable[str], at_once: int, do: Callable[[str], Awaitable[T]]) -> list[T]:
    """Do something with each, so many at the same time; what came of it, in their order."""
    slots = asyncio.Semaphore(at_once)

    async def one(id: str) -> T:
        async with slots:
            return await do(id)

    return await asyncio.gather(*(one(id) for id in ids))


async def open_gates(connection: Connection, ids: list[str]) -> None:
    """Start runs, and wait until each of them waits for a person."""
    team, before = plan(), await _waiting(connection)

    async def start(id: str) -> None:
        await submit(connection, team, {"topic": "Rust"}, id=id)

    await each(ids, STARTS_AT_ONCE, start)
    while True:
        if await _waiting(connection) >= before + len(ids):
            return
        await asyncio.sleep(0.5)


async def _waiting(connection: Connection) -> int:
    found = await connection.client.count_workflows("ArkAwaiting IS NOT NULL AND ExecutionStatus = 'Running'")
    return found.count


async def shown(connection: Connection, id: str) -> Awaiting:
    """What a run asks people."""
    (awaiting,) = (await read_record(connection, id)).awaiting
    return awaiting


async def answer(connection: Connection, id: str, waits: Awaiting) -> float:
    """Approve what a run waits for.

    Returns:
        Seconds from the sending of the decision until the run has ended.
    """
    began = time.perf_counter()
    decision = Decision(decision="approve", id=waits.id, digest=waits.digest, by=PERSON)
    taken = await decide(connection, id, decision)
    await connection.client.get_workflow_handle(id).result()
    assert taken.closed, "one approval is enough"
    return time.perf_counter() - began


async def measure(runs: int, cached: int) -> list[Limit]:
    """Take all figures, printing them as they come."""
    marks = [runs // 10, runs // 2, runs]
    async with embedded_server() as server, worker_process(server.address, cached) as worker:
        connection = await connect(ConnectOptions(address=server.address))
        ids = [f"gate-{number}" for number in range(runs)]
        await open_gates(connection, warm := [f"warm-{number}" for number in range(10)])
        for id in warm:
            await answer(connection, id, await shown(connection, id))
        await worker.rest()
        resident, before = {0: worker.resident_mib()}, 0
        print(f"memory       {resident[0]:.1f} MiB of the worker before", flush=True)
        for mark in marks:
            began, cpu = time.perf_counter(), worker.cpu_seconds()
            await open_gates(connection, ids[before:mark])
            took, used = time.perf_counter() - began, worker.cpu_seconds() - cpu
            await worker.rest()
            resident[mark] = worker.resident_mib()
            print(
                f"memory       {resident[mark]:.1f} MiB with {mark} runs that wait   started "
                f"{(mark - before) / took:.1f}/s, {1000 * used / (mark - before):.1f} ms of worker CPU each",
                flush=True,
            )
            before = mark
        asked = await each(ids, DECISIONS_AT_ONCE, lambda id: shown(connection, id))
        by_id = dict(zip(ids, asked, strict=True))
        cpu, began = worker.cpu_seconds(), time.perf_counter()
        taken = await each(ids, DECISIONS_AT_ONCE, lambda id: answer(connection, id, by_id[id]))
        took, used = time.perf_counter() - began, worker.cpu_seconds() - cpu
        p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[18]
        print(
            f"decisions    p50 {1000 * p50:.0f} ms   p95 {1000 * p95:.0f} ms   "
            f"worst {1000 * max(taken):.0f} ms   {runs / took:.1f}/s, "
            f"{1000 * used / runs:.1f} ms of worker CPU each"
        )
        await worker.rest()
        print(f"memory       {worker.resident_mib():.1f} MiB after all of them")
    return [
        Limit(
            f"worker's memory, {marks[2]} waiting runs / {marks[1]}",
            resident[marks[2]] / resident[marks[1]],
            1.1,
        ),
        Limit("s from a decision to the end, p95", p95, 1),
    ]


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="how many wait at the same time")
    parser.add_argument("--cached", type=int, default=CACHED, help="runs that the worker keeps in memory")
    told = parser.parse_args()
    return verdict(asyncio.run(measure(told.runs, told.cached)))


if __name__ == "__main__":
    run_and_exit(main)
