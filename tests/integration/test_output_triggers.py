"""Teams that start each other: chains of runs on a real Temporal."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from ark_temporal.events.model import FiringResult, firing_id
from ark_temporal.events.prepare import MAX_CHAIN, TOO_LONG
from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.causes import Cause
from ark_temporal.plan.record import RunRecord
from ark_temporal.resources import store
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.resources.catalog import FRESH_SECONDS, Catalog
from ark_temporal.resources.model import ResourceName
from ark_temporal.runs.find import RunSummary, list_runs
from ark_temporal.runs.lineage import lineage_of
from ark_temporal.runs.submit import Submitted, submit
from ark_temporal.runs.watch import read_record
from tests.integration.lab import Lab, Run
from worker.assembly import WorkerOptions, running_worker


def team(namespace: str, name: str, **spec: object) -> str:
    return manifest(
        "ArkTeam",
        namespace,
        name,
        {
            "roles": [{"name": name, "model": "claude-haiku-4-5", "systemPrompt": "Work."}],
            "pipeline": [{"role": name, "inputs": {"text": "{{ .input.text }}"}}],
            "inputs": [{"name": "text", "default": "nothing"}],
            **spec,
        },
    )


def event(namespace: str, after: str, start: Sequence[str], phase: str = "Succeeded", **spec: object) -> str:
    text = "{{ .trigger.phase }} {{ .trigger.run }}: {{ .trigger.output }}"
    return manifest(
        "ArkEvent",
        namespace,
        f"after-{after}-{phase.lower().replace('*', 'any')}",
        {
            "source": {"type": "team-output", "teamOutput": {"name": after, "onPhase": phase}},
            "targets": [{"team": name, "input": {"text": text}} for name in start],
            **spec,
        },
    )


def manifest(kind: str, namespace: str, name: str, spec: Mapping[str, object]) -> str:
    metadata = {"name": name, "namespace": namespace}
    return json.dumps(
        {"apiVersion": "arkonis.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    )


def scripted(*rules: Mapping[str, object]) -> MockScript:
    return MockScript.model_validate({"rules": rules})


async def bring_in_force(lab: Lab, *texts: str) -> None:
    bundle = load([], texts={f"text {number}": text for number, text in enumerate(texts)})
    assert bundle.ok, bundle.errors
    planned = compare(documents(bundle), await applied(lab.connection), prune=False)
    done = [each async for each in carry_out(lab.connection, planned, by="ann", comment="")]
    assert all(each.verb in ("created", "configured") for each in done), done
    async with asyncio.timeout(20):
        while {each.name for each in planned} - set(await applied(lab.connection)):
            await asyncio.sleep(0.1)


async def start(lab: Lab, namespace: str, name: str, **given: str) -> Submitted:
    force = await Catalog(lab.connection, "mock").applied(namespace)
    return await submit(
        lab.connection,
        force.plan(name),
        given,
        submitted_by="ann",
        listeners=force.listeners(name),
    )


async def runs_of(lab: Lab, trace: str, count: int) -> list[RunSummary]:
    """The runs of a trace, once there are so many and all have ended."""
    async with asyncio.timeout(30):
        while True:
            found = [each async for each in list_runs(lab.connection, query=f"ArkTrace = '{trace}'")]
            if len(found) >= count and all(each.phase != "Running" for each in found):
                return found
            await asyncio.sleep(0.1)


async def ended(lab: Lab, run: Submitted) -> RunRecord:
    return await Run(lab.connection, run.id).ended()


async def test_a_chain_of_three_teams_is_one_trace_and_one_lineage(lab: Lab) -> None:
    async with running_worker(lab.connection, WorkerOptions(provider="mock")):
        await bring_in_force(
            lab,
            *(team("chain", name) for name in ("collect", "sift", "tell", "archive")),
            event("chain", "collect", ["sift"]),
            event("chain", "sift", ["tell", "archive"]),
        )
        first = await ended(lab, await start(lab, "chain", "collect", text="rain"))
        found = {each.team: each for each in await runs_of(lab, first.trace, 4)}
        assert set(found) == {"collect", "sift", "tell", "archive"}
        sift = await read_record(lab.connection, found["sift"].id)
        assert sift.input["text"] == f"Succeeded {first.id}: {first.output}"
        assert sift.cause is not None
        assert (sift.cause.event, sift.cause.source) == ("after-collect-succeeded", "team-output")
        assert sift.cause.upstream == first.id
        assert sift.submitted_by == "ann"
        for name in ("tell", "archive"):
            record = await read_record(lab.connection, found[name].id)
            assert record.trace == first.trace
            assert sift.output in str(record.input["text"])
            lines = await lineage_of(lab.connection, record)
            told = [(line.run.team, line.depth) for line in lines]
            assert told[:2] == [("collect", 0), ("sift", 1)]
            assert sorted(told[2:]) == [("archive", 2), ("tell", 2)]
        firing = lab.connection.client.get_workflow_handle(
            firing_id("chain", "after-collect-succeeded", first.id), result_type=FiringResult
        )
        assert (await firing.result()).runs == [sift.id]


async def test_only_the_end_that_counts_fires_and_a_suspended_event_never(lab: Lab) -> None:
    script = scripted({"role": "breaks", "fail": {"type": "ModelBadRequest"}})
    async with running_worker(lab.connection, WorkerOptions(provider="mock", mock_script=script)):
        names = ("breaks", "mend", "praise", "log", "never")
        await bring_in_force(
            lab,
            *(team("ends", name) for name in names),
            event("ends", "breaks", ["praise"], "Succeeded"),
            event("ends", "breaks", ["mend"], "Failed"),
            event("ends", "breaks", ["log"], "*"),
            event("ends", "praise", ["never"], suspended=True),
        )
        broken = await ended(lab, await start(lab, "ends", "breaks"))
        assert broken.phase == "Failed"
        found = await runs_of(lab, broken.trace, 3)
        assert sorted(each.team for each in found) == ["breaks", "log", "mend"]
        good = await ended(lab, await start(lab, "ends", "praise"))
        assert [each.team for each in await runs_of(lab, good.trace, 1)] == ["praise"]


async def test_a_run_that_is_cancelled_or_refused_its_input_has_ended_too(lab: Lab) -> None:
    script = scripted({"role": "slow", "delaySeconds": 30})
    async with running_worker(lab.connection, WorkerOptions(provider="mock", mock_script=script)):
        await bring_in_force(
            lab,
            team("stops", "slow", inputs=[{"name": "n", "type": "integer", "default": 1}]),
            team("stops", "log"),
            event("stops", "slow", ["log"], "*"),
        )
        slow = await start(lab, "stops", "slow")
        await Run(lab.connection, slow.id).until_running("slow")
        await Run(lab.connection, slow.id).handle.cancel()
        record = await ended(lab, slow)
        assert record.phase == "Cancelled"
        found = await runs_of(lab, record.trace, 2)
        log = next(each for each in found if each.team == "log")
        told = await read_record(lab.connection, log.id)
        assert str(told.input["text"]).startswith(f"Cancelled {slow.id}:")


async def test_forbid_skips_while_a_run_goes_on_and_fires_again_after(lab: Lab) -> None:
    script = scripted({"role": "long", "delaySeconds": 3, "times": 1})
    async with running_worker(lab.connection, WorkerOptions(provider="mock", mock_script=script)):
        await bring_in_force(
            lab,
            team("one", "quick"),
            team("one", "long"),
            event("one", "quick", ["long"], concurrencyPolicy="Forbid"),
        )
        traces = [(await ended(lab, await start(lab, "one", "quick"))).trace for _ in range(3)]
        assert sorted(each.team for each in await runs_of(lab, traces[0], 2)) == ["long", "quick"]
        for trace in traces[1:]:
            assert [each.team for each in await runs_of(lab, trace, 1)] == ["quick"]
        alone = lab.connection.client.get_workflow_handle(firing_id("one", "after-quick-succeeded"))
        await alone.result()
        again = await ended(lab, await start(lab, "one", "quick"))
        assert sorted(each.team for each in await runs_of(lab, again.trace, 2)) == ["long", "quick"]


async def test_a_ring_of_teams_comes_to_an_end(lab: Lab) -> None:
    async with running_worker(lab.connection, WorkerOptions(provider="mock")):
        await bring_in_force(
            lab,
            team("ring", "ping"),
            team("ring", "pong"),
            event("ring", "ping", ["pong"]),
            event("ring", "pong", ["ping"]),
        )
        force = await Catalog(lab.connection, "mock").applied("ring")
        late = Cause(
            event="after-pong-succeeded",
            source="team-output",
            fired_at=datetime.now(UTC),
            depth=MAX_CHAIN - 1,
        )
        run = await submit(
            lab.connection, force.plan("ping"), {}, cause=late, listeners=force.listeners("ping")
        )
        first = await ended(lab, run)
        found = await runs_of(lab, first.trace, 2)
        assert sorted(each.team for each in found) == ["ping", "pong"]
        last = next(each.id for each in found if each.team == "pong")
        firing = lab.connection.client.get_workflow_handle(
            firing_id("ring", "after-pong-succeeded", last), result_type=FiringResult
        )
        told = await firing.result()
        assert (told.fired, told.reason) == (False, TOO_LONG)


async def test_an_event_whose_target_is_gone_or_cannot_be_told_fails_and_says_why(lab: Lab) -> None:
    async with running_worker(lab.connection, WorkerOptions(provider="mock")):
        unreadable = event("fails", "second", ["third"]).replace(
            "{{ .trigger.output }}", '{{ index .trigger.output \\"x\\" }}'
        )
        names = ("first", "second", "third")
        await bring_in_force(
            lab, *(team("fails", each) for each in names), event("fails", "first", ["third"]), unreadable
        )
        await store.delete(lab.connection, ResourceName("ArkTeam", "fails", "third"))
        first = await ended(lab, await start(lab, "fails", "first"))
        assert first.phase == "Succeeded"
        assert "third" in await why(lab, firing_id("fails", "after-first-succeeded", first.id))
        await bring_in_force(lab, team("fails", "third"))
        await asyncio.sleep(FRESH_SECONDS)
        second = await ended(lab, await start(lab, "fails", "second"))
        told = await why(lab, firing_id("fails", "after-second-succeeded", second.id))
        assert 'The input "text" of target "third" does not render' in told


async def why(lab: Lab, firing: str) -> str:
    """Why an event could not be fired."""
    with pytest.raises(WorkflowFailureError) as failed:
        await lab.connection.client.get_workflow_handle(firing).result()
    cause = failed.value.cause
    while isinstance(cause, ActivityError):
        cause = cause.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "EventFailed"
    return cause.message
