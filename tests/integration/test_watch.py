"""Following a run: what is seen of it, in order, through outages and while nothing seems to happen."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.watch import Sight, watch
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys
from tests.integration.processes import free_port, plain_server

Phases = tuple[str, ...]
SLOW = MockScript(rules=tuple(MockRule.model_validate({"role": r, "delaySeconds": 0.4}) for r in ("a", "b")))


async def seen(run: Run, notices: list[str] | None = None) -> list[tuple[str, Phases]]:
    """The run's phase and its steps', at each sight, to the end."""
    told: list[str] = [] if notices is None else notices
    sights: list[tuple[str, Phases]] = []
    async with aclosing(watch(run.connection, run.id, notice=told.append)) as following:
        async for sight in following:
            now = (sight.record.phase, tuple(step.phase for step in sight.record.steps))
            if now not in sights[-1:]:
                sights.append(now)
    return sights


async def until(run: Run, wanted: Callable[[Sight], bool]) -> Sight:
    """Follow a run until a sight is as wanted."""
    async with aclosing(watch(run.connection, run.id, notice=print)) as following, asyncio.timeout(30):
        async for sight in following:
            if wanted(sight):
                return sight
    raise AssertionError("The run ended before that.")


async def test_sights_come_in_order_and_end_with_the_end(lab: Lab) -> None:
    notices: list[str] = []
    async with lab.working(script=SLOW):
        run = await lab.start(chain("a", "b", case=None))
        sights = await seen(run, notices)
    assert sights[-3:] == [
        ("Running", ("Running", "Pending")),
        ("Running", ("Succeeded", "Running")),
        ("Succeeded", ("Succeeded", "Succeeded")),
    ]
    assert notices == []
    assert await seen(run) == sights[-1:], "of a run that has ended, its end is all there is to see"


async def test_an_unknown_run_is_told(lab: Lab) -> None:
    with pytest.raises(RunNotFoundError, match="no-such-run"):
        await seen(lab.run("no-such-run"))


async def test_a_missing_worker_is_told(lab: Lab) -> None:
    run = await lab.start(chain("a", case=None))
    sight = await until(run, lambda sight: sight.waiting.no_worker is not None)
    assert sight.waiting.no_worker == lab.queue
    async with lab.working():
        assert (await seen(run))[-1] == ("Succeeded", ("Succeeded",))


@pytest.mark.slow
async def test_a_retry_is_shown_while_it_backs_off(lab: Lab) -> None:
    busy = Reply(status=429, headers={"retry-after": "6"}, text="You are too fast.")
    with StubServer([Rule(match=Match(nth=1), reply=busy)]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("asks"))
            sight = await until(run, lambda sight: bool(sight.waiting.retries))
            [retry] = sight.waiting.retries
            ended = await seen(run)
    assert (retry.id, retry.attempt, retry.max_attempts) == ("asks", 2, 4)
    assert "too fast" in retry.last_error
    assert retry.next_attempt is not None
    assert ended[-1] == ("Succeeded", ("Succeeded",))


@pytest.mark.slow
async def test_an_outage_is_told_and_survived(home: Path) -> None:
    home.mkdir()
    port, words = free_port(), ("--db-filename", str(home / "temporal.db"))
    notices: list[str] = []
    with plain_server(port, home / "server.log", *words) as first:
        address = f"127.0.0.1:{port}"
        connection = await connect(ConnectOptions(address=address, storage=str(home / "payloads")))
        lab = Lab(connection, home / "payloads")
        run = await lab.start(chain("a", "b", case=None))
        watching = asyncio.create_task(seen(run, notices))
        await asyncio.sleep(1)
        await asyncio.to_thread(first.kill)
        await _until_told(notices, 1)
    assert "does not answer" in notices[0]
    with plain_server(port, home / "server.log", *words):
        async with lab.working(script=SLOW), asyncio.timeout(60):
            sights = await watching
    assert sights[-1] == ("Succeeded", ("Succeeded", "Succeeded"))
    assert notices[1:] == ["Temporal is back."]


async def _until_told(notices: list[str], count: int) -> None:
    async with asyncio.timeout(30):
        while len(notices) < count:
            await asyncio.sleep(0.1)
