"""Agents with MCP servers, in processes of their own that come and go."""

import asyncio
import json
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import JsonValue
from temporalio.worker import Replayer

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.calls import ToolList, ToolOutcome
from ark_temporal.plan.tools import McpServerPlan
from ark_temporal.runs.names import TOOL_ACTIVITY, TOOLS_ACTIVITY
from tests.integration.agents.mcp_plans import results, server_plan
from tests.integration.agents.scripts import agent_plan, calling
from tests.integration.lab import Lab
from tests.integration.mcp.servers import Lab as LabServer
from tests.integration.mcp.servers import Mode, closed_port
from tests.integration.mcp.servers import lab as lab_server
from worker.sandbox import workflow_sandbox
from workflows.agent_task import AgentTask
from workflows.pipeline import Pipeline

MODES: tuple[Mode, ...] = ("http", "sse", "stdio", "simple")


@pytest.fixture
def servers(tmp_path: Path) -> Generator[dict[Mode, LabServer]]:
    """A server of each dialect, which the test may kill."""
    with ExitStack() as stack, ThreadPoolExecutor() as threads:

        def start(mode: Mode) -> LabServer:
            home = tmp_path / mode
            home.mkdir()
            return stack.enter_context(lab_server(mode, home))

        yield dict(zip(MODES, threads.map(start, MODES), strict=True))


@pytest.mark.slow
async def test_servers_of_every_dialect_and_a_history_that_needs_none_of_them(
    lab: Lab, servers: dict[Mode, LabServer]
) -> None:
    tools: dict[str, dict[str, JsonValue]] = {"echo": {"text": "hello"}, "slow": {"seconds": 0}, "seen": {}}
    wanted: list[dict[str, JsonValue]] = [
        {"name": f"{mode}__{tool}", "arguments": given} for mode in MODES for tool, given in tools.items()
    ]
    plans = [server_plan(server, mode) for mode, server in servers.items()]
    async with lab.working(script=calling(*wanted)):
        run = await lab.start(agent_plan(mcp_servers=plans))
        record = await run.ended()
    assert (record.phase, record.output, record.step("desk").warnings) == ("Succeeded", "All done.", [])
    calls = {call.tool: call for call in record.step("desk").tool_calls}
    answers = await results(run, TOOL_ACTIVITY, ToolOutcome)
    for mode in MODES:
        echo, slow, seen = (calls[f"{mode}__{tool}"] for tool in tools)
        assert (echo.result, slow.result) == ("hello", "done")
        # The simple dialect's server annotates otherwise.
        hints = (
            {"echo": "unsafe", "slow": "read"} if mode == "simple" else {"echo": "read", "slow": "idempotent"}
        )
        assert {"echo": echo.effect, "slow": slow.effect} == hints
        assert seen.effect == "unsafe"
        told = json.loads(answers[seen.id].content)
        key = told["headers"]["idempotency-key"] if mode == "simple" else told["key"]
        assert key == seen.key
    assert len({call.key for call in calls.values()}) == len(calls)

    for mode in ("http", "sse", "simple"):
        servers[mode].kill()
    lists = await results(run, TOOLS_ACTIVITY, ToolList)
    assert {one.tools[0].server for one in lists.values()} == set(MODES)
    replayer = Replayer(
        workflows=[Pipeline, AgentTask],
        data_converter=lab.connection.client.data_converter,
        workflow_runner=workflow_sandbox(),
    )
    await replayer.replay_workflow(await run.handle.fetch_history())


@pytest.mark.slow
async def test_a_server_killed_in_mid_turn_takes_only_its_own_tools_along(lab: Lab, tmp_path: Path) -> None:
    script = MockScript.model_validate(
        {
            "rules": [
                {
                    "toolCalls": [
                        {"name": "left__slow", "arguments": {"seconds": 60}},
                        {"name": "left__pid"},
                        {"name": "right__echo", "arguments": {"text": "one"}},
                    ]
                },
                {"toolCalls": [{"name": "left__pid"}, {"name": "right__echo", "arguments": {"text": "two"}}]},
                {"reply": "Half of it."},
            ]
        }
    )
    (tmp_path / "left").mkdir()
    (tmp_path / "right").mkdir()
    with lab_server("http", tmp_path / "left") as left, lab_server("simple", tmp_path / "right") as right:
        plans = [server_plan(left, "left"), server_plan(right, "right")]
        async with lab.working(script=script):
            run = await lab.start(agent_plan(mcp_servers=plans))
            async with asyncio.timeout(20):
                while sum(bool(call.result) for call in (await run.record()).step("desk").tool_calls) < 2:
                    await asyncio.sleep(0.05)
                while "slow 60.0" not in left.traces:
                    await asyncio.sleep(0.05)
            left.kill()
            record = await run.ended()
    slow, pid, one, gone, two = record.step("desk").tool_calls
    assert (record.phase, record.output) == ("Succeeded", "Half of it.")
    assert (one.result, two.result) == ("one", "two")
    assert not pid.is_error
    assert (slow.is_error, slow.attempts) == (True, 4)
    assert (gone.is_error, gone.effect, gone.attempts) == (True, "unsafe", 1)
    for lost in (slow, gone):
        assert 'MCP server "left"' in lost.result
        assert "could not be reached" in lost.result
    assert [done.is_error for done in (one, two)] == [False, False]


async def test_an_agent_works_without_a_server_that_is_down(lab: Lab, tmp_path: Path) -> None:
    script = calling(
        {"name": "up__echo", "arguments": {"text": "here"}},
        {"name": "down__echo", "arguments": {"text": "x"}},
    )
    down = McpServerPlan(name="down", url=f"http://127.0.0.1:{closed_port()}/mcp")
    with lab_server("simple", tmp_path) as up:
        async with lab.working(script=script):
            run = await lab.start(agent_plan(mcp_servers=[down, server_plan(up, "up")]))
            record = await run.ended()
    step = record.step("desk")
    calls = {call.tool: call for call in step.tool_calls}
    here, missing = calls["up__echo"], calls["down__echo"]
    assert (record.phase, here.result) == ("Succeeded", "here")
    assert missing.is_error
    assert "no tool named 'down__echo'" in missing.result
    [warning] = step.warnings
    assert warning.startswith('MCP server "down": the agent works without them.')
    assert "could not be reached" in warning
