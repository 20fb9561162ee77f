"""Secrets reach the server, and nobody else: not by errors, answers, logs or reprs."""

import asyncio
import json
import logging
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from ark_temporal.tools.mcp import McpOAuth, McpPool, McpServer
from ark_temporal.tools.types import ToolError
from tests.integration.mcp.lab_server import CLIENT_ID, CLIENT_SECRET
from tests.integration.mcp.servers import HTTP_MODES, Lab, Mode, Run

SECRET = "planted/secret+value=1"


def _oauth(lab: Lab, secret: str = CLIENT_SECRET) -> McpOAuth:
    return McpOAuth(f"{lab.origin}/token", CLIENT_ID, SecretStr(secret), ("read", "write"))


def _fetched(lab: Lab) -> int:
    with urlopen(f"{lab.origin}/count", timeout=5) as answer:
        return json.load(answer)["fetched"]


@pytest.mark.parametrize("any_lab", HTTP_MODES, indirect=True)
async def test_headers_and_tokens_are_sent_but_not_repeated(
    pool: McpPool, any_lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"X-Plain": "plainly", "X-Secret": SecretStr(SECRET)}
    server = any_lab.server(headers=headers, token=SecretStr("planted-token"))
    seen = json.loads(await Run(pool, server).call("seen"))["headers"]
    assert seen["x-plain"] == "plainly"
    assert seen["x-secret"] == "[redacted]"
    assert seen["authorization"] == "Bearer [redacted]"
    for text in (repr(server), str(server), caplog.text):
        assert SECRET not in text
        assert "planted-token" not in text


async def test_a_process_that_complains_of_its_secrets(pool: McpPool, start: Callable[..., Lab]) -> None:
    server = start("stdio").server(env={"LAB_SECRET": SecretStr(SECRET)})
    run = Run(pool, server)
    environment = json.loads(await run.call("environment"))
    assert environment["LAB_SECRET"] == "[redacted]"
    with pytest.raises(ToolError, match="ended with exit code 3") as raised:
        await run.call("die")
    assert "about to die with [redacted]" in str(raised.value)
    assert SECRET not in repr(server)


@pytest.mark.parametrize("mode", ["http", "sse"])
async def test_a_token_is_fetched_once_and_again_when_it_is_refused(
    pool: McpPool, start: Callable[..., Lab], mode: Mode
) -> None:
    lab = start(mode, "--guarded", "--good-for", "30")
    run = Run(pool, lab.server(oauth=_oauth(lab)))
    said = await asyncio.gather(*(run.call("echo", text=str(number)) for number in range(20)))
    assert said == [str(number) for number in range(20)]
    assert _fetched(lab) == 1
    for _ in range(20):
        seen = await run.call("seen")
        assert "Bearer [redacted]" in seen
        assert "lab-token" not in seen
    assert _fetched(lab) == 2


async def test_a_token_that_is_not_to_be_had(pool: McpPool, start: Callable[..., Lab]) -> None:
    lab = start("simple", "--guarded")
    with pytest.raises(ToolError, match=r"no token \(HTTP 401, invalid_client\)") as raised:
        await pool.list_tools(lab.server(oauth=_oauth(lab, SECRET)), session="run-1")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolForbidden", False, False)
    assert SECRET not in str(raised.value)
    gone = McpOAuth("http://127.0.0.1:1/token", CLIENT_ID, SecretStr(SECRET))
    with pytest.raises(ToolError, match="token server cannot be asked") as raised:
        await pool.list_tools(lab.server(oauth=gone), session="run-1")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolUnreachable", False, True)


@pytest.mark.parametrize("mode", ["http", "simple"])
async def test_a_token_that_is_refused(pool: McpPool, start: Callable[..., Lab], mode: Mode) -> None:
    lab = start(mode, "--guarded")
    with pytest.raises(ToolError, match="HTTP 401") as raised:
        await pool.list_tools(lab.server(token=SecretStr(SECRET)), session="run-1")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolForbidden", False, False)
    assert SECRET not in str(raised.value)


async def test_where_a_worker_may_not_go(start: Callable[..., Lab], pool: McpPool) -> None:
    server = McpServer("metadata", url="http://169.254.169.254/mcp")
    with pytest.raises(ToolError) as raised:
        await pool.list_tools(server, session="run-1")
    assert (raised.value.type, raised.value.sent, raised.value.retryable) == ("ToolForbidden", False, False)
