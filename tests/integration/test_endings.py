"""How runs end: the record says the same with and without a worker, and no call goes on for nobody."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.client import WorkflowExecutionStatus

from ark_temporal.llm.mock import MockRule, MockScript
from ark_temporal.plan.model import LoopPlan, Plan
from ark_temporal.plan.record import RunRecord
from ark_temporal.plan.start import PipelineInput
from ark_temporal.runs.names import PIPELINE
from tests.integration.lab import Lab, Run
from tests.integration.plans import chain, keys, plan, step

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def rule(**fields: Any) -> MockRule:
    return MockRule.model_validate(fields)


BRANCHES = plan(
    step("yes", after=["start"], condition="{{ true }}"),
    step("no", after=["start"], condition='{{ eq .steps.start.output "other" }}'),
    step("start"),
    step("end", after=["yes", "no"]),
    case=None,
)
LOOP = plan(
    step(
        "count",
        "from {{ .steps.count.data.n }}",
        output_schema=NUMBER,
        loop=LoopPlan(condition="{{ lt .steps.count.data.n 3 }}", max_iterations=5),
    ),
    case=None,
)
ENDINGS: dict[str, tuple[Plan, list[MockRule], str, str]] = {
    "succeeded": (chain("a", "b", case=None), [], "Succeeded", ""),
    "skipped": (BRANCHES, [], "Succeeded", ""),
    "loop": (
        LOOP,
        [rule(role="count", call=call, reply={"n": call + 1}) for call in range(4)],
        "Succeeded",
        "",
    ),
    "repaired": (
        plan(step("count", output_schema=NUMBER), case=None),
        [rule(purpose="task", reply="three"), rule(purpose="repair", reply={"n": 3})],
        "Succeeded",
        "",
    ),
    "failed": (
        plan(step("bad"), step("slow"), step("never", after=["slow"]), case=None),
        [rule(role="bad", fail={"type": "ModelBadRequest"}), rule(role="slow", delay_seconds=1)],
        "Failed",
        "StepFailed",
    ),
    "invalid output": (
        plan(step("count", output_schema=NUMBER), case=None),
        [rule(reply="three")],
        "Failed",
        "StepFailed",
    ),
    "output failed": (
        chain("a", case=None, output="{{ .steps.a.data.x.y }}{{ fail 1 }}"),
        [],
        "Failed",
        "OutputFailed",
    ),
    "timed out": (
        plan(step("quick"), step("slow"), case=None, timeout_seconds=2),
        [rule(role="slow", delay_seconds=3)],
        "Failed",
        "TimedOut",
    ),
    "budget exceeded": (
        plan(step("big"), step("slow"), step("never", after=["big"]), case=None, max_tokens=100),
        [rule(role="big", usage={"outputTokens": 500}), rule(role="slow", delay_seconds=0.5)],
        "Failed",
        "BudgetExceeded",
    ),
}


async def both_records(lab: Lab, run: Run) -> tuple[RunRecord, RunRecord]:
    """The record by the history with no worker, and by the workflow itself."""
    by_history = await run.record()
    async with lab.working():
        by_query = await run.asked()
    return by_history, by_query


@pytest.mark.parametrize("name", ENDINGS)
async def test_the_record_is_the_same_without_a_worker(lab: Lab, name: str) -> None:
    made, rules, phase, reason = ENDINGS[name]
    async with lab.working(script=MockScript(rules=tuple(rules))):
        run = await lab.start(made)
        ended = await run.ended()
        live = await run.asked()
    by_history, by_replay = await both_records(lab, run)
    assert (by_history.phase, by_history.reason) == (phase, reason)
    assert by_history == live
    assert by_replay == live
    assert by_history == ended


async def test_a_deadline_keeps_what_was_done(lab: Lab) -> None:
    made, rules, *_ = ENDINGS["timed out"]
    async with lab.working(script=MockScript(rules=tuple(rules))):
        record = await (await lab.start(made)).ended()
    assert {step.name: step.phase for step in record.steps} == {"quick": "Succeeded", "slow": "Cancelled"}
    assert record.step("quick").output
    assert record.completion_time is not None
    assert 2 <= (record.completion_time - record.start_time).total_seconds() < 4


async def test_a_run_in_flight_tells_the_same_too(lab: Lab) -> None:
    script = MockScript(rules=(rule(role="b", delay_seconds=4),))
    async with lab.working(script=script):
        run = await lab.start(chain("a", "b", case=None))
        await run.until_running("b")
        assert await run.record() == await run.asked()
        await run.handle.cancel()
        await run.ended()


@pytest.mark.slow
async def test_a_cancelled_run_hangs_up_on_the_model(lab: Lab) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()  # to its end, which comes when the client leaves
        left.set()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1")
    async with server, asyncio.timeout(40):
        port = server.sockets[0].getsockname()[1]
        async with lab.working(keys(f"http://127.0.0.1:{port}")):
            run = await lab.start(chain("asks", "never"))
            await asked.wait()
            await run.handle.cancel()
            record = await run.ended()
            async with asyncio.timeout(30):
                await left.wait()
            live = await run.asked()
    assert (record.phase, record.reason) == ("Cancelled", "Cancelled")
    assert {step.name: step.phase for step in record.steps} == {"asks": "Cancelled", "never": "Pending"}
    assert record == live
    assert (await run.handle.describe()).status == WorkflowExecutionStatus.CANCELED


async def test_a_run_cancelled_before_any_worker_came(lab: Lab) -> None:
    run = await lab.start(chain("a", case=None))
    await run.handle.cancel()
    async with lab.working():
        record = await run.ended()
        live = await run.asked()
    assert record.phase == "Cancelled"
    assert record == live


async def test_a_terminated_run_is_told_by_its_history(lab: Lab) -> None:
    async with lab.working(script=MockScript(rules=(rule(role="b", delay_seconds=3),))):
        run = await lab.start(chain("a", "b", case=None))
        await run.until_running("b")
        await run.handle.terminate(reason="enough of it")
        record = await run.ended()
    assert (record.phase, record.reason) == ("Terminated", "Terminated")
    assert record.error is not None
    assert "enough of it" in record.error.message
    assert {step.name: step.phase for step in record.steps} == {"a": "Succeeded", "b": "Cancelled"}


@pytest.mark.parametrize("given", [{}, {"count": "many"}], ids=["missing", "wrong type"])
async def test_an_input_that_does_not_fit_fails_the_run(lab: Lab, given: Mapping[str, JsonValue]) -> None:
    """A client that is not ours may start what `submit` refuses."""
    declared = chain("a", case=None, inputs=({"name": "count", "type": "integer", "required": True},))
    await lab.connection.client.start_workflow(
        PIPELINE,
        PipelineInput(plan=declared, input=dict(given)),
        id=f"unchecked-{lab.queue}",
        task_queue=lab.queue,
    )
    run = lab.run(f"unchecked-{lab.queue}")
    async with lab.working():
        record = await run.ended()
    assert (record.phase, record.reason) == ("Failed", "InvalidInput")
    assert record.error is not None
    assert "count" in record.error.message
