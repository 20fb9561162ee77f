"""Resources on a real Temporal: applied, applied again, rolled back, deleted, and run."""

import asyncio
from pathlib import Path

import pytest

from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_team, select_team
from ark_temporal.resources import store
from ark_temporal.resources.applying import applied, carry_out, compare, documents, load_applied
from ark_temporal.resources.model import ApplyRequest, ResourceName, RollbackRequest
from ark_temporal.runs.submit import submit
from tests.integration.lab import Lab
from worker.assembly import WorkerOptions, running_worker

TEAM = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {{name: {name}}}
spec:
  roles:
    - {{name: writer, model: claude-haiku-4-5, systemPrompt: "{prompt}"}}
  pipeline:
    - {{role: writer, inputs: {{topic: "{{{{ .input.topic }}}}"}}}}
"""


def write(folder: Path, *names: str, prompt: str = "Write.") -> list[str]:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.yaml").write_text(TEAM.format(name=name, prompt=prompt))
    return [str(folder)]


async def apply(lab: Lab, sources: list[str], *, prune: bool = False) -> dict[str, str]:
    planned = compare(documents(load(sources)), await applied(lab.connection), prune=prune)
    return {
        each.name.name: each.verb async for each in carry_out(lab.connection, planned, by="ann", comment="")
    }


async def seen(lab: Lab, count: int) -> None:
    async with asyncio.timeout(20):
        while len(await applied(lab.connection)) != count:
            await asyncio.sleep(0.1)


async def test_a_new_run_uses_what_is_applied_and_one_that_goes_on_keeps_its_own(
    lab: Lab, tmp_path: Path
) -> None:
    async with running_worker(lab.connection, WorkerOptions()):
        name = ResourceName("ArkTeam", "default", "blog")
        assert await apply(lab, write(tmp_path / "m", "blog")) == {"blog": "created"}
        await seen(lab, 1)
        digests: list[str] = []
        for prompt, change in (("Write well.", "configured"), ("Write well.", "unchanged")):
            bundle = await load_applied(lab.connection, "default")
            plan = compile_team(bundle, select_team(bundle, "blog"), provider="mock").plan
            digests.append(plan.digest())
            run = await submit(lab.connection, plan, {"topic": "rivers"})
            changes = await apply(lab, write(tmp_path / "m", "blog", prompt=prompt))
            assert changes["blog"] == change
            await lab.connection.client.get_workflow_handle(run.id).result()
        assert digests[0] != digests[1]
        back = await store.rollback(lab.connection, name, RollbackRequest(by="bob", comment="it was better"))
        assert (back.change, back.revision) == ("configured", 3)
        bundle = await load_applied(lab.connection, "default")
        assert compile_team(bundle, select_team(bundle, "blog"), provider="mock").plan.digest() == digests[0]
        state = await store.read_state(lab.connection, name)
        told = [(each.number, each.by, each.from_revision) for each in state.revisions]
        assert told == [(1, "ann", 0), (2, "ann", 0), (3, "bob", 1)]
        await store.delete(lab.connection, name)
        with pytest.raises(store.ResourceNotFoundError, match="ArkTeam"):
            await store.read_state(lab.connection, name)


async def test_many_who_apply_at_once_make_a_clean_sequence(lab: Lab) -> None:
    name = ResourceName("ArkTeam", "default", "crowded")
    async with running_worker(lab.connection, WorkerOptions()):
        requests = [ApplyRequest(manifest={"kind": "ArkTeam", "n": n}, by=f"p{n}") for n in range(50)]
        done = await asyncio.gather(*(store.apply(lab.connection, name, each) for each in requests))
        assert sorted(each.revision for each in done) == list(range(1, 51))
        assert [each.change for each in done].count("created") == 1
        state = await store.read_state(lab.connection, name)
        assert [each.number for each in state.revisions] == list(range(1, 51))
        assert {each.by for each in state.revisions} == {f"p{n}" for n in range(50)}
        await store.delete(lab.connection, name)


async def test_what_is_gone_from_the_manifests_is_pruned_and_comes_back_as_new(
    lab: Lab, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    async with running_worker(lab.connection, WorkerOptions()):
        assert await apply(lab, write(folder, "a", "b")) == {"a": "created", "b": "created"}
        await seen(lab, 2)
        (folder / "b.yaml").unlink()
        assert await apply(lab, [str(folder)], prune=True) == {"a": "unchanged", "b": "deleted"}
        await seen(lab, 1)
        assert await apply(lab, write(folder, "b")) == {"a": "unchanged", "b": "created"}
        await seen(lab, 2)
        for each in ("a", "b"):
            await store.delete(lab.connection, ResourceName("ArkTeam", "default", each))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_resource_that_was_asked_often_goes_on_in_another_execution(lab: Lab) -> None:
    name = ResourceName("ArkTeam", "default", "often")
    async with running_worker(lab.connection, WorkerOptions()):
        for n in range(65):
            batch = [ApplyRequest(manifest={"n": n * 8 + k}, by="ann") for k in range(8)]
            await asyncio.gather(*(store.apply(lab.connection, name, each) for each in batch))
        state = await store.read_state(lab.connection, name)
        current = state.current
        assert current is not None
        assert current.number == 520
        handle = lab.connection.client.get_workflow_handle(name.workflow_id)
        async with asyncio.timeout(30):
            while (now := await handle.describe()).run_id == (
                now.raw_description.workflow_execution_info.first_run_id
            ):
                await asyncio.sleep(0.2)
        again = await store.apply(lab.connection, name, ApplyRequest(manifest={"n": "last"}, by="ann"))
        assert (again.revision, again.change) == (521, "configured")
        await store.delete(lab.connection, name)
