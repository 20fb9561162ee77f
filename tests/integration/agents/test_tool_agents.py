"""Agents that call tools, on a real Temporal."""

import pytest

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.tools import GivenValue, KeyRef, ToolPlan, WebhookPlan
from ark_temporal.runs.find import list_runs
from tests.integration.agents.scripts import agent_plan, calling, python
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab

TOOLS = "tests.integration.agents.desk_tools"


async def test_a_python_tool_is_called_and_its_result_goes_back(lab: Lab) -> None:
    script = calling({"name": "add", "arguments": {"a": 2, "b": 40}}, {"name": "broken"}, {"name": "add"})
    async with lab.working(script=script, tools=[TOOLS]):
        run = await lab.start(agent_plan(*python("add", "broken")))
        record = await run.ended()
        assert await run.asked() == record
    assert (record.phase, record.output) == ("Succeeded", "All done.")
    added, broken, wrong = record.step("desk").tool_calls
    assert (added.result, added.is_error, added.effect, added.attempts) == ("42", False, "read", 1)
    assert broken.is_error
    assert "the drawer is stuck" in broken.result
    assert wrong.is_error
    assert "a" in wrong.result


async def test_a_webhook_gets_arguments_key_and_secret_header_and_no_history_does(lab: Lab) -> None:
    secret = "tok-91f7c2b6d0"
    with Sink(answer='{"echo": "{{authorization}}"}') as sink:
        tool = ToolPlan(
            name="pay",
            effect="unsafe",
            input_schema={"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]},
            webhook=WebhookPlan(
                url=f"{sink.url}/pay",
                headers={"Authorization": GivenValue(ref=KeyRef(name="bank", key="token"))},
            ),
        )
        script = calling({"name": "pay", "arguments": {"sum": 9}}, {"name": "pay", "arguments": {"sum": "x"}})
        async with lab.working(script=script, secrets={"bank": {"token": secret}}):
            run = await lab.start(agent_plan(tool))
            record = await run.ended()
    paid, wrong = record.step("desk").tool_calls
    [asked] = sink.asked
    assert (asked.json, asked.headers["authorization"], asked.key) == ({"sum": 9}, secret, paid.key)
    assert wrong.is_error
    assert "sum" in wrong.result
    assert paid.result == '{"echo": "[redacted]"}'
    for event in await run.events():
        assert secret.encode() not in event.SerializeToString()


async def test_an_answer_of_any_status_is_the_models_to_read(lab: Lab) -> None:
    with Sink(status=503, answer="closed for today") as sink:
        tool = ToolPlan(name="look", effect="read", webhook=WebhookPlan(url=sink.url, method="GET"))
        script = calling({"name": "look", "arguments": {"what": "two words"}})
        async with lab.working(script=script):
            record = await (await lab.start(agent_plan(tool))).ended()
    [call] = record.step("desk").tool_calls
    assert call.is_error
    assert "503" in call.result
    assert "closed for today" in call.result
    assert [asked.query for asked in sink.asked] == ["what=two%20words"]


async def test_fifty_tools_in_one_turn(lab: Lab) -> None:
    script = calling({"name": "add", "arguments": {"a": "$n"}, "repeat": 50})
    async with lab.working(script=script, tools=[TOOLS]):
        record = await (await lab.start(agent_plan(*python("add")))).ended()
    assert [call.result for call in record.step("desk").tool_calls] == [str(n) for n in range(50)]


async def test_a_result_of_five_megabytes_does_not_stop_the_run(lab: Lab) -> None:
    script = calling({"name": "blob", "arguments": {"size": 5_000_000}})
    async with lab.working(script=script, tools=[TOOLS]):
        run = await lab.start(agent_plan(*python("blob")))
        record = await run.ended()
    [call] = record.step("desk").tool_calls
    assert record.phase == "Succeeded"
    assert "5000000 characters" in call.result
    assert sum(event.ByteSize() for event in await run.events()) < 20_000
    assert record.token_usage.input_tokens > 25_000


async def test_a_subtask_runs_by_itself(lab: Lab) -> None:
    script = MockScript.model_validate(
        {
            "rules": [
                {"contains": "count", "reply": "three"},
                {"toolCalls": [{"name": "submit_subtask", "arguments": {"prompt": "count"}}]},
                {"reply": "It is under way."},
            ]
        }
    )
    async with lab.working(script=script):
        run = await lab.start(agent_plan(ToolPlan(type="builtin", name="submit_subtask")))
        record = await run.ended()
        subtask = await lab.run(f"{run.id}-sub-1").ended()
    [call] = record.step("desk").tool_calls
    assert (call.result, record.output) == (f"subtask submitted with id: {run.id}-sub-1", "It is under way.")
    assert (subtask.phase, subtask.output, subtask.input) == ("Succeeded", "three", {"task": "count"})


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_thousand_turns(lab: Lab) -> None:
    script = calling({"name": "blob", "arguments": {"size": 10_000}}, turns=1000, reply="Done at last.")
    async with lab.working(script=script, tools=[TOOLS]):
        run = await lab.start(agent_plan(*python("blob")))
        first = (await run.handle.describe()).run_id
        record = await run.ended(280)
        assert await run.asked() == record
        last = (await run.handle.describe()).run_id
    assert (record.phase, record.output) == ("Succeeded", "Done at last.")
    assert len(record.step("desk").tool_calls) == 1000
    assert len({call.key for call in record.step("desk").tool_calls}) == 1000
    assert record.id == run.id
    assert first != last, "it never continued as new"
    [listed] = [one async for one in list_runs(lab.connection, limit=50) if one.id == run.id]
    assert (listed.phase, listed.team, listed.start_time) == ("Succeeded", "lab", record.start_time)
