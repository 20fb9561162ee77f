"""What the mock does in tests of agents."""

from typing import Any

from pydantic import JsonValue

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import Plan
from ark_temporal.plan.tools import ToolPlan
from tests.integration.plans import plan, step


def python(*names: str) -> tuple[ToolPlan, ...]:
    """Python tools, as a manifest declares them."""
    return tuple(ToolPlan(type="python", name=name) for name in names)


def agent_plan(*tools: ToolPlan, **agent: Any) -> Plan:
    """One step, `desk`, of an agent with these tools, which the mock plays."""
    fields: dict[str, Any] = {"tools": tools, "timeout_seconds": 600, "max_turns": 2000} | agent
    return plan(step("desk"), case=None, agents=fields)


def calling(*calls: dict[str, JsonValue], turns: int = 1, reply: str = "All done.") -> MockScript:
    """Ask for these tools in the first turns of a conversation, then answer."""
    rules: list[dict[str, JsonValue]] = [{"toolCalls": list(calls), "turns": turns}, {"reply": reply}]
    return MockScript.model_validate({"rules": rules})
