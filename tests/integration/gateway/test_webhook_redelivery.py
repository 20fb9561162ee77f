"""One happening that is told again and again starts its runs once, whatever dies meanwhile."""

import asyncio
import contextlib
import re
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import list_runs
from tests.e2e.command import environment
from tests.integration.gateway.place import Gateway, event, team
from tests.integration.processes import Process, process
from tests.integration.raw_http import listening
from worker.gateway.triggers.route import STARTING_AT_ONCE

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_thousand_redeliveries_start_one_run(gateway: Gateway) -> None:
    gate = asyncio.Semaphore(50)
    headers = {"idempotency-key": "k" * 3000}

    async def tell(number: int) -> httpx2.Response:
        async with gate:
            return await gateway.post("open", {"text": f"telling {number}"}, headers=headers)

    answers = await asyncio.gather(*(tell(number) for number in range(1000)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.text for each in answers}) == 1
    assert Counter("idempotency-replayed" in each.headers for each in answers) == {False: 1, True: 999}
    (run,) = answers[0].json()["runs"]
    first = next(number for number, each in enumerate(answers) if "idempotency-replayed" not in each.headers)
    assert f"telling {first}" in (await gateway.ended(run["id"])).output
    ours = [each for each in await gateway.runs_of("open", 1) if each.id == run["id"]]
    assert len(ours) == 1


async def test_keys_are_each_event_s_own_and_calls_without_one_are_all_new(gateway: Gateway) -> None:
    key = {"idempotency-key": "shared"}
    one = await gateway.post("open", {"text": "x"}, headers=key)
    other = await gateway.post("counts-not", {"text": "x"}, headers=key)
    assert other.status_code == 404
    fan = await gateway.post("fan", {"text": "x"}, headers=key)
    assert not {run["id"] for run in one.json()["runs"]} & {run["id"] for run in fan.json()["runs"]}
    new = [(await gateway.post("open", {"text": "x"}, headers={})).json()["runs"][0]["id"] for _ in range(3)]
    assert len(set(new)) == 3


async def test_redeliveries_of_one_that_is_alone_start_it_once(gateway: Gateway) -> None:
    headers = {"idempotency-key": "alone-many"}
    told = [gateway.post("alone", {"text": "be slow"}, headers=headers) for _ in range(50)]
    answers = await asyncio.gather(*told)
    assert len({each.text for each in answers}) == 1
    assert Counter("idempotency-replayed" in each.headers for each in answers) == {False: 1, True: 49}
    assert len(await gateway.runs_of("alone", 1)) == 1


@dataclass
class Line:
    """The way between a gateway and its Temporal, which can be made to swallow what Temporal answers."""

    target: tuple[str, int]
    port: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)
        try:
            await asyncio.gather(self._pump(reader, back, held=False), self._pump(there, writer, held=True))
        finally:
            back.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held: bool) -> None:
        while data := await reader.read(65536):
            if held:
                await self.open.wait()
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def line_to(address: str) -> AsyncGenerator[Line]:
    host, port = address.split(":")
    line = Line((host, int(port)))
    line.open.set()
    async with listening(line.carry) as line.port:
        yield line


@contextlib.asynccontextmanager
async def gateway_process(address: str, home: Path, name: str) -> AsyncGenerator[tuple[Process, str]]:
    """A gateway of its own, and its URL."""
    command = [sys.executable, "-m", "tests.integration.gateway.process", address, str(home)]
    with process(command, home / f"{name}.log", environment(home)) as started:
        await asyncio.to_thread(started.wait_for, "serves ")
        found = re.search(r"serves (\S+)", started.log)
        assert found is not None
        yield started, found[1]


async def ids_of(connection: Connection, name: str) -> list[str]:
    query = f"ArkTrigger = '{name}'"
    return [run.id async for run in list_runs(connection, query=query, limit=None)]


@pytest.mark.slow
async def test_a_gateway_killed_before_it_answers_has_started_the_run_that_the_retry_gets(
    gateway: Gateway, tmp_path: Path
) -> None:
    await gateway.apply(team("echo"), event("deadly", auth=[{"type": "none"}]))
    address, home = gateway.connection.address, tmp_path
    body, headers = {"text": "x"}, {"idempotency-key": "one"}
    async with line_to(address) as line, httpx2.AsyncClient(timeout=30) as client:
        async with gateway_process(f"127.0.0.1:{line.port}", home, "first") as (first, url):
            path = f"{url}/triggers/default/deadly/fire"
            warm = await client.post(path, json=body, headers={"idempotency-key": "warm"})
            assert warm.status_code == 202, warm.text
            await client.post(path, json=body, headers={"idempotency-key": "warm"})
            line.open.clear()
            telling = asyncio.create_task(client.post(path, json=body, headers=headers))
            async with asyncio.timeout(20):
                while len(ids := await ids_of(gateway.connection, "deadly")) < 2:
                    assert not telling.done()
                    await asyncio.sleep(0.05)
            first.kill()
            with pytest.raises(httpx2.HTTPError):
                await telling
            (started,) = [id for id in ids if id != warm.json()["runs"][0]["id"]]
            line.open.set()
        async with gateway_process(address, home, "second") as (_, url):
            path = f"{url}/triggers/default/deadly/fire"
            retried = await client.post(path, json=body, headers=headers)
            assert (retried.status_code, retried.headers["idempotency-replayed"]) == (202, "true")
            assert retried.json()["runs"][0]["id"] == started
    assert len(await gateway.runs_of("deadly", 2)) == 2


@pytest.mark.slow
async def test_two_gateways_make_one_token(gateway: Gateway, tmp_path: Path) -> None:
    await gateway.apply(team("echo"), event("shared"))
    address = gateway.connection.address
    async with (
        gateway_process(address, tmp_path, "one") as (_, one),
        gateway_process(address, tmp_path, "two") as (_, two),
    ):
        paths = [f"{url}/triggers/default/shared/fire" for url in (one, two)]
        async with httpx2.AsyncClient(timeout=30) as client:
            refused = await asyncio.gather(*(client.post(path) for path in paths * 10))
            assert {each.status_code for each in refused} == {401}
            file = tmp_path / "state" / "default" / "shared-webhook-token" / "token"
            assert [each.name for each in file.parent.iterdir()] == ["token"]
            headers = {"authorization": f"Bearer {file.read_text().strip()}"}
            for path in paths:
                assert (await client.post(path, headers=headers)).status_code == 202


@pytest.mark.slow
async def test_a_temporal_that_does_not_answer_has_the_call_come_again(
    gateway: Gateway, tmp_path: Path
) -> None:
    await gateway.apply(team("echo"), event("patient", auth=[{"type": "none"}]))
    address = gateway.connection.address
    async with (
        line_to(address) as line,
        httpx2.AsyncClient(timeout=40, limits=httpx2.Limits(max_connections=400)) as client,
        gateway_process(f"127.0.0.1:{line.port}", tmp_path, "cut-off") as (_, url),
    ):
        path = f"{url}/triggers/default/patient/fire"
        assert (await client.post(path, json={})).status_code == 202
        line.open.clear()
        headers = {"idempotency-key": "late"}
        told = [client.post(path, json={}, headers=headers) for _ in range(STARTING_AT_ONCE + 20)]
        answers = await asyncio.gather(*told)
        assert {each.status_code for each in answers} == {503}
        assert Counter(each.headers["retry-after"] for each in answers) == {"5": STARTING_AT_ONCE, "1": 20}
        assert all(set(each.json()) == {"error"} for each in answers)
        line.open.set()
        async with asyncio.timeout(30):
            while (again := await client.post(path, json={}, headers=headers)).status_code != 202:
                await asyncio.sleep(0.2)
        assert again.headers["idempotency-replayed"] == "true"
    assert len(await gateway.runs_of("patient", 2)) == 2
