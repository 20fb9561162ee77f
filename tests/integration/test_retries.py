"""Model calls that go wrong, over real sockets through the providers' SDKs: Temporal owns the retries."""

import asyncio
import json
from pathlib import Path

import pytest

from ark_temporal.plan.record import CallRecord, RunRecord
from tests.integration.lab import Lab
from tests.integration.llm.providers import ANTHROPIC, COMPATIBLE, Case
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys

BOTH = pytest.mark.parametrize("case", [COMPATIBLE, ANTHROPIC], ids=lambda case: case.provider)


def only_call(record: RunRecord) -> CallRecord:
    [call] = [call for step in record.steps for call in step.calls]
    return call


async def run(lab: Lab, case: Case, *replies: Reply, **agents: int) -> tuple[RunRecord, StubServer]:
    """Run one step against a server that gives these replies in turn, and the last of them for ever."""
    *first, last = replies
    rules = [Rule(match=Match(nth=nth), reply=reply) for nth, reply in enumerate(first, 1)]
    with StubServer([*rules, Rule(reply=last)]) as stub:
        async with lab.working(keys(stub.url, case)):
            started = await lab.start(chain("only", case=case, agents=agents))
            record = await started.ended()
    return record, stub


@pytest.mark.slow
@BOTH
async def test_temporal_waits_as_long_as_the_provider_says_and_holds_no_slot(
    lab: Lab, tmp_path: Path, case: Case
) -> None:
    log = tmp_path / "requests.jsonl"
    limited = Reply(status=429, headers={"retry-after": "3"})
    rules = [Rule(match=Match(substring="patient, please", nth=1), reply=limited)]
    with StubServer(rules, log) as stub:
        async with lab.working(keys(stub.url, case), calls=1):
            waiting = await lab.start(chain("patient", case=case))
            await asyncio.to_thread(stub.await_requests, 1)
            between = await (await lab.start(chain("between", case=case))).ended()
            record = await waiting.ended()
    refused, other, answered = [json.loads(line) for line in log.read_text().splitlines()]
    assert answered["time"] - refused["time"] >= 3
    assert "between, please" in json.dumps(other)
    assert between.completion_time is not None
    assert record.completion_time is not None
    assert between.completion_time < record.completion_time
    assert (record.phase, between.phase) == ("Succeeded", "Succeeded")
    assert only_call(record).attempts == 2


@BOTH
async def test_a_server_error_is_tried_again(lab: Lab, case: Case) -> None:
    record, stub = await run(lab, case, Reply(status=500), Reply(text="fine now"))
    assert (record.phase, record.output) == ("Succeeded", "fine now")
    assert (only_call(record).attempts, len(stub.requests)) == (2, 2)


@BOTH
async def test_an_answer_cut_off_is_tried_again(lab: Lab, case: Case) -> None:
    record, stub = await run(lab, case, Reply(behaviour="cut"), Reply(text="whole"))
    assert (record.phase, record.output) == ("Succeeded", "whole")
    assert (only_call(record).attempts, len(stub.requests)) == (2, 2)


@pytest.mark.parametrize(
    ("status", "type"), [(401, "ModelAuthenticationError"), (400, "ModelBadRequest"), (404, "ModelNotFound")]
)
@BOTH
async def test_what_no_retry_mends_fails_at_once(lab: Lab, case: Case, status: int, type: str) -> None:
    record, stub = await run(lab, case, Reply(status=status))
    assert len(stub.requests) == 1
    error = record.error
    assert error is not None
    assert (record.phase, record.reason) == ("Failed", "StepFailed")
    assert (error.type, error.step, error.call, error.attempt) == (type, "only", "only", 1)
    assert str(status) in error.message
    if status == 401:
        assert case.key_variable in error.message
    assert only_call(record).error == error
    assert record.step("only").phase == "Failed"


@pytest.mark.slow
@BOTH
async def test_a_server_that_hangs_meets_the_roles_timeout(lab: Lab, case: Case) -> None:
    record, stub = await run(lab, case, Reply(behaviour="hang"), timeout_seconds=1)
    assert len(stub.requests) == 4
    assert record.error is not None
    assert (record.error.type, record.error.attempt) == ("ModelTimeout", 4)
    assert "within 1 seconds" in record.error.message


@pytest.mark.slow
@BOTH
async def test_garbage_is_an_error_after_all_attempts(lab: Lab, case: Case) -> None:
    record, stub = await run(lab, case, Reply(behaviour="garbage"))
    assert len(stub.requests) == 4
    assert record.error is not None
    assert (record.error.type, record.error.attempt) == ("ModelBadReply", 4)
    assert only_call(record).attempts == 4


async def test_a_missing_key_is_said_without_asking_anybody(lab: Lab) -> None:
    async with lab.working():
        record = await (await lab.start(chain("only", case=ANTHROPIC))).ended()
    assert record.error is not None
    assert record.error.type == "ModelCredentialsMissing"
    assert "ANTHROPIC_API_KEY" in record.error.message
