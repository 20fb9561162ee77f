"""Worker processes that are killed while a team runs below and above: nothing is lost, nothing done twice."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from ark_temporal.plan.shapes import MapPlan
from tests.integration.agents.crew import ended_alike, tool_worker
from tests.integration.lab import Lab, Run
from tests.integration.plans import step
from tests.integration.teams.squads import children, hands, led, script, squad

pytestmark = pytest.mark.slow

MANY = 10_000
TOKENS = 3
EACH = step(
    "each", "<{{ .item }}>", map=MapPlan(over="{{ .input.items }}", max_concurrency=200, max_items=MANY)
)


async def until(run: Run, reached: Callable[[list[HistoryEvent]], bool], seconds: float) -> None:
    """Wait until a run's history has got so far."""
    async with asyncio.timeout(seconds):
        while not reached(await run.events()):
            await asyncio.sleep(0.3)


def parts_done(count: int) -> Callable[[list[HistoryEvent]], bool]:
    done = EventType.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED
    return lambda events: sum(event.event_type == done for event in events) >= count


async def test_a_lead_goes_on_after_its_worker_was_killed(lab: Lab, home: Path) -> None:
    mock = script(
        hands(("scribe", "one"), ("scribe", "two"), ("scribe", "three")),
        {"role": "scribe", "contains": "three", "reply": "done three", "delaySeconds": 4},
        {"role": "scribe", "reply": "done"},
        {"role": "lead", "contains": "done three", "reply": "All three."},
    )
    with tool_worker(lab, home, script=mock) as first:
        run = await lab.start(led("scribe"))
        await until(run, parts_done(2), 30)
        first.kill()
    with tool_worker(lab, home, script=mock):
        record = await ended_alike(run, 90, replayed=True)
        below = [await ended_alike(lab.run(id), replayed=True) for id in await children(run)]
    assert (record.phase, record.output) == ("Succeeded", "All three.")
    assert [one.output for one in below] == ["done", "done", "done three"]
    assert [one.steps[0].calls[0].attempts for one in below] == [1, 1, 2]


@pytest.mark.timeout(420)
async def test_a_list_of_10_000_outlasts_two_killed_workers(lab: Lab, home: Path) -> None:
    mock = script({"usage": {"inputTokens": TOKENS - 1, "outputTokens": 1}})
    items = [f"thing-{number}" for number in range(MANY)]
    began = time.monotonic()
    run = await lab.start(squad(EACH, max_tokens=None), {"items": list[object](items)})  # pyright: ignore
    for share in (20, 60):
        with tool_worker(lab, home, script=mock, calls=200) as worker:
            await until(run, parts_done(share), 200)
            worker.kill()
    with tool_worker(lab, home, script=mock, calls=200):
        record = await ended_alike(run, 300, replayed=True)
        seconds = time.monotonic() - began
        below = await children(run)
        scheduled = [await _scheduled(lab.run(id)) for id in below]
    data = record.step("each").data
    assert record.phase == "Succeeded", record.error
    assert isinstance(data, list)
    assert [f"<{item}>" in str(value) for item, value in zip(items, data, strict=True)] == [True] * MANY
    assert record.token_usage.total_tokens == MANY * TOKENS, "a call was counted twice, or not at all"
    assert [len(ids) for ids in scheduled] == [100] * (MANY // 100)
    assert all(len(set(ids)) == len(ids) for ids in scheduled)
    assert len(await run.events()) < 2000
    print(f"{MANY} items took {seconds:.0f} s, with two killed workers")


async def _scheduled(run: Run) -> list[str]:
    """The ids of the calls that a run has made."""
    return [
        event.activity_task_scheduled_event_attributes.activity_id
        for event in await run.events()
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
