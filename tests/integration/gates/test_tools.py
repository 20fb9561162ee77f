"""Tools that people have to approve: by their arguments, of MCP servers, and what goes on beside them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import ToolCallRecord
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from tests.integration.agents.crew import TOOLS
from tests.integration.agents.mcp_plans import server_plan
from tests.integration.agents.scripts import agent_plan, calling, python
from tests.integration.agents.sink import Sink
from tests.integration.gates.asking import BEFORE, about, asks, ended, question, refused, take
from tests.integration.lab import Lab
from tests.integration.mcp.servers import lab as lab_server

NEVER = GatePlan(condition="false")
SCHEMA: Any = {"type": "object", "required": ["sum"], "properties": {"sum": {"type": "integer"}}}


def pay(sum: int) -> Any:
    """What a model asks for."""
    return {"name": "pay", "arguments": {"sum": sum}}


def paying(sink: Sink, gate: GatePlan) -> ToolPlan:
    return ToolPlan(
        name="pay",
        effect="unsafe",
        webhook=WebhookPlan(url=f"{sink.url}/pay"),
        gate=gate,
        input_schema=SCHEMA,
    )


async def test_a_condition_over_arguments_and_calls_that_do_not_wait_for_each_other(lab: Lab) -> None:
    gate = GatePlan(condition="{{ gt (.arguments.sum | int) 100 }}", message="Pay {{ .arguments.sum }}?")
    with Sink() as sink:
        async with lab.working(script=calling(pay(5), pay(500))):
            run = await lab.start(agent_plan(paying(sink, gate)))
            waited = await question(run)
            await sink.until_asked(1)
            assert waited.message == 'Pay 500?\nStep "desk" wants to call the tool pay.'
            assert [asked.json for asked in sink.asked] == [{"sum": 5}]
            assert "'sum' is a required property" in await refused(run, about(waited, "edit", value={}))
            assert "is not of type 'object'" in await refused(run, about(waited, "edit", text="[1]"))
            await take(lab, run, about(waited, "approve"))
            record = await ended(run)
        assert [asked.json for asked in sink.asked] == [{"sum": 5}, {"sum": 500}]
        first, second = sink.asked
        assert first.key != second.key
    assert (record.phase, len(record.decisions)) == ("Succeeded", 1)


async def test_two_calls_of_one_turn_are_decided_each_by_itself(lab: Lab) -> None:
    with Sink() as sink:
        async with lab.working(script=calling(pay(1), pay(2), pay(3))):
            run = await lab.start(agent_plan(paying(sink, BEFORE)))
            one, two, three = await asks(run, 3)
            await asyncio.gather(
                take(lab, run, about(one, "reject", comment="no")),
                take(lab, run, about(two, "approve")),
                take(lab, run, about(three, "edit", value={"sum": 30})),
            )
            record = await ended(run)
        assert sorted(asked.json["sum"] for asked in sink.asked) == [2, 30]
    told = {call.id: call for call in record.step("desk").tool_calls}
    assert "rejected by ann: no" in told["desk#tool-1.1"].result
    assert told["desk#tool-1.3"].arguments == '{"sum": 30}'
    assert len(record.decisions) == len(record.step("desk").warnings) == 3


async def test_a_python_tool_that_people_approve(lab: Lab) -> None:
    [add] = python("add")
    gated = add.model_copy(update={"gate": BEFORE})
    async with lab.working(script=calling({"name": "add", "arguments": {"a": 1}}), tools=[TOOLS]):
        run = await lab.start(agent_plan(gated))
        waited = await question(run)
        assert waited.answer_schema is not None
        await take(lab, run, about(waited, "edit", value={"a": 2, "b": 3}))
        record = await ended(run)
    assert record.step("desk").tool_calls[0].result == "5"


async def test_a_subtask_that_people_approve(lab: Lab) -> None:
    tool = ToolPlan(type="builtin", name="submit_subtask", gate=BEFORE)
    script = calling({"name": "submit_subtask", "arguments": {"prompt": "count"}})
    async with lab.working(script=script):
        run = await lab.start(agent_plan(tool))
        waited = await question(run)
        assert not any(
            event.HasField("start_child_workflow_execution_initiated_event_attributes")
            for event in await run.events()
        )
        await take(lab, run, about(waited, "approve"))
        record = await ended(run)
        [call] = record.step("desk").tool_calls
        assert call.result == f"subtask submitted with id: {run.id}-sub-1"
        child = lab.run(f"{run.id}-sub-1")
        await take(lab, child, about(await question(child), "reject"))
        assert (await ended(child)).phase == "Succeeded"


@pytest.mark.slow
async def test_tools_of_an_mcp_server_but_for_one(lab: Lab, tmp_path: Path) -> None:
    script = calling(
        {"name": "desk__echo", "arguments": {"text": "one"}}, {"name": "desk__pid", "arguments": {}}
    )
    with lab_server("http", tmp_path) as server:
        gates = {"*": GatePlan(approvers=("ann",)), "pid": NEVER}
        async with lab.working(script=script):
            run = await lab.start(agent_plan(mcp_servers=[server_plan(server, "desk", gates=gates)]))
            waited = await question(run)
            assert waited.message == 'Step "desk" wants to call the tool desk__echo.'
            assert "these may: ann" in await refused(run, about(waited, "approve", "eve"))
            await take(lab, run, about(waited, "edit", value={"text": "two"}))
            record = await ended(run)
    calls: dict[str, ToolCallRecord] = {call.tool: call for call in record.step("desk").tool_calls}
    assert (calls["desk__echo"].result, calls["desk__pid"].is_error) == ("two", False)
