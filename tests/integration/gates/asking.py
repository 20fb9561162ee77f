"""Runs that wait for people: how tests start them, look at them and decide."""

import asyncio
import json
from collections.abc import Callable
from difflib import unified_diff
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.people import ChannelPlan, GatePlan, NotifyPlan
from ark_temporal.plan.record import Awaiting, Decision, DecisionTaken, RunRecord
from ark_temporal.plan.references import KeyRef
from ark_temporal.runs.decide import decide
from ark_temporal.runs.names import DECIDE_UPDATE
from ark_temporal.runs.submit import submit
from tests.integration.lab import Lab, Run
from tests.integration.plans import plan, step
from tests.integration.test_public_names import temporal

BEFORE = GatePlan()
AFTER = GatePlan(when="after")
HOOK = "hook"
PAGER = NotifyPlan(name="pager", channels=(ChannelPlan(type="webhook", url=KeyRef(name=HOOK, key="url")),))
"""Tells whoever listens at the address that the lab's workers have for it."""


def gated(*gates: GatePlan, name: str = "cook", prompt: str = "", **fields: Any) -> StepPlan:
    """A step with gates."""
    return step(name, prompt, gates=gates, **fields)


def asking(*gates: GatePlan, **fields: Any) -> Plan:
    """One step, `cook`, with gates."""
    return plan(gated(*gates, **fields), case=None)


async def start_as(lab: Lab, plan: Plan, name: str) -> Run:
    """Submit a plan in somebody's name."""
    submitted = await submit(lab.connection, plan, {}, task_queue=lab.queue, submitted_by=name)
    return lab.run(submitted.id)


async def until(run: Run, wanted: Callable[[RunRecord], bool], seconds: float = 40) -> RunRecord:
    """Wait until a run is as wanted; the record, which history and workflow tell alike."""
    async with asyncio.timeout(seconds):
        while not wanted(await run.record()):
            await asyncio.sleep(0.05)
    return await alike(run)


async def asks(run: Run, count: int = 1, seconds: float = 40) -> list[Awaiting]:
    """Wait until a run waits for so many decisions; history and workflow tell them alike."""
    return (await until(run, lambda record: len(record.awaiting) == count, seconds)).awaiting


async def question(run: Run, seconds: float = 40) -> Awaiting:
    """Wait until a run waits for one decision."""
    [one] = await asks(run, 1, seconds)
    return one


async def alike(run: Run, seconds: float = 40) -> RunRecord:
    """The record, which the history and the workflow tell alike as soon as nothing is under way."""
    difference = "It was never asked."
    for _ in range(int(seconds / 0.1)):
        read, told = await run.record(), await run.asked()
        if read == told:
            return read
        first, second = (one.model_dump_json(indent=1).splitlines() for one in (read, told))
        difference = "\n".join(unified_diff(first, second, "history", "workflow", lineterm=""))
        await asyncio.sleep(0.1)
    raise AssertionError(difference)


async def ended(run: Run, seconds: float = 40) -> RunRecord:
    """Wait for a run's end; the record, which the history and the workflow tell alike."""
    await run.ended(seconds)
    return await alike(run)


def about(awaiting: Awaiting, verdict: str, by: str = "ann", **more: Any) -> Decision:
    """A decision about what was seen."""
    fields = {"id": awaiting.id, "digest": awaiting.digest, "decision": verdict, "by": by}
    return Decision.model_validate(fields | more)


async def take(lab: Lab, run: Run, decision: Decision) -> DecisionTaken:
    """Decide as our own programs do."""
    return await decide(lab.connection, run.id, decision)


async def refused(run: Run, decision: Decision) -> str:
    """What the run itself says to a decision that it does not take, and which changes nothing."""
    before = await run.asked()
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await run.handle.execute_update(DECIDE_UPDATE, decision)  # pyright: ignore[reportUnknownMemberType]
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "DecisionRefused"
    assert await alike(run) == before
    return caught.value.cause.message


async def plainly(lab: Lab, run: Run, kind: str, name: str, said: object | None) -> Any:
    """Send a signal or an update by the plain `temporal` command."""
    words = ["workflow", *(["signal"] if kind == "signal" else ["update", "execute"])]
    words += ["--workflow-id", run.id, "--name", name]
    if said is not None:
        words += ["--input", json.dumps(said)]
    return await asyncio.to_thread(temporal, lab, *words)
