"""Processes that die while a run is under way: it goes on, and no step that is done is paid for again."""

import asyncio
import json
import subprocess
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ark_temporal.plan.record import RunRecord
from ark_temporal.runs.connection import ConnectOptions, connect
from tests.integration.lab import Lab
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import KEY, chain
from tests.integration.processes import (
    Process,
    free_port,
    is_listening,
    owned_server,
    plain_server,
    worker_process,
)
from worker.embedded import embedded_server

pytestmark = pytest.mark.slow

THREE = chain("first", "second", "third", agents={"env_from": ()})


@dataclass
class Model:
    """A model that holds its first answer to the second step."""

    stub: StubServer

    @classmethod
    def holding(cls, reply: Reply) -> "Model":
        return cls(StubServer([Rule(match=Match(substring="second, please", nth=1), reply=reply)]))

    async def until_held(self) -> None:
        """Wait until the second step is asked for."""
        await asyncio.to_thread(self.stub.await_requests, 2, 30)

    def worker(self, lab: Lab, home: Path, address: str) -> AbstractContextManager[Process]:
        """A worker of its own process that asks this model."""
        words = ("--task-queue", lab.queue, "--storage", str(lab.directory))
        url = f"{self.stub.url}/v1"
        return worker_process(home, address, *words, OPENAI_BASE_URL=url, OPENAI_API_KEY=KEY)

    def asked(self, step: str) -> int:
        """How often it was asked for a step."""
        return sum(f'"task: {step}, please' in json.dumps(request.body) for request in self.stub.requests)


def assert_whole(record: RunRecord, model: Model) -> None:
    assert record.phase == "Succeeded", record.error
    assert [step.phase for step in record.steps] == ["Succeeded"] * 3
    assert (model.asked("first"), model.asked("third")) == (1, 1)


async def test_a_killed_worker_is_replaced_by_another(lab: Lab, home: Path) -> None:
    model = Model.holding(Reply(behaviour="hang"))
    address = lab.connection.address
    with model.stub:
        with model.worker(lab, home, address) as first:
            run = await lab.start(THREE)
            await model.until_held()
            first.kill()
        with model.worker(lab, home, address):
            record = await run.ended(seconds=90)
    assert_whole(record, model)
    assert model.asked("second") == 2
    assert record.step("second").calls[0].attempts == 2


async def test_a_worker_that_is_stopped_finishes_its_call(lab: Lab, home: Path) -> None:
    model = Model.holding(Reply(text="in time", delay=3))
    address = lab.connection.address
    with model.stub:
        with model.worker(lab, home, address) as first:
            run = await lab.start(THREE)
            await model.until_held()
            assert await asyncio.to_thread(first.stop) == 0
        assert "Traceback" not in first.log
        with model.worker(lab, home, address):
            record = await run.ended(seconds=90)
    assert_whole(record, model)
    assert (model.asked("second"), record.step("second").output) == (1, "in time")


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_server_comes_back_to_its_worker(home: Path, how: str) -> None:
    """The answer comes while there is no server; the worker, which stays up, hands it in later."""
    home.mkdir()
    model = Model.holding(Reply(text="late", delay=4))
    port, database = free_port(), home / "temporal.db"
    log, words = home / "server.log", ("--db-filename", str(database))
    with model.stub, plain_server(port, log, *words) as server:
        lab = await _lab(port, home)
        with model.worker(lab, home, f"127.0.0.1:{port}"):
            run = await lab.start(THREE)
            await model.until_held()
            if how == "killed":
                server.kill()
            else:
                await asyncio.to_thread(server.stop)
            await asyncio.sleep(5)
            with plain_server(port, log, *words):
                record = await run.ended(seconds=60)
    assert_whole(record, model)
    assert model.asked("second") == 1
    assert record.step("second").output == "late"


async def test_a_run_outlives_the_embedded_server_and_its_worker(home: Path) -> None:
    model = Model.holding(Reply(behaviour="hang"))
    database = home / "temporal.db"
    with model.stub:
        async with embedded_server(database=database) as server:
            lab = await _lab(int(server.address.rpartition(":")[2]), home)
            with model.worker(lab, home, server.address) as first:
                run = await lab.start(THREE, id="survivor")
                await model.until_held()
                first.kill()
        async with embedded_server(database=database) as server:
            again = await _lab(int(server.address.rpartition(":")[2]), home)
            survivor = again.run(run.id)
            with model.worker(lab, home, server.address):
                record = await survivor.ended(seconds=90)
    assert_whole(record, model)


async def test_no_server_outlives_the_process_that_started_it(home: Path) -> None:
    home.mkdir()
    database = home / "owned.db"
    with owned_server(database, home / "owner.log") as (owner, port):
        assert await asyncio.to_thread(is_listening, port)
        assert _commands_with(database)
        owner.kill()
        deadline = time.monotonic() + 15
        while (left := _commands_with(database)) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
    assert left == []
    assert not is_listening(port)


async def _lab(port: int, home: Path) -> Lab:
    directory = home / "payloads"
    address = f"127.0.0.1:{port}"
    return Lab(await connect(ConnectOptions(address=address, storage=str(directory))), directory)


def _commands_with(database: Path) -> list[str]:
    """Command lines that name a database, the owner's own left out."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "args"], capture_output=True, text=True, timeout=10, check=True
    )
    return [
        line for line in listed.stdout.splitlines() if str(database) in line and "server start-dev" in line
    ]
