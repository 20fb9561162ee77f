"""`networkPolicy: {mode: strict}`: an agent goes where its MCP servers are, and nowhere else."""

import pytest

from ark_temporal.tools.egress import EgressPolicy, guarded_client
from ark_temporal.tools.types import ToolError
from ark_temporal.tools.webhook import WebhookCall, call_webhook
from tests.unit.plan.test_compile import compiled, desk

TOOL = "tools: [{name: t, url: 'http://elsewhere/x'}]"
SERVERS = "mcpServers: [{name: a, url: 'https://a.example/mcp'}, {name: b, url: 'http://10.0.0.1:81'}]"


def only_hosts(*fields: str) -> tuple[str, ...]:
    """What the agent's webhook may reach."""
    plan = compiled(desk("\n".join([TOOL, *fields]))).plan
    [tool] = next(iter(plan.agents.values())).tools
    assert tool.webhook is not None
    return tool.webhook.only_hosts


def test_strict_leaves_the_hosts_of_the_servers() -> None:
    assert only_hosts(SERVERS, "networkPolicy: {mode: strict}") == ("a.example:443", "10.0.0.1:81")


def test_without_servers_nothing_is_left() -> None:
    assert only_hosts("networkPolicy: {mode: strict}") == ("none.invalid",)


def test_without_a_policy_the_operator_alone_says() -> None:
    assert only_hosts(SERVERS) == ()


async def test_another_host_is_refused_before_anything_is_sent() -> None:
    call = WebhookCall(url="http://elsewhere/x", only=EgressPolicy(allow=("a.example:443",)))
    async with guarded_client(EgressPolicy()) as client:
        with pytest.raises(ToolError, match="elsewhere") as caught:
            await call_webhook(client, call, {}, key="k")
    assert (caught.value.type, caught.value.sent) == ("ToolForbidden", False)
