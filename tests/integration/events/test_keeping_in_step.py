"""How a resource keeps its schedule in step, with an activity in place of ours that does as it is told."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from ark_temporal.resources import store
from ark_temporal.resources.model import ApplyRequest, ResourceName, Scheduled, ScheduleRequest
from ark_temporal.runs.names import SCHEDULE_ACTIVITY, TASK_QUEUE
from tests.integration.events.desk import until
from tests.integration.lab import Lab
from worker.sandbox import workflow_sandbox
from workflows.resource import Resource


class Syncing:
    """The activity: it waits while it is held, and fails as often as it is told to.

    Attributes:
        asked: The revision of each attempt; 0 where the schedule was to be removed.
        refuses: Whether Temporal does not let it.
        fails: How many attempts more fail.
    """

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.refuses = False
        self.fails = 0

    @activity.defn(name=SCHEDULE_ACTIVITY)
    async def sync(self, request: ScheduleRequest) -> Scheduled:
        number = request.revision.number if request.revision else 0
        self.asked.append(number)
        await self.may_go.wait()
        if self.refuses:
            raise ApplicationError("Temporal refuses: no.", type="ScheduleRefused", non_retryable=True)
        if self.fails:
            self.fails -= 1
            raise ApplicationError("Try again.")
        return Scheduled(revision=number)


@contextlib.asynccontextmanager
async def working(lab: Lab, syncing: Syncing) -> AsyncGenerator[None]:
    async with Worker(
        lab.connection.client,
        task_queue=TASK_QUEUE,
        workflows=[Resource],
        activities=[syncing.sync],
        workflow_runner=workflow_sandbox(),
    ):
        yield


async def apply(lab: Lab, name: ResourceName, number: int) -> int:
    request = ApplyRequest(manifest={"kind": name.kind, "n": number}, by="ann")
    return (await store.apply(lab.connection, name, request)).revision


async def in_step(lab: Lab, name: ResourceName, revision: int) -> Scheduled:
    found: list[Scheduled] = []

    async def is_there() -> bool:
        scheduled = (await store.read_state(lab.connection, name)).scheduled
        found[:] = [scheduled] if scheduled else []
        return scheduled is not None and scheduled.revision == revision

    await until(is_there)
    return found[0]


async def test_who_applies_does_not_wait_and_what_comes_meanwhile_is_one_change(lab: Lab) -> None:
    name, syncing = ResourceName("ArkEvent", "default", "held"), Syncing()
    syncing.may_go.clear()
    async with working(lab, syncing):
        started = time.monotonic()
        assert [await apply(lab, name, n) for n in range(1, 7)] == [1, 2, 3, 4, 5, 6]
        assert time.monotonic() - started < 5
        deleting = asyncio.create_task(store.delete(lab.connection, name))
        await asyncio.sleep(0.3)
        assert not deleting.done()
        syncing.may_go.set()
        await deleting
        assert syncing.asked == [1, 0]
        with pytest.raises(store.ResourceNotFoundError):
            await store.read_state(lab.connection, name)


async def test_it_is_tried_until_it_is_done(lab: Lab) -> None:
    name, syncing = ResourceName("ArkEvent", "default", "tried"), Syncing()
    syncing.fails = 2
    async with working(lab, syncing):
        await apply(lab, name, 1)
        assert await in_step(lab, name, 1) == Scheduled(revision=1)
        await apply(lab, name, 2)
        await in_step(lab, name, 2)
        assert syncing.asked == [1, 1, 1, 2]
        await store.delete(lab.connection, name)


async def test_a_schedule_that_cannot_be_removed_keeps_its_event(lab: Lab) -> None:
    name, syncing = ResourceName("ArkEvent", "default", "kept"), Syncing()
    async with working(lab, syncing):
        await apply(lab, name, 1)
        await in_step(lab, name, 1)
        syncing.refuses = True
        with pytest.raises(store.ResourceRefusedError, match=r"cannot be removed. Temporal refuses: no."):
            await store.delete(lab.connection, name)
        assert await apply(lab, name, 2) == 2
        refused = await in_step(lab, name, 2)
        assert (refused.reason, refused.message) == ("ScheduleRefused", "Temporal refuses: no.")
        assert syncing.asked == [1, 0, 2]
        syncing.refuses = False
        await store.delete(lab.connection, name)
        assert syncing.asked[-1] == 0


async def test_other_kinds_have_no_schedule(lab: Lab) -> None:
    name, syncing = ResourceName("ArkTeam", "default", "plain"), Syncing()
    async with working(lab, syncing):
        await apply(lab, name, 1)
        await store.delete(lab.connection, name)
        assert syncing.asked == []
