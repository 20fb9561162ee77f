"""What those who start runs of applied teams see of what is applied."""

import asyncio
from pathlib import Path

import pytest

from ark_temporal.manifests import load
from ark_temporal.plan.model import Plan
from ark_temporal.resources import store
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.resources.catalog import FRESH_SECONDS, Catalog
from ark_temporal.resources.model import ResourceName, RollbackRequest
from tests.integration.lab import Lab
from worker.assembly import WorkerOptions, running_worker

NAMESPACE = "catalog"
TEAM = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {{name: blog, namespace: catalog}}
spec:
  roles: [{{name: writer, arkAgent: writer}}]
  pipeline: [{{role: writer}}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {{name: writer, namespace: catalog}}
spec: {{model: mock, systemPrompt: "{prompt}"}}
"""


async def apply(lab: Lab, file: Path, prompt: str) -> None:
    file.write_text(TEAM.format(prompt=prompt))
    planned = compare(documents(load([str(file)])), await applied(lab.connection), prune=False)
    async for each in carry_out(lab.connection, planned, by="ann", comment=""):
        assert each.verb != "failed", each.problem


async def plan_that_says(catalog: Catalog, prompt: str) -> Plan:
    """The team's plan, once it says so; it has to within seconds."""
    async with asyncio.timeout(FRESH_SECONDS + 10):
        while True:
            try:
                plan = (await catalog.applied(NAMESPACE)).plan("blog")
            except LookupError:
                await asyncio.sleep(0.1)
                continue
            if plan.agents["writer"].system[0].text == prompt:
                return plan
            await asyncio.sleep(0.1)


async def test_new_revisions_are_seen_without_a_restart(lab: Lab, tmp_path: Path) -> None:
    file, catalog = tmp_path / "team.yaml", Catalog(lab.connection)
    async with running_worker(lab.connection, WorkerOptions()):
        await apply(lab, file, "Write.")
        first = await plan_that_says(catalog, "Write.")
        await asyncio.sleep(FRESH_SECONDS)
        assert (await catalog.applied(NAMESPACE)).plan("blog") is first  # nothing changed, nothing compiled
        await apply(lab, file, "Rhyme.")
        await plan_that_says(catalog, "Rhyme.")
        agent = ResourceName("ArkAgent", NAMESPACE, "writer")
        await store.rollback(lab.connection, agent, RollbackRequest(by="bob"))
        again = await plan_that_says(catalog, "Write.")
        assert again.digest() == first.digest()
        await store.delete(lab.connection, ResourceName("ArkTeam", NAMESPACE, "blog"))
        async with asyncio.timeout(FRESH_SECONDS + 10):
            while (await catalog.applied(NAMESPACE)).bundle.find_team("blog", NAMESPACE) is not None:
                await asyncio.sleep(0.1)
        with pytest.raises(LookupError):
            (await catalog.applied(NAMESPACE)).plan("blog")
        await store.delete(lab.connection, agent)


async def test_who_asks_at_the_same_time_is_answered_by_one_reading(lab: Lab, tmp_path: Path) -> None:
    catalog = Catalog(lab.connection)
    async with running_worker(lab.connection, WorkerOptions()):
        await apply(lab, tmp_path / "team.yaml", "Write.")
        await plan_that_says(catalog, "Write.")
        await asyncio.sleep(FRESH_SECONDS)
        seen = await asyncio.gather(*(catalog.applied(NAMESPACE) for _ in range(50)))
        assert len({id(each) for each in seen}) == 1
        for kind, name in (("ArkTeam", "blog"), ("ArkAgent", "writer")):
            await store.delete(lab.connection, ResourceName(kind, NAMESPACE, name))
