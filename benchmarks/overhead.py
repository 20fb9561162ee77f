"""What a run of ours costs beside the same work written by hand. Run with `make bench`.

One embedded server, one process, both workers up from the start, runs taken in turn: read the ratios.
Absolute figures depend on the machine and on what else it does.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.contenders import Contender, by_hand, ours
from benchmarks.limits import Limit, verdict
from benchmarks.process import run_and_exit
from worker.embedded import embedded_server

WARM_UP = 10


async def latency(contenders: list[Contender], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of single runs, taken in turn."""
    taken: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            began = time.perf_counter()
            await contender.run()
            taken[contender.name].append((time.perf_counter() - began) * 1000)
    return taken


async def throughput(
    contenders: list[Contender], in_flight: int, runs: int, rounds: int
) -> dict[str, list[float]]:
    """Runs a second with so many at once, for each round; the contenders take turns in every round."""
    rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            slots = asyncio.Semaphore(in_flight)

            async def one(contender: Contender = contender, slots: asyncio.Semaphore = slots) -> None:
                async with slots:
                    await contender.run()

            began = time.perf_counter()
            await asyncio.gather(*(one() for _ in range(runs)))
            rates[contender.name].append(runs / (time.perf_counter() - began))
    return rates


def pairwise(ours: list[float], others: list[float]) -> float:
    """The median ratio of measurements that stood next to each other: a slow minute slows down both."""
    return statistics.median(mine / other for mine, other in zip(ours, others, strict=True))


async def history(contender: Contender) -> tuple[int, int]:
    """Events and bytes of one run's history."""
    run_id = await contender.start()
    handle = contender.client.get_workflow_handle(run_id)
    await handle.result()
    info = (await handle.describe()).raw_description.workflow_execution_info
    return info.history_length, info.history_size_bytes


def memory_per_thousand(address: str, which: str) -> float:
    """MiB that a worker process grows by with 1,000 runs that wait for their first step."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.open_runs", address, which],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return float(json.loads(told.stdout)["mib"])


def start_up(rounds: int) -> tuple[float, float]:
    """Median seconds of `ark-temporal --help` and of importing typer, taken in turn."""
    command = [str(Path(sys.executable).with_name("ark-temporal")), "--help"]
    bare = [sys.executable, "-c", "import typer"]
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for argv, times in zip((command, bare), taken, strict=True):
            began = time.perf_counter()
            subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


async def measure(rounds: int) -> list[Limit]:
    """Take all figures, printing them as they come."""
    limits: list[Limit] = []
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded_server())
        mine = await stack.enter_async_context(ours(server.address))
        hand = await stack.enter_async_context(by_hand(server.address))
        both = [mine, hand]
        await latency(both, WARM_UP)

        taken = await latency(both, rounds)
        median = {name: statistics.median(values) for name, values in taken.items()}
        p95 = {name: statistics.quantiles(values, n=20)[18] for name, values in taken.items()}
        for name in median:
            print(f"latency      {name:<8} p50 {median[name]:7.1f} ms   p95 {p95[name]:7.1f} ms")
        limits.append(Limit("p50 latency, ours / by hand", median["ours"] / median["by hand"], 1.15))

        for in_flight, runs in ((1, rounds), (20, rounds * 2), (50, rounds * 2)):
            rates = await throughput(both, in_flight, runs, rounds=5)
            print(
                f"throughput   {in_flight:>2} in flight   "
                + "   ".join(f"{n} {statistics.median(r):.1f}/s" for n, r in rates.items())
            )
            ratio = pairwise(rates["ours"], rates["by hand"])
            limits.append(Limit(f"throughput at {in_flight}, ours / by hand", ratio, 0.85, at_most=False))

        sizes = {contender.name: await history(contender) for contender in both}
        for name, (events, size) in sizes.items():
            print(f"history      {name:<8} {events} events   {size} bytes")
        limits.append(Limit("events more per run", sizes["ours"][0] - sizes["by hand"][0], 4))

    for which in ("ours", "by-hand"):
        async with embedded_server() as server:
            grown = await asyncio.to_thread(memory_per_thousand, server.address, which)
        print(f"memory       {which:<8} {grown:.1f} MiB for 1,000 open runs")
    command, bare = start_up(15)
    print(f"start-up     --help {command * 1000:.0f} ms   import typer {bare * 1000:.0f} ms")
    limits.append(Limit("--help / import typer", command / bare, 2.5))
    return limits


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="runs of each kind for the latency")
    rounds: int = parser.parse_args().rounds
    return verdict(asyncio.run(measure(rounds)))


if __name__ == "__main__":
    run_and_exit(main)
