"""Runs that are held up and let go on, by signals with and without anything in them."""

import asyncio

import pytest

from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Control
from ark_temporal.runs.names import PAUSE_SIGNAL, RESUME_SIGNAL
from tests.integration.gates.asking import BEFORE, about, asking, ended, plainly, question, take, until
from tests.integration.lab import Lab

SAID: dict[str, object] = {"by": "ann", "comment": "lunch"}


@pytest.mark.parametrize("said", [None, SAID], ids=["nothing", "something"])
async def test_the_plain_command_pauses_and_resumes(lab: Lab, said: dict[str, object] | None) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        await plainly(lab, run, "signal", PAUSE_SIGNAL, said)
        paused = await until(run, lambda record: record.paused_since is not None)
        assert paused.phase == "Running"
        await take(lab, run, about(waited, "approve"))
        await asyncio.sleep(0.5)
        held = await until(run, lambda record: not record.awaiting)
        assert (held.steps[0].calls, held.steps[0].phase) == ([], "Running")
        await plainly(lab, run, "signal", RESUME_SIGNAL, said)
        record = await ended(run)
    assert (record.phase, record.paused_since) == ("Succeeded", None)


async def test_a_run_that_has_nothing_left_to_do_ends_only_when_it_is_resumed(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(when="after")))
        waited = await question(run)
        await run.handle.signal(PAUSE_SIGNAL)
        await take(lab, run, about(waited, "approve"))
        held = await until(run, lambda record: record.steps[0].phase == "Succeeded")
        assert (held.phase, held.paused_since is None) == ("Running", False)
        await run.handle.signal(RESUME_SIGNAL)
        assert (await ended(run)).phase == "Succeeded"


async def test_the_time_of_a_gate_and_of_the_run_goes_on_in_a_paused_run(lab: Lab) -> None:
    gate = GatePlan(timeout_seconds=1, on_timeout="approve")
    plan = asking(gate).model_copy(update={"timeout_seconds": 3})
    async with lab.working():
        run = await lab.start(plan)
        await question(run)
        await run.handle.signal(PAUSE_SIGNAL, Control())
        decided = await until(run, lambda record: len(record.decisions) == 1)
        assert decided.steps[0].calls == []
        record = await ended(run)
    assert (record.phase, record.reason) == ("Failed", "TimedOut")


async def test_pausing_twice_and_resuming_what_runs_changes_nothing(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE))
        waited = await question(run)
        for name in (RESUME_SIGNAL, PAUSE_SIGNAL, PAUSE_SIGNAL, RESUME_SIGNAL, RESUME_SIGNAL):
            await run.handle.signal(name)
        await take(lab, run, about(waited, "approve"))
        assert (await ended(run)).phase == "Succeeded"
