"""A notifier that lives long: it goes on in other executions, and what it did can be replayed."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from ark_temporal.runs.connection import ConnectOptions, connect
from tests.integration.agents.sink import Sink
from tests.integration.failures.cases import failing, script
from tests.integration.lab import Lab, Run
from tests.integration.notify.telling import (
    HOOK,
    SLACK,
    all_ended,
    ended,
    notifier,
    pager,
    sinks,
    telling,
)
from tests.integration.processes import free_port, plain_server
from worker.sandbox import workflow_sandbox
from workflows.notifier import Notifier
from workflows.pipeline import Pipeline

pytestmark = pytest.mark.slow

FAILS = script(failing("cook", "ModelAuthenticationError", message="No pots."))


async def replayed(lab: Lab, *runs: Run) -> None:
    """Replay what runs did, as a worker does that has just started."""
    replayer = Replayer(
        workflows=[Pipeline, Notifier],
        data_converter=lab.connection.client.data_converter,
        workflow_runner=workflow_sandbox(),
    )
    for run in runs:
        history = WorkflowHistory(run.id, await run.events())
        await replayer.replay_workflow(history)


async def test_messages_that_nobody_takes_go_along_when_it_continues_as_new(home: Path) -> None:
    home.mkdir()
    port = free_port()
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40")
    with plain_server(port, home / "server.log", *few), Sink(status=503) as down, Sink() as fine:
        connection = await connect(
            ConnectOptions(address=f"127.0.0.1:{port}", storage=str(home / "payloads"))
        )
        lab = Lab(connection, home / "payloads")
        async with lab.working(script=FAILS, secrets=sinks(hook=down, slack=fine)):
            plan = telling("long", pager(HOOK, SLACK, window_seconds=0, events=("TeamFailed",)))
            first = [await lab.start(plan) for _ in range(12)]
            await all_ended(first)
            before = (await notifier(lab, "long", "TeamFailed").handle.describe()).run_id
            rest = [await lab.start(plan) for _ in range(12)]
            await all_ended(rest)
            async with asyncio.timeout(30):
                while (await notifier(lab, "long", "TeamFailed").handle.describe()).run_id == before:
                    await asyncio.sleep(0.1)
            await fine.until_asked(24)
            down.status = 200
            result = await ended(lab, "long", "TeamFailed", 60)
            await replayed(lab, notifier(lab, "long", "TeamFailed"), *first[:1], *rest[-1:])
    assert (result.told, result.delivered, result.failed, result.suppressed) == (24, 48, 0, 0)
    assert len({asked.key for asked in fine.asked}) == len(fine.asked) == 24
    assert {asked.json["run"] for asked in down.asked} == {run.id for run in (*first, *rest)}


async def test_runs_and_notifiers_replay(lab: Lab) -> None:
    """Those that start a notifier and those that tell one that runs, of two events at once."""
    with Sink() as sink:
        async with lab.working(script=FAILS, secrets=sinks(slack=sink)):
            runs = [await lab.start(telling("again", pager(window_seconds=3))) for _ in range(5)]
            await all_ended(runs)
            await ended(lab, "again", "TeamFailed")
            await ended(lab, "again", "AgentDegraded")
            ours = [notifier(lab, "again", event) for event in ("TeamFailed", "AgentDegraded")]
            await replayed(lab, *runs, *ours)
            alike = [await run.record() == await run.asked() for run in runs]
    assert len(sink.asked) == 2
    assert all(alike)


async def test_a_run_that_is_cancelled_while_it_tells_of_its_end_has_ended_as_it_did(lab: Lab) -> None:
    """When a cancellation comes is chance; whenever it does, record and workflow say the same."""
    ends = {"Succeeded": WorkflowExecutionStatus.COMPLETED, "Cancelled": WorkflowExecutionStatus.CANCELED}
    plan = telling("undisturbed", pager(window_seconds=0))
    with Sink() as sink:
        async with lab.working(secrets=sinks(slack=sink)):
            await (await lab.start(plan)).ended()
            for step in range(20):
                run = await lab.start(plan)
                await asyncio.sleep(0.02 + step * 0.005)
                with contextlib.suppress(RPCError):  # it has ended already
                    await run.handle.cancel()
                record = await run.ended()
                assert (await run.handle.describe()).status == ends[record.phase]
