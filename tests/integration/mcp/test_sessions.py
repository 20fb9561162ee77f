"""Servers that keep something for a run."""

from collections.abc import Callable

import pytest

from ark_temporal.tools.mcp import McpPool
from tests.integration.mcp.servers import Lab, Mode, Run

MODES: tuple[Mode, ...] = ("legacy", "sse")


@pytest.mark.parametrize("any_lab", MODES, indirect=True)
async def test_each_run_has_a_session_of_its_own(pool: McpPool, any_lab: Lab) -> None:
    first, second = Run(pool, any_lab.server()), Run(pool, any_lab.server(), "run-2")
    await first.call("remember", text="apple")
    await second.call("remember", text="pear")
    assert await first.call("recall") == "apple"
    assert await second.call("recall") == "pear"
    await pool.end_session("run-1")
    assert await first.call("recall") == "nothing"
    assert await second.call("recall") == "pear"


@pytest.mark.parametrize("mode", MODES)
async def test_a_session_lost_between_calls_is_said_before_anything_is_done(
    pool: McpPool, start: Callable[..., Lab], mode: Mode
) -> None:
    lab = start(mode)
    run = Run(pool, lab.server())
    await run.call("remember", text="apple")
    await lab.restart()
    lost = await run.answer("slow", seconds=0)
    assert lost.is_error
    assert "This call was not made" in lost.content
    assert not any(line.startswith("slow") for line in lab.traces)
    assert await run.call("recall") == "nothing"


@pytest.mark.parametrize("mode", MODES)
async def test_a_list_needs_no_former_session(pool: McpPool, start: Callable[..., Lab], mode: Mode) -> None:
    lab = start(mode)
    await pool.list_tools(lab.server(), session="run-1")
    await lab.restart()
    assert (await pool.list_tools(lab.server(), session="run-1")).tools
    assert await Run(pool, lab.server()).call("echo", text="hello") == "hello"
