"""What calls share, and what is left when they end."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.mcp import McpPool, McpServer
from ark_temporal.tools.types import ToolError
from tests.integration.mcp.servers import Lab, Run


async def test_two_hundred_calls(pool: McpPool, any_lab: Lab) -> None:
    run = Run(pool, any_lab.server())
    await run.call("connections")
    said = await asyncio.gather(*(run.call("echo", text=str(number)) for number in range(200)))
    assert said == [str(number) for number in range(200)]
    if any_lab.mode == "stdio":
        assert sum(line.startswith("start") for line in any_lab.traces) == 1
    else:
        assert int(await run.call("connections")) <= 10


async def test_a_call_that_takes_too_long(pool: McpPool, any_lab: Lab) -> None:
    run = Run(pool, any_lab.server())
    await run.call("echo", text="first")
    begun = time.monotonic()
    with pytest.raises(ToolError) as raised:
        await run.answer("slow", within=0.4, seconds=30)
    assert time.monotonic() - begun < 10
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolTimeout", True, True)
    cancelled = asyncio.create_task(run.call("slow", seconds=30))
    await asyncio.sleep(0.2)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await run.call("echo", text="last") == "last"
    assert sum(line.startswith("start") for line in any_lab.traces) == 1


@pytest.mark.parametrize("any_lab", ["http"], indirect=True)
async def test_calls_that_wait_for_a_connection_were_not_sent(pool: McpPool, any_lab: Lab) -> None:
    run = Run(pool, any_lab.server())
    await run.call("echo", text="first")
    calls = (run.answer("slow", within=1.5, seconds=30) for _ in range(20))
    ended = await asyncio.gather(*calls, return_exceptions=True)
    sent = [error.sent for error in ended if isinstance(error, ToolError)]
    assert (len(sent), sum(sent)) == (20, 9)


async def test_runs_share_a_process_but_not_its_end(pool: McpPool, start: Callable[..., Lab]) -> None:
    lab = start("stdio")
    first, second = Run(pool, lab.server()), Run(pool, lab.server(only=("echo",)), "run-2")
    number = await first.call("pid")
    assert await second.call("pid") == number
    await pool.end_session("run-1")
    assert await second.call("pid") == number
    await pool.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(int(number), 0)


async def test_a_pool_closed_in_mid_call(start: Callable[..., Lab]) -> None:
    pool = McpPool(partial(guarded_client, EgressPolicy()), allow_commands=True)
    process, web = start("stdio"), start("simple")
    silent = McpServer("silent", command=(sys.executable, "-c", "import time; time.sleep(60)"))
    runs = (Run(pool, process.server()), Run(pool, web.server()), Run(pool, silent))
    number = await runs[0].call("pid")
    calls = [asyncio.create_task(run.call("slow", seconds=30)) for run in runs]
    while not (process.traces[1:] and web.traces[1:]):
        await asyncio.sleep(0.02)
    begun = time.monotonic()
    await pool.aclose()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert time.monotonic() - begun < 9
    types = [error.type for error in ended if isinstance(error, ToolError)]
    assert types == ["ToolConnectionLost", "ToolConnectionLost", "ToolUnreachable"]
    assert not Path(f"/proc/{number}").exists()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_nobody_uses_is_closed(start: Callable[..., Lab]) -> None:
    pool = McpPool(partial(guarded_client, EgressPolicy()), allow_commands=True, idle_seconds=0.4)
    lab, stateful = start("stdio"), start("legacy")
    run, visitor = Run(pool, lab.server()), Run(pool, stateful.server())
    number = await run.call("pid")
    await visitor.call("remember", text="a word")
    deadline = time.monotonic() + 30
    while Path(f"/proc/{number}").exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await run.call("pid") != number
    lost = await visitor.answer("recall")
    assert lost.is_error
    assert "was lost" in lost.content
    assert await visitor.call("recall") == "nothing"
    await pool.aclose()


async def test_a_command_that_ends_at_once(pool: McpPool, tmp_path: Path) -> None:
    program = f"import sys; open({str(tmp_path / 'starts')!r}, 'a').write('x'); sys.exit('No license found.')"
    run = Run(pool, McpServer("broken", command=(sys.executable, "-c", program)))
    ended = await asyncio.gather(*(run.call("echo") for _ in range(20)), return_exceptions=True)
    for error in ended:
        assert isinstance(error, ToolError)
        assert (error.type, error.sent, error.retryable) == ("ToolUnreachable", False, True)
        assert "No license found." in str(error)
    assert len((tmp_path / "starts").read_text()) <= 2


async def test_a_command_that_stops_listening_before_it_says_why(pool: McpPool) -> None:
    program = "exec 0<&-; sleep 0.3; echo No license found. >&2; exit 3"
    runs = [Run(pool, McpServer(f"deaf-{n}", command=("/bin/sh", "-c", program))) for n in range(10)]
    for error in await asyncio.gather(*(run.call("echo") for run in runs), return_exceptions=True):
        assert isinstance(error, ToolError)
        assert "No license found." in str(error)


async def test_a_command_that_says_nothing(pool: McpPool) -> None:
    run = Run(
        pool, McpServer("silent", command=(sys.executable, "-c", "input(); import time; time.sleep(60)"))
    )
    begun = time.monotonic()
    with pytest.raises(ToolError, match="handshake") as raised:
        await run.answer("echo", within=0.7)
    assert raised.value.type == "ToolUnreachable"
    assert time.monotonic() - begun < 10


async def test_commands_that_cannot_be_started(pool: McpPool, start: Callable[..., Lab]) -> None:
    with pytest.raises(ToolError, match='"no-such-program": No such file') as raised:
        await pool.list_tools(McpServer("lost", command=("/usr/bin/no-such-program",)), session="run-1")
    assert (raised.value.type, raised.value.retryable) == ("ToolNotConfigured", False)
    careful = McpPool(partial(guarded_client, EgressPolicy()), allow_commands=False)
    lab = start("stdio")
    with pytest.raises(ToolError, match="Allow commands on the worker") as raised:
        await careful.list_tools(lab.server(), session="run-1")
    assert (raised.value.type, raised.value.retryable) == ("ToolForbidden", False)
    assert lab.traces == []
    await careful.aclose()


async def test_a_process_gets_only_its_own_environment(
    pool: McpPool, start: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-worker")
    run = Run(pool, start("stdio").server(env={"OWN": "its own"}))
    environment = await run.call("environment")
    assert "its own" in environment
    assert "PATH" in environment
    assert "sk-of-the-worker" not in environment
    assert "OPENAI_API_KEY" not in environment
