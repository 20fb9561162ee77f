"""What a server says, in which dialect, and how much of it is taken."""

import json
from collections.abc import Callable

import pytest

from ark_temporal.tools.mcp import McpPool, McpServer
from ark_temporal.tools.types import ToolError
from tests.integration.mcp.servers import Lab, Mode, Run

MIB = 1024 * 1024


async def test_answers_up_to_a_limit(pool: McpPool, any_lab: Lab) -> None:
    run = Run(pool, any_lab.server())
    assert len(await run.call("big", size=5 * MIB)) == 5 * MIB
    with pytest.raises(ToolError, match="more than 16 MiB") as raised:
        await run.call("big", size=17 * MIB)
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == (
        "ToolReplyTooLarge",
        True,
        False,
    )
    assert (await run.call("echo", text="small")).endswith("small")


@pytest.mark.parametrize(("mode", "path"), [("http", "/tools"), ("sse", "/x/mcp"), ("simple", "/x/sse")])
async def test_a_server_that_speaks_something_else_than_its_url_says(
    pool: McpPool, start: Callable[..., Lab], mode: Mode, path: str
) -> None:
    lab = start(mode, path=path)
    assert await Run(pool, lab.server()).call("echo", text="hello") == "hello"
    names = [tool.name for tool in (await pool.list_tools(lab.server(), session="run-1")).tools]
    assert names[:2] == ["lab__echo", "lab__slow"]


async def test_a_server_that_is_none(pool: McpPool, start: Callable[..., Lab]) -> None:
    lab = start("simple")
    with pytest.raises(ToolError) as raised:
        await pool.list_tools(McpServer("web", url=f"{lab.origin}/nothing/mcp"), session="run-1")
    assert (raised.value.type, raised.value.retryable) == ("ToolUnreachable", True)
    assert "streamable HTTP: HTTP 404; SSE: HTTP 404; simple HTTP: HTTP 404" in str(raised.value)


async def test_addresses_that_are_none(pool: McpPool) -> None:
    for server in (
        McpServer("none"),
        McpServer("both", url="http://x", command=("x",)),
        McpServer("odd", url="x"),
    ):
        with pytest.raises(ToolError) as raised:
            await pool.list_tools(server, session="run-1")
        assert (raised.value.type, raised.value.retryable) == ("ToolNotConfigured", False), server.name


async def test_a_manifest_chooses_tools_and_says_what_they_do(
    pool: McpPool, start: Callable[..., Lab]
) -> None:
    lab = start("stdio", "--tools", "1100")
    chosen = lab.server(only=("echo", "slow", "pid", "ehco"), effects={"echo": "unsafe", "*": "idempotent"})
    listing = await pool.list_tools(chosen, session="run-1")
    assert {tool.remote_name: tool.effect for tool in listing.tools} == {
        "echo": "unsafe",
        "slow": "idempotent",
        "pid": "idempotent",
    }
    assert 'MCP server "lab" has no tool "ehco", named in `only`.' in listing.warnings[0]
    everything = await pool.list_tools(lab.server(), session="run-1")
    assert len(everything.tools) == 1000
    assert "more than 1000 tools" in everything.warnings[0]
    assert {tool.remote_name: tool.effect for tool in everything.tools[:3]} == {
        "echo": "read",
        "slow": "idempotent",
        "big": "unsafe",
    }


async def test_a_list_without_an_end(pool: McpPool, start: Callable[..., Lab]) -> None:
    listing = await pool.list_tools(start("stdio", "--endless").server(), session="run-1")
    assert listing.tools
    assert "too many pages" in listing.warnings[0]


async def test_the_simple_dialect(pool: McpPool, start: Callable[..., Lab]) -> None:
    lab = start("simple")
    run = Run(pool, lab.server())
    listing = await pool.list_tools(run.server, session="run-1")
    assert [(tool.name, tool.effect, tool.input_schema["type"]) for tool in listing.tools] == [
        ("lab__echo", "unsafe", "object"),
        ("lab__slow", "read", "object"),
        ("lab__seen", "unsafe", "object"),
    ]
    seen = json.loads((await run.answer("seen", key="the-key")).content)
    assert seen["headers"]["idempotency-key"] == "the-key"
    for status, said in ((404, "nothing here"), (422, "which one?"), (500, "a bug")):
        answer = await run.answer("status", status=status, text=said)
        assert (answer.is_error, answer.content) == (True, f"HTTP {status}: {said}")
    unknown = await run.answer("nonsense")
    assert (unknown.is_error, unknown.content) == (True, "HTTP 404: There is no tool nonsense.")
    with pytest.raises(ToolError) as raised:
        await run.answer("status", status=503, text="not now")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == (
        "ToolConnectionLost",
        True,
        True,
    )


async def test_the_key_of_a_call_travels_with_it(pool: McpPool, any_lab: Lab) -> None:
    run = Run(pool, any_lab.server())
    seen = json.loads((await run.answer("seen", key="the-key")).content)
    assert "the-key" in (seen["key"], seen["headers"].get("idempotency-key"))
    failed = await run.answer("fail", text="out of paper")
    assert failed.is_error
    assert "fail" in failed.content
