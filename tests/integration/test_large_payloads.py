"""What does not fit a history: kept in the storage, or refused at once where there is none."""

import dataclasses

import pytest
from temporalio.client import Client

from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.start import PipelineResult
from ark_temporal.runs.connection import Connection
from ark_temporal.storage import data_converter
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys, plan, step

THREE_MB, ONE_MB = 3_000_000, 1_000_000


@pytest.fixture
async def bare(lab: Lab) -> Lab:
    """The same server, without payload storage."""
    client = await Client.connect(lab.connection.address, data_converter=data_converter(None))
    return dataclasses.replace(lab, connection=Connection(client, lab.connection.address))


def huge(step: str, size: int) -> Rule:
    return Rule(match=Match(substring=f'"task: {step}, please'), reply=Reply(behaviour="huge", size=size))


async def history_bytes(run: Run) -> int:
    description = await run.handle.describe()
    return description.raw_description.workflow_execution_info.history_size_bytes


def error_type(record: RunRecord) -> str:
    assert record.error is not None
    return record.error.type


async def test_a_large_answer_goes_through_the_storage(lab: Lab) -> None:
    with StubServer([huge("read", THREE_MB), huge("copy", THREE_MB)]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("read", "copy"))
            record = await run.ended()
            handle = lab.connection.client.get_workflow_handle(run.id, result_type=PipelineResult)
            result = await handle.result()
        prompt = stub.requests[1].body["messages"][-1]["content"]
    assert record.phase == "Succeeded", record.error
    assert len(record.output) == len(result.output) == THREE_MB
    assert len(prompt) > THREE_MB
    assert await history_bytes(run) < 20_000
    stored = [file.stat().st_size for file in lab.directory.rglob("*") if file.is_file()]
    assert len([size for size in stored if size > THREE_MB]) >= 2
    assert await run.record() == record


async def test_without_storage_a_large_answer_fails_at_once(bare: Lab) -> None:
    with StubServer([huge("read", THREE_MB)]) as stub:
        async with bare.working(keys(stub.url)):
            record = await (await bare.start(chain("read", "copy"))).ended(seconds=20)
    assert error_type(record) == "PayloadTooLarge"
    assert len(stub.requests) == 1
    message = record.error.message if record.error else ""
    assert "1900000" in message
    assert "--storage" in message


async def test_without_storage_a_result_too_large_is_a_typed_error(bare: Lab) -> None:
    both = plan(step("one"), step("two"), output="{{ .steps.one.output }}{{ .steps.two.output }}")
    with StubServer([huge("one", ONE_MB), huge("two", ONE_MB)]) as stub:
        async with bare.working(keys(stub.url)):
            record = await (await bare.start(both)).ended(seconds=20)
    assert (record.reason, error_type(record)) == ("OutputFailed", "PayloadTooLarge")
    assert [step.phase for step in record.steps] == ["Succeeded", "Succeeded"]


async def test_without_storage_a_prompt_too_large_is_a_typed_error(bare: Lab) -> None:
    join = "join, please. {{ .steps.one.output }}{{ .steps.two.output }}"
    three = plan(step("one"), step("two"), step("join", join, after=["one", "two"]))
    with StubServer([huge("one", ONE_MB), huge("two", ONE_MB)]) as stub:
        async with bare.working(keys(stub.url)):
            record = await (await bare.start(three)).ended(seconds=20)
    assert (record.reason, error_type(record)) == ("StepFailed", "PayloadTooLarge")
    assert len(stub.requests) == 2


async def test_without_storage_many_prompts_at_once_that_fit_alone_do_not_hang(bare: Lab) -> None:
    """One message to Temporal takes 4 MB, whatever each payload in it may have."""
    copies = [
        step(f"copy{n}", f"copy{n}, please. {{{{ .steps.read.output }}}}", after=["read"]) for n in range(4)
    ]
    with StubServer([huge("read", 1_500_000), *(huge(f"copy{n}", 1_500_000) for n in range(4))]) as stub:
        async with bare.working(keys(stub.url)):
            record = await (await bare.start(plan(step("read"), *copies))).ended(seconds=20)
    assert record.phase == "Succeeded", record.error
    assert [len(step.output) for step in record.steps] == [1_500_000] * 5


async def test_many_middling_prompts_at_once_do_not_hang(lab: Lab) -> None:
    """Each is just too small for the storage; together they are more than one message takes."""
    copies = [
        step(f"copy{n}", f"copy{n}, please. {{{{ .steps.read.output }}}}", after=["read"]) for n in range(90)
    ]
    with StubServer([huge("read", 60_000)]) as stub:
        async with lab.working(keys(stub.url)):
            record = await (await lab.start(plan(step("read"), *copies))).ended(seconds=40)
    assert record.phase == "Succeeded", record.error
