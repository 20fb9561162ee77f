"""Events that are applied on a real Temporal, and what they start."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from temporalio.client import ScheduleHandle

from ark_temporal.events.model import FiringResult, firing_id
from ark_temporal.events.schedules import ScheduleView, schedule_id, view_schedule
from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.record import RunRecord
from ark_temporal.resources import store
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.resources.model import Applied, ApplyRequest, ResourceName
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.watch import read_record
from tests.integration.lab import Lab
from tests.unit.manifests.marked import document, team
from worker.assembly import WorkerOptions, running_worker

HOURLY = "{type: cron, cron: '0 * * * *'}"
EVENT = "tick"


def event(source: str = HOURLY, more: str = "", *, namespace: str, team: str = "t") -> str:
    """An event that gives its team the time it was fired for, and what a person sends."""
    given = '{at: "{{ .trigger.firedAt }}", say: "{{ .trigger.body.say }}"}'
    spec = f"source: {source}\ntargets: [{{team: {team}, input: {given}}}]\n{more}"
    return document("ArkEvent", spec, EVENT, namespace)


def worker_team(namespace: str, prompt: str = "Work.") -> str:
    """The team that events start."""
    step = '{role: w, inputs: {at: "{{ .input.at }}", say: "{{ .input.say }}"}}'
    role = f"{{name: w, model: mock, systemPrompt: {prompt}}}"
    return team(f"roles: [{role}]\npipeline: [{step}]", "t", namespace)


@dataclass(frozen=True)
class Desk:
    """One event of a namespace that nobody else uses, its team, and its schedule."""

    connection: Connection
    namespace: str

    @property
    def name(self) -> ResourceName:
        """The event's resource."""
        return ResourceName("ArkEvent", self.namespace, EVENT)

    @property
    def handle(self) -> ScheduleHandle:
        """The event's schedule, as Temporal's own."""
        return self.connection.client.get_schedule_handle(schedule_id(self.namespace, EVENT))

    @contextlib.asynccontextmanager
    async def working(self, *rules: Mapping[str, object]) -> AsyncGenerator[None]:
        """A worker, whose mock follows the rules."""
        script = MockScript.model_validate({"rules": rules})
        async with running_worker(self.connection, WorkerOptions(provider="mock", mock_script=script)):
            yield

    async def apply(self, *texts: str) -> None:
        """Apply manifests, and wait until they are seen."""
        bundle = load([], texts={f"text {number}": text for number, text in enumerate(texts)})
        planned = compare(documents(bundle), await applied(self.connection), prune=False)
        done = [each async for each in carry_out(self.connection, planned, by="ann", comment="")]
        assert all(each.verb in ("created", "configured") for each in done), done
        await until(lambda: self._all_seen({each.name for each in planned}))

    async def change(self, source: str = HOURLY, more: str = "") -> Applied:
        """Apply the event anew."""
        [manifest] = documents(
            load([], texts={"text": event(source, more, namespace=self.namespace)})
        ).values()
        return await store.apply(self.connection, self.name, ApplyRequest(manifest=manifest, by="ann"))

    async def schedule(self) -> ScheduleView | None:
        """The schedule, as the product sees it."""
        return await view_schedule(self.connection.client, self.namespace, EVENT)

    async def in_step(self, revision: int) -> ScheduleView | None:
        """The schedule, once it is what a revision asks for."""

        async def is_there() -> bool:
            scheduled = (await store.read_state(self.connection, self.name)).scheduled
            return scheduled is not None and scheduled.revision == revision

        await until(is_there)
        return await self.schedule()

    async def firings(self, count: int) -> dict[str, FiringResult]:
        """What came of the firings by the schedule, once so many have ended, by their workflow's id."""
        query = f"WorkflowId STARTS_WITH '{firing_id(self.namespace, EVENT)}-'"
        ids: list[str] = []

        async def are_there() -> bool:
            found = [each async for each in self.connection.client.list_workflows(query)]
            ids[:] = sorted(each.id for each in found if each.close_time is not None)
            return len(ids) >= count

        await until(are_there)
        client = self.connection.client
        handles = [client.get_workflow_handle(id, result_type=FiringResult) for id in ids]
        return {handle.id: await handle.result() for handle in handles}

    async def record(self, run: str) -> RunRecord:
        """A run, once it has ended."""
        async with asyncio.timeout(30):
            await self.connection.client.get_workflow_handle(run).result()
        return await read_record(self.connection, run)

    async def _all_seen(self, names: set[ResourceName]) -> bool:
        return not names - set(await applied(self.connection))


def desk(lab: Lab, namespace: str) -> Desk:
    """A place for one test."""
    return Desk(lab.connection, namespace)


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    """Ask until it is so."""
    async with asyncio.timeout(seconds):
        while not await is_so():
            await asyncio.sleep(0.05)
