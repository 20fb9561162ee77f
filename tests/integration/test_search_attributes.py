"""Finding runs by what they are, on servers that know our attributes, learn them, or cannot."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.attributes import SEARCH_ATTRIBUTES, missing_attributes
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.find import list_runs
from ark_temporal.runs.names import PIPELINE
from tests.integration.lab import Lab
from tests.integration.plans import chain
from tests.integration.processes import free_port, plain_server

GOOD = chain("a", case=None)
BAD = MockScript(rules=(MockRule.model_validate({"role": "bad", "fail": {"type": "ModelBadRequest"}}),))


async def found(lab: Lab, query: str, count: int = 1) -> set[str]:
    """Ids of the runs that a query finds, once there are that many: an index lags behind."""
    ids: set[str] = set()
    async with asyncio.timeout(30):
        while len(ids) < count:
            ids = {run.id async for run in list_runs(lab.connection, query=query)}
            await asyncio.sleep(0.1)
    return ids


@asynccontextmanager
async def bare_server(home: Path, *words: str) -> AsyncGenerator[Lab]:
    """A Temporal server that nobody has prepared for us."""
    home.mkdir()
    port = free_port()
    with plain_server(port, home / "server.log", *words):
        address = f"127.0.0.1:{port}"
        connection = await connect(ConnectOptions(address=address, storage=str(home / "payloads")))
        yield Lab(connection, home / "payloads")


async def test_runs_are_found_by_team_phase_and_plan(lab: Lab) -> None:
    good, bad = (
        chain("a", case=None, team=f"good-{lab.queue}"),
        chain("bad", case=None, team=f"bad-{lab.queue}"),
    )
    async with lab.working(script=BAD):
        succeeded, failed = await lab.start(good), await lab.start(bad)
        await succeeded.ended()
        await failed.ended()
    waiting = await lab.start(good)
    team = f"ArkTeam = 'good-{lab.queue}'"
    assert await found(lab, f"{team} AND ArkPhase = 'Succeeded'") == {succeeded.id}
    assert await found(lab, f"ArkTeam = 'bad-{lab.queue}' AND ArkPhase = 'Failed'") == {failed.id}
    assert await found(lab, f"{team} AND ArkPhase = 'Running'") == {waiting.id}
    assert await found(lab, f"ArkPlan = '{good.digest()}'", 2) == {succeeded.id, waiting.id}
    assert await found(
        lab, f"ArkNamespace = 'lab' AND ArkAgents = 'lab-bad' AND {team.replace('good', 'bad')}"
    )
    await waiting.handle.cancel()
    async with lab.working():
        await waiting.ended()
    assert await found(lab, f"{team} AND ArkPhase = 'Cancelled'") == {waiting.id}


@pytest.mark.slow
async def test_a_server_without_our_attributes_learns_them(home: Path) -> None:
    async with bare_server(home) as lab:
        assert await missing_attributes(lab.connection.client) == SEARCH_ATTRIBUTES
        async with lab.working():
            run = await lab.start(GOOD)
            record = await run.ended()
        assert record.phase == "Succeeded"
        assert await missing_attributes(lab.connection.client) == {}
        assert await found(lab, "ArkPhase = 'Succeeded'") == {run.id}


@pytest.mark.slow
async def test_a_server_with_no_room_for_them_runs_all_the_same(home: Path) -> None:
    taken = [word for n in range(10) for word in ("--search-attribute", f"Taken{n}=Keyword")]
    async with bare_server(home, *taken) as lab:
        assert not await lab.connection.searchable()
        async with lab.working(script=BAD):
            good, bad = await lab.start(GOOD), await lab.start(chain("bad", case=None))
            phases = [(await run.ended()).phase for run in (good, bad)]
        assert phases == ["Succeeded", "Failed"]
        runs = {run.id: run async for run in list_runs(lab.connection)}
        assert (runs[good.id].team, runs[good.id].phase, runs[bad.id].phase) == ("lab", "Succeeded", "Failed")


async def test_a_run_that_another_client_started_needs_none(lab: Lab) -> None:
    id = f"foreign-{lab.queue}"
    async with lab.working():
        start = PipelineInput(plan=GOOD)
        await lab.connection.client.start_workflow(PIPELINE, start, id=id, task_queue=lab.queue)
        record = await lab.run(id).ended()
    assert record.phase == "Succeeded"


async def test_what_temporal_itself_ended_is_listed_with_what_failed(lab: Lab) -> None:
    id = f"late-{lab.queue}"
    start = PipelineInput(plan=GOOD)
    await lab.connection.client.start_workflow(
        PIPELINE, start, id=id, task_queue=lab.queue, execution_timeout=timedelta(seconds=1)
    )
    with pytest.raises(WorkflowFailureError):
        await lab.run(id).handle.result()
    async with asyncio.timeout(30):
        while id not in {run.id async for run in list_runs(lab.connection, phase="failed")}:
            await asyncio.sleep(0.1)
    assert id not in {run.id async for run in list_runs(lab.connection, phase="Succeeded")}
    with pytest.raises(ValueError, match="phases are Cancelled, Failed, Running, Succeeded, Terminated"):
        _ = [run async for run in list_runs(lab.connection, phase="Late")]
