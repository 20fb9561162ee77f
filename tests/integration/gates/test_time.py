"""Time that passes while people decide: timers, workers that die meanwhile, and the clocks that go on."""

import asyncio
import contextlib
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from ark_temporal.plan.model import Plan
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import Decision, RunRecord
from ark_temporal.runs.connection import ConnectionFailedError
from ark_temporal.runs.decide import DecisionRefusedError
from ark_temporal.runs.names import APPROVE_SIGNAL
from tests.integration.agents.crew import TOOLS
from tests.integration.agents.scripts import agent_plan, calling, python
from tests.integration.gates.asking import (
    AFTER,
    BEFORE,
    about,
    alike,
    asking,
    asks,
    ended,
    gated,
    question,
    refused,
    take,
    until,
)
from tests.integration.lab import Lab, Run
from tests.integration.plans import plan, step
from tests.integration.processes import Process, worker_process

pytestmark = pytest.mark.slow

SECOND = timedelta(seconds=1)


def worker(lab: Lab, home: Path) -> AbstractContextManager[Process]:
    """A worker of its own process."""
    words = ("--task-queue", lab.queue, "--storage", str(lab.directory))
    return worker_process(home, lab.connection.address, *words)


async def finished(run: Run) -> RunRecord:
    """Wait for the end of a run of which several workers have had a part."""
    await run.ended()
    return await alike(run)


@pytest.mark.parametrize(
    ("verdict", "phase", "type"),
    [("approve", "Succeeded", ""), ("reject", "Failed", "Rejected"), ("fail", "Failed", "ApprovalTimedOut")],
)
async def test_time_decides_when_nobody_does(lab: Lab, verdict: str, phase: str, type: str) -> None:
    gate = GatePlan.model_validate({"timeoutSeconds": 1, "onTimeout": verdict})
    async with lab.working():
        run = await lab.start(asking(gate))
        record = await ended(run)
    [decided] = record.decisions
    assert (record.phase, record.error.type if record.error else "") == (phase, type)
    assert (decided.decision, decided.by, decided.comment) == (verdict, "", "Nobody decided in time.")
    assert decided.at - record.start_time >= SECOND


async def test_reminders_tiers_and_a_default_at_the_end(lab: Lab) -> None:
    tiers = (
        EscalationPlan(approvers=("lead",), timeout_seconds=2),
        EscalationPlan(approvers=("boss",), timeout_seconds=2),
    )
    gate = GatePlan(
        approvers=("ann",),
        timeout_seconds=2,
        on_timeout="escalate",
        escalation=tiers,
        at_last="approve",
        reminder_seconds=1,
    )
    async with lab.working():
        run = await lab.start(asking(gate))
        waited = await question(run)
        assert "these may: ann" in await refused(run, about(waited, "approve", "boss"))
        now = await until(run, lambda record: record.awaiting[0].tier == 1)
        assert now.awaiting[0].approvers == ("ann", "lead")
        assert now.awaiting[0].deadline == waited.since + 4 * SECOND
        record = await ended(run)
    [decided] = record.decisions
    assert (record.phase, decided.decision, decided.by) == ("Succeeded", "approve", "")
    assert 6 * SECOND <= decided.at - waited.since < 12 * SECOND


async def test_a_tool_call_that_nobody_approved_in_time_is_told_to_the_model(lab: Lab) -> None:
    [add] = python("add")
    tool = add.model_copy(update={"gate": GatePlan(timeout_seconds=1)})
    async with lab.working(script=calling({"name": "add", "arguments": {"a": 1}}), tools=[TOOLS]):
        run = await lab.start(agent_plan(tool))
        record = await ended(run)
    [call] = record.step("desk").tool_calls
    assert (record.phase, call.result) == (
        "Succeeded",
        "Not called: this call was rejected: Nobody decided in time.",
    )


@pytest.mark.parametrize("how", ["update", "signal before there is a worker"])
async def test_a_question_outlives_the_worker_that_asked_it(lab: Lab, home: Path, how: str) -> None:
    with worker(lab, home) as first:
        run = await lab.start(asking(BEFORE, AFTER))
        waited = await question(run)
        first.kill()
    decision = about(waited, "approve")
    if how != "update":
        await run.handle.signal(APPROVE_SIGNAL, {"digest": waited.digest, "by": "ann"})
    with worker(lab, home):
        if how == "update":
            with contextlib.suppress(ConnectionFailedError):  # Temporal asks the dead worker first
                await take(lab, run, decision)
            await take(lab, run, decision)
        output = await until(run, lambda record: any(one.kind == "output" for one in record.awaiting))
        assert [len(each.calls) for each in output.steps] == [1]
        await take(lab, run, about(output.awaiting[0], "approve", "bob"))
        record = await finished(run)
    assert record.phase == "Succeeded"
    assert [one.by for one in record.decisions] == ["ann", "bob"]


async def test_a_gates_time_is_up_though_no_worker_was_there(lab: Lab, home: Path) -> None:
    gate = GatePlan(timeout_seconds=3, on_timeout="approve", reminder_seconds=1)
    with worker(lab, home) as first:
        run = await lab.start(asking(gate))
        waited = await question(run)
        first.kill()
    await asyncio.sleep(4)
    with worker(lab, home):
        record = await finished(run)
    [decided] = record.decisions
    assert (record.phase, decided.decision, decided.by) == ("Succeeded", "approve", "")
    assert decided.at - waited.since >= 3 * SECOND


async def test_a_timer_that_was_set_before_a_worker_died_fires_after_it_was_replaced(
    lab: Lab, home: Path
) -> None:
    with worker(lab, home) as first:
        run = await lab.start(asking(GatePlan(timeout_seconds=8, on_timeout="fail", reminder_seconds=3)))
        waited = await question(run)
        first.kill()
    with worker(lab, home):
        [still] = (await run.record()).awaiting
        assert (still.digest, still.deadline) == (waited.digest, waited.since + 8 * SECOND)
        record = await finished(run)
    [decided] = record.decisions
    assert (record.reason, decided.decision) == ("StepFailed", "fail")
    assert 8 * SECOND <= decided.at - waited.since < 30 * SECOND


async def test_what_was_decided_and_what_was_late_come_together(lab: Lab, home: Path) -> None:
    """A signal for one gate and the fired timer of it, with another gate late by then too."""
    gates = {"a": 3, "b": 4, "c": 60}
    steps = [
        gated(GatePlan(timeout_seconds=seconds, on_timeout="approve"), name=name)
        for name, seconds in gates.items()
    ]
    with worker(lab, home) as first:
        run = await lab.start(plan(*steps, case=None))
        waited = await asks(run, 3)
        first.kill()
    await run.handle.signal(APPROVE_SIGNAL, {"digest": waited[0].digest, "by": "ann"})
    await asyncio.sleep(5)
    with worker(lab, home):
        record = await until(run, lambda record: len(record.decisions) == 2)
        await until(run, lambda record: record.step("b").phase == "Succeeded")
        [left] = record.awaiting
        await take(lab, run, about(left, "approve"))
        record = await finished(run)
    assert [(one.step, one.by) for one in record.decisions] == [("a", "ann"), ("b", ""), ("c", "ann")]
    assert record.phase == "Succeeded"


async def test_the_runs_own_time_goes_on_at_a_gate(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(BEFORE).model_copy(update={"timeout_seconds": 2}))
        record = await ended(run)
    assert (record.phase, record.reason, record.awaiting) == ("Failed", "TimedOut", [])
    assert record.steps[0].phase == "Cancelled"


async def test_the_agents_own_time_stops_at_a_gate(lab: Lab) -> None:
    [add] = python("add")
    tool = add.model_copy(update={"gate": BEFORE})
    async with lab.working(script=calling({"name": "add", "arguments": {"a": 1}}), tools=[TOOLS]):
        run = await lab.start(agent_plan(tool, timeout_seconds=2))
        waited = await question(run)
        await asyncio.sleep(3)
        await take(lab, run, about(waited, "approve"))
        record = await ended(run)
    assert record.phase == "Succeeded", record.error


async def test_a_gate_gives_no_tokens_back(lab: Lab) -> None:
    whole = plan(gated(AFTER, name="a"), step("b", after=["a"]), case=None)
    async with lab.working():
        free = await lab.start(whole)
        await take(lab, free, about(await question(free), "approve"))
        spent = (await ended(free)).token_usage.total_tokens
        run = await lab.start(whole.model_copy(update={"max_tokens": spent - 1}))
        waited = await question(run)
        before = (await run.asked()).token_usage.total_tokens
        await take(lab, run, about(waited, "approve"))
        record = await ended(run)
    assert 0 < before < spent
    assert (record.reason, record.token_usage.total_tokens) == ("BudgetExceeded", spent)


async def test_a_run_that_is_cancelled_waits_for_nobody(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(timeout_seconds=600)))
        waited = await question(run)
        await run.handle.cancel()
        record = await ended(run)
        assert "has ended" in await _late(lab, run, waited.id)
    assert (record.phase, record.awaiting) == ("Cancelled", [])


async def _late(lab: Lab, run: Run, id: str) -> str:
    with pytest.raises(DecisionRefusedError) as caught:
        await take(lab, run, Decision(id=id, decision="reject"))
    return str(caught.value)


def parallel(gate: GatePlan) -> Plan:
    """A step that waits for people, and one that does not."""
    return plan(gated(gate, name="a"), step("b"), case=None)


async def test_what_does_not_depend_on_a_gate_goes_on(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(parallel(BEFORE))
        record = await until(run, lambda record: record.step("b").phase == "Succeeded")
        assert record.step("a").phase == "Running"
        await take(lab, run, about(record.awaiting[0], "approve"))
        assert (await ended(run)).phase == "Succeeded"
