"""Workers that are killed while their agents use tools: every effect keeps its key, nothing is paid twice."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import Decision, RunRecord, ToolCallRecord
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from ark_temporal.runs.connection import ConnectOptions, connect
from ark_temporal.runs.names import DECIDE_UPDATE, PIPELINE
from tests.integration.agents.crew import TOOLS, adding, ended_alike, replay, stubbed_plan, tool_worker
from tests.integration.agents.scripts import agent_plan, calling, python
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import StubServer
from tests.integration.plans import keys
from tests.integration.processes import free_port, plain_server
from tests.integration.storage_places import RedisPlace, redis_place

pytestmark = pytest.mark.slow

PAY = "desk#tool-1.3"
PHASE = SearchAttributeKey.for_keyword("ArkPhase")
AWAITING = SearchAttributeKey.for_keyword_list("ArkAwaiting")

SUGGEST_AFTER = 10
"""Events after which a server suggests to continue as new: about a turn."""


def desk(sink: Sink) -> tuple[ToolPlan, ...]:
    """Three tools that do something elsewhere, each of another effect."""
    return (
        ToolPlan(name="look", effect="read", webhook=WebhookPlan(url=f"{sink.url}/look", method="GET")),
        ToolPlan(name="put", effect="idempotent", webhook=WebhookPlan(url=f"{sink.url}/put", method="PUT")),
        ToolPlan(name="pay", effect="unsafe", webhook=WebhookPlan(url=f"{sink.url}/pay")),
    )


async def decide(run: Run, decision: Decision, *, update: str | None = None) -> None:
    """Send a decision to the run itself."""
    await run.handle.execute_update(DECIDE_UPDATE, decision, id=update)  # pyright: ignore[reportUnknownMemberType]


async def refused(run: Run, decision: Decision) -> str:
    """What the run says to a decision that it does not take."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await decide(run, decision)
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.type == "DecisionRefused"
    return caught.value.cause.message


async def until_waiting(run: Run) -> RunRecord:
    """Wait until all that a run still waits for is a person."""
    async with asyncio.timeout(60):
        while not (record := await run.record()).awaiting or _under_way(record):
            await asyncio.sleep(0.1)
    return record


def _under_way(record: RunRecord) -> int:
    return sum(call.completion_time is None for call in record.step("desk").tool_calls)


async def searched(run: Run) -> tuple[str | None, Sequence[str]]:
    """The run's phase and what it waits for, as searches find them."""
    attributes = (await run.handle.describe()).typed_search_attributes
    return attributes.get(PHASE), attributes.get(AWAITING) or []


def calls_of(record: RunRecord) -> dict[str, ToolCallRecord]:
    """Tool calls by their tools' names; of several the last."""
    return {call.tool: call for call in record.step("desk").tool_calls}


async def test_no_effect_is_repeated_without_its_key_or_without_a_person(lab: Lab, home: Path) -> None:
    script = calling({"name": "look"}, {"name": "put"}, {"name": "pay", "arguments": {"sum": 9}})
    with Sink(delay=60) as sink:
        with tool_worker(lab, home, script=script) as worker:
            runs = [await lab.start(agent_plan(*desk(sink))) for _ in range(3)]
            runs.append(await _start_unsearchable(lab, agent_plan(*desk(sink), timeout_seconds=26)))
            await sink.until_asked(12)
            worker.kill()
        sink.delay = 0
        with tool_worker(lab, home, script=script) as worker:
            records = [await until_waiting(run) for run in runs]
            worker.kill()  # while they wait
        for record in records:
            made = calls_of(record)
            assert sink.asked_at("/look").count(made["look"].key) == 2
            assert sink.asked_at("/put").count(made["put"].key) == 2
            assert sink.asked_at("/pay").count(made["pay"].key) == 1
            assert (made["put"].attempts, made["pay"].is_error) == (2, True)
            assert [one.id for one in record.awaiting] == [PAY]
            assert made["pay"].key in record.awaiting[0].message
        assert [await searched(run) for run in runs] == [("Running", [PAY])] * 3 + [(None, [])]
        with tool_worker(lab, home, script=script):
            await _decide_all(*runs)
            records = [await ended_alike(run, replayed=True) for run in runs]
    assert [record.phase for record in records] == ["Succeeded", "Succeeded", "Failed", "Succeeded"]
    retried, answered, rejected, _ = records
    assert sink.asked_at("/pay").count(calls_of(retried)["pay"].key) == 2
    assert len(sink.asked_at("/pay")) == 5
    paid, taken = calls_of(retried)["pay"], calls_of(answered)["pay"]
    assert (paid.id, paid.result, paid.is_error) == (f"{PAY}~2", '{"done": true}', False)
    assert (taken.id, taken.result, taken.is_error) == (PAY, "It was paid.", False)
    assert rejected.error is not None
    assert (rejected.reason, rejected.error.type) == ("StepFailed", "ToolOutcomeUnknown")
    for run, phase in zip(runs[:3], ("Succeeded", "Succeeded", "Failed"), strict=True):
        assert await searched(run) == (phase, [])
    for run in runs:
        await replay(run)


async def _start_unsearchable(lab: Lab, plan: Plan) -> Run:
    """Start a run as one of a server that lacks our search attributes, and as subtasks are."""
    start = PipelineInput(plan=plan)
    await lab.connection.client.start_workflow(PIPELINE, start, id="unsearchable", task_queue=lab.queue)
    return lab.run("unsearchable")


async def _decide_all(retried: Run, answered: Run, rejected: Run, unsearchable: Run) -> None:
    for run in (retried, unsearchable):
        stale = await refused(run, Decision(id="desk#tool-9.9", decision="retry"))
        assert f'"desk#tool-9.9"; it waits for: {PAY}.' in stale
    again = Decision(id=PAY, decision="retry", by="ann")
    for _ in range(2):
        await decide(retried, again, update="once")
    assert "already sent back" in await refused(retried, again)
    answer = Decision(id=PAY, decision="answer", text="It was paid.", by="bob")
    await decide(answered, answer)
    await decide(rejected, Decision(id=PAY, decision="reject"))
    await decide(unsearchable, answer)


KEYS = {"ARK_ENCRYPTION_KEYS": f"k1:{base64.b64encode(os.urandom(32)).decode()}"}


@pytest.fixture
def redis_storage() -> Iterator[RedisPlace]:
    yield from redis_place()


@dataclass(frozen=True)
class Place:
    """A storage, and a lab that uses it, which its workers do as well."""

    lab: Lab
    storage: str
    environ: dict[str, str] = field(default_factory=dict[str, str])


async def test_an_answer_that_temporal_was_not_told_is_not_paid_for_again(
    lab: Lab, home: Path, redis_storage: RedisPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, sealed = lab.connection.address, str(home / "sealed")
    places = {
        "directory": Place(lab, str(lab.directory)),
        "redis": Place(await lab_on(address, redis_storage[0]), redis_storage[0]),
    }
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    places["encrypted"] = Place(await lab_on(address, sealed), sealed, KEYS)
    await asyncio.gather(*(_die_after_an_answer(place, home / name) for name, place in places.items()))
    written = [file.read_bytes() for file in Path(sealed).rglob("*") if file.is_file()]
    assert written
    assert not any(b"ZEBRAFISH" in data for data in written)
    for place in places.values():
        await place.lab.connection.aclose()


async def _die_after_an_answer(place: Place, home: Path) -> None:
    lab, last = place.lab, "The last word, of ZEBRAFISH."
    words: dict[str, Any] = {"storage": place.storage, "environ": place.environ}
    with StubServer(adding(1, reply=last), strict=True) as model:
        with tool_worker(lab, home, model=model, dies_after=2, **words) as worker:
            run = await lab.start(stubbed_plan(*python("add")))
            assert await asyncio.to_thread(worker.running.wait, 60) == -signal.SIGKILL
        assert (await run.record()).phase == "Running"
        with tool_worker(lab, home, model=model, **words):
            record = await ended_alike(run, 90)
    assert (record.phase, record.output) == ("Succeeded", last)
    assert len(model.requests) == 2, "an answer was paid for twice"
    assert [call.attempts for call in record.step("desk").calls] == [1, 2]
    assert record.token_usage.input_tokens == 2 * 12


async def test_another_worker_tells_the_model_what_the_first_would_have(lab: Lab, home: Path) -> None:
    """The second worker reads the conversation from the run's history; also of one that continued as new."""
    home.mkdir(exist_ok=True)
    port = free_port()
    restless = ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SUGGEST_AFTER}")
    with plain_server(port, home / "server.log", *restless):
        there = await lab_on(f"127.0.0.1:{port}", str(home / "there"))
        (record, told), (restarted, told_restarted) = await asyncio.gather(
            _die_in_turn_five(lab, home / "steady"), _die_in_turn_five(there, home / "restless")
        )
    with StubServer(adding(10), strict=True) as model:
        async with lab.working(keys(model.url), tools=[TOOLS]):
            undisturbed = await (await lab.start(stubbed_plan(*python("add")))).ended()
        expected = [request.body for request in model.requests]
    assert len(expected) == 11
    assert told == expected
    assert told_restarted == expected
    for each in (record, restarted, undisturbed):
        assert (each.phase, each.output) == ("Succeeded", "All done.")
        assert [call.result for call in each.step("desk").tool_calls] == [str(100 + n) for n in range(1, 11)]


async def _die_in_turn_five(lab: Lab, home: Path) -> tuple[RunRecord, list[dict[str, Any]]]:
    """The record, and what the model was told; of what it was told twice, once."""
    with StubServer(adding(10, hang_in=5), strict=True) as model:
        with tool_worker(lab, home, model=model) as worker:
            run = await lab.start(stubbed_plan(*python("add")))
            first = (await run.handle.describe()).run_id
            await asyncio.to_thread(model.await_requests, 5, 60)
            worker.kill()
        with tool_worker(lab, home, model=model):
            record = await ended_alike(run, 90)
        last = (await run.handle.describe()).run_id
        told = [request.body for request in model.requests]
    assert (first != last) == (home.name == "restless")
    assert record.step("desk").calls[4].attempts == 2
    assert told.pop(4) == told[4]
    return record, told


async def test_workers_that_take_turns_tell_the_model_the_same(lab: Lab, home: Path) -> None:
    with StubServer(adding(6), strict=True) as model:
        with (
            tool_worker(lab, home / "one", model=model, calls=1),
            tool_worker(lab, home / "two", model=model, calls=1),
        ):
            runs = [await lab.start(stubbed_plan(*python("add"))) for _ in range(4)]
            records = [await run.ended(60) for run in runs]
        told = {json.dumps(request.body, sort_keys=True) for request in model.requests}
        assert (len(told), len(model.requests)) == (7, 4 * 7)
    assert {(record.phase, record.output) for record in records} == {("Succeeded", "All done.")}
    workers = [await _workers_of(run) for run in runs]
    assert max(map(len, workers)) == 2, "no run was on both workers"


async def _workers_of(run: Run) -> set[str]:
    """Who worked on a run."""
    return {
        event.activity_task_started_event_attributes.identity
        for event in await run.events()
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
    }


async def lab_on(address: str, storage: str) -> Lab:
    """A lab on another Temporal, or with another storage."""
    return Lab(await connect(ConnectOptions(address=address, storage=storage)), Path(storage))
