"""How many webhooks a gateway takes in, and how fast. Run with `make bench`.

First against a stub of Temporal (`stub_temporal.py`), which leaves what the gateway itself costs: a process
of its own on one processor, asked over sockets from another. The calls are GitHub's, signed, and one in ten
tells again what was told a moment ago. Then against the embedded server, where Temporal's writing is the
limit; no worker takes the runs.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from ark_temporal.manifests import load
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.runs.connection import Connection, ConnectOptions, connect
from benchmarks.gateway_process import keep_to
from benchmarks.limits import Limit, verdict
from benchmarks.process import run_and_exit
from worker.assembly import WorkerOptions, running_worker
from worker.embedded import embedded_server

CONNECTIONS = 16
AGAIN = 10
"""One call in so many tells again what was told a few calls ago."""

SECRET = "a secret of GitHub's"
MANIFESTS = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: reviewers}
spec:
  inputs: [{name: title}, {name: author}]
  roles:
    - {name: reader, model: claude-haiku-4-5, systemPrompt: You read what has changed.}
    - {name: critic, model: claude-haiku-4-5, systemPrompt: You say what is wrong with it.}
  pipeline:
    - {role: reader, inputs: {title: "{{ .input.title }}"}}
    - {role: critic, dependsOn: [reader], inputs: {said: "{{ .steps.reader.output }}"}}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkEvent
metadata: {name: opened}
spec:
  source:
    type: webhook
    webhook:
      auth: [{type: hmac, hmac: {scheme: github, secretRef: {name: github, key: secret}}}]
  targets:
    - team: reviewers
      input:
        title: "{{ .trigger.body.pull_request.title }}"
        author: "{{ .trigger.body.pull_request.user.login }}"
"""


@dataclass
class Told:
    """What came of the calls.

    Attributes:
        first: Milliseconds of those that were told for the first time.
        again: Of those that were told again.
        runs: The run of each key, as it was answered; more than one where it was doubled.
        failed: Answers that were not 202.
    """

    first: list[float] = field(default_factory=list[float])
    again: list[float] = field(default_factory=list[float])
    runs: dict[int, set[str]] = field(default_factory=dict[int, set[str]])
    failed: list[str] = field(default_factory=list[str])
    seconds: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        """New runs a second."""
        return len(self.runs) / self.seconds

    @property
    def rate_of_cpu(self) -> float:
        """New runs for each second that the gateway computes; that passes, where nobody says the other."""
        return len(self.runs) / (self.cpu or self.seconds)

    def percentile(self, share: int) -> float:
        """Milliseconds within which so many of a hundred first calls are answered."""
        return statistics.quantiles(self.first, n=100)[share - 1]


async def load_on(url: str, pid: int, seconds: float) -> Told:
    """Call as fast as answers come, over a few connections."""
    told, calls, load = Told(), iter(range(10_000_000)), secrets.token_hex(4)
    head, body = _request(url)
    host, port = url.removeprefix("http://").split(":")
    began, computed = time.perf_counter(), _cpu_of(pid)
    ends = began + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < ends:
            number = next(calls)
            key = number - AGAIN // 2 if number % AGAIN == AGAIN - 1 else number
            sent = time.perf_counter()
            writer.write(head + f"X-GitHub-Delivery: {load}-{key}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            status, length = _read_head(answer)
            content = await reader.readexactly(length)
            took = (time.perf_counter() - sent) * 1000
            if status != 202:
                told.failed.append(f"{status} {content[:200]!r}")
                continue
            (told.first if key == number else told.again).append(took)
            told.runs.setdefault(key, set()).add(json.loads(content)["runs"][0]["id"])
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    told.seconds, told.cpu = time.perf_counter() - began, _cpu_of(pid) - computed
    return told


def _request(url: str) -> tuple[bytes, bytes]:
    """All of a call but the delivery's id."""
    body = json.dumps(
        {
            "action": "opened",
            "number": 2,
            "pull_request": {
                "title": "Write the tides down",
                "user": {"login": "octocat", "id": 583231},
                "body": "It is time that somebody did. " * 30,
                "labels": [{"name": f"label-{n}", "color": "ededed"} for n in range(5)],
            },
            "repository": {"id": 135493233, "full_name": "octo-org/octo-repo", "private": False},
            "sender": {"login": "octocat", "id": 583231},
        }
    ).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST /triggers/default/opened/fire HTTP/1.1\r\nHost: {url.removeprefix('http://')}\r\n"
        "User-Agent: GitHub-Hookshot/044aadd\r\nAccept: */*\r\nContent-Type: application/json\r\n"
        f"X-GitHub-Event: pull_request\r\nX-Hub-Signature-256: sha256={signature}\r\n"
        f"Content-Length: {len(body)}\r\n"
    )
    return head.encode(), body


def _read_head(head: bytes) -> tuple[int, int]:
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head[9:12]), int(length.partition(b":")[2])


def _cpu_of(pid: int) -> float:
    """Seconds that a process has computed; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def process(*words: str, errors: Path) -> Generator[tuple["subprocess.Popen[str]", str]]:
    """A process of ours, and its first line of output."""
    with errors.open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert running.stdout is not None
    try:
        yield running, running.stdout.readline().strip()
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(20)
        running.stdout.close()


@contextlib.contextmanager
def gateway_at(address: str, home: Path) -> Generator[tuple[str, int]]:
    """A gateway on the first processor: its URL, and its process."""
    secret = home / "secrets" / "github" / "secret"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(SECRET)
    words = ("benchmarks.gateway_process", address, str(home), "0")
    with process(*words, errors=home / "gateway.log") as (running, url):
        if not url:
            raise RuntimeError(f"The gateway does not start: {(home / 'gateway.log').read_text()[-2000:]}")
        yield url, running.pid


def against_stub(home: Path, seconds: float) -> tuple[Told, int]:
    """What came of the calls, and how many runs the stub has started."""
    (home / "manifests.yaml").write_text(MANIFESTS)
    stub = ("benchmarks.stub_temporal", str(home / "manifests.yaml"))
    with process(*stub, errors=home / "stub.log") as (running, port):
        with gateway_at(f"127.0.0.1:{port}", home) as (url, pid):
            warm = asyncio.run(load_on(url, pid, min(2.0, seconds)))  # templates, plans, the first reading
            told = asyncio.run(load_on(url, pid, seconds))
        running.send_signal(signal.SIGTERM)
        assert running.stdout is not None
        counted = json.loads(running.stdout.readline())
    if counted["unknown"]:
        raise RuntimeError(f"The stub was asked what it does not know: {counted['unknown']}.")
    return told, counted["started"] - len(warm.runs)


async def bring_in_force(connection: Connection) -> None:
    """Apply the documents, and wait until they are listed."""
    planned = compare(documents(load([], texts={"benchmark": MANIFESTS})), {}, prune=False)
    async for done in carry_out(connection, planned, by="benchmark", comment=""):
        if done.verb != "created":
            raise RuntimeError(f"{done.name} is not applied: {done.problem}")
    while len(await applied(connection)) < len(planned):  # noqa: ASYNC110 - Temporal tells nobody when
        await asyncio.sleep(0.1)


async def against_dev_server(home: Path, seconds: float) -> tuple[Told, int]:
    """What came of the calls, and how many runs the server has."""
    async with embedded_server() as server, contextlib.AsyncExitStack() as stack:
        connection = await connect(ConnectOptions(address=server.address, storage=str(home / "payloads")))
        async with running_worker(connection, WorkerOptions(provider="mock")):
            await bring_in_force(connection)
            url, pid = stack.enter_context(gateway_at(server.address, home))
            warm = await load_on(
                url, pid, 0.2
            )  # the gateway knows the event now: it needs no worker any more
        told = await load_on(url, pid, seconds)
        started = await count_runs(connection, at_least=len(warm.runs) + len(told.runs))
        return told, started - len(warm.runs)


async def count_runs(connection: Connection, *, at_least: int) -> int:
    """How many runs of the event there are, once those that were answered are listed."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(20):
            while count < at_least:
                count = (await connection.client.count_workflows("ArkTrigger = 'opened'")).count
                await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    return (await connection.client.count_workflows("ArkTrigger = 'opened'")).count


def show(name: str, told: Told) -> None:
    """Print the figures of one load."""
    print(
        f"{name:<12} {told.rate:7.0f} runs/s   {told.rate_of_cpu:6.0f} for each second of CPU   "
        f"p50 {told.percentile(50):5.1f} ms   p99 {told.percentile(99):6.1f} ms   "
        f"{len(told.runs)} runs, {len(told.again)} told again, {len(told.failed)} failed",
        flush=True,
    )
    for failure in told.failed[:3]:
        print(f"             {failure}")


def measure(seconds: float) -> list[Limit]:
    """Take all figures, printing them as they come."""
    places = [Path(os.environ["ARK_HOME"]) / name for name in ("stub", "dev")]
    for place in places:
        place.mkdir()
    stubbed, stub_runs = against_stub(places[0], seconds)
    show("stub", stubbed)
    real, real_runs = asyncio.run(against_dev_server(places[1], min(seconds, 20.0)))
    show("dev server", real)
    wrong = lost_or_doubled(stubbed, stub_runs) + lost_or_doubled(real, real_runs)
    return [
        Limit("runs for each second of one processor", stubbed.rate_of_cpu, 300, at_most=False),
        Limit("calls lost or doubled", wrong, 0),
    ]


def lost_or_doubled(told: Told, started: int) -> int:
    """Calls that were not taken in, keys with more than one run, and runs that are missing or too many."""
    doubled = sum(len(ids) > 1 for ids in told.runs.values())
    return len(told.failed) + doubled + abs(started - len(told.runs))


def main() -> int:
    """Measure, and say by the exit code whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the load goes on")
    seconds: float = parser.parse_args().seconds
    keep_to(1)
    return verdict(measure(seconds))


if __name__ == "__main__":
    run_and_exit(main)
