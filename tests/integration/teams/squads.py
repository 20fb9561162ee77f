"""Teams that the mock plays, and what their runs leave behind."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from temporalio.client import WorkflowExecutionStatus

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.record import RunRecord
from tests.integration.agents.crew import ended_alike
from tests.integration.lab import Lab, Run
from tests.integration.plans import NAMESPACE, agent, step


def squad(
    *steps: StepPlan,
    roles: Sequence[str] = (),
    hands: Mapping[str, Sequence[str]] | None = None,
    teams: Mapping[str, Plan] | None = None,
    agents: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Plan:
    """A team whose steps' roles, and those named besides, the mock plays unless they are teams."""
    teams, hands = teams or {}, hands or {}
    named = dict.fromkeys([*(role for each in steps for role in each.roles), *roles])
    players = {
        role: agent(role, None, can_delegate=tuple(hands.get(role, ())), **(agents or {}))
        for role in named
        if role not in teams
    }
    given: dict[str, Any] = {"team": "squad", "namespace": NAMESPACE} | fields
    return Plan(steps=steps, agents=players, teams=dict(teams), **given)


def led(*workers: str, **fields: Any) -> Plan:
    """A team that `lead` leads, who may hand tasks to the workers."""
    return squad(
        step("lead"),
        roles=workers,
        hands={"lead": [*workers, *fields.get("teams", {})]},
        entry="lead",
        **fields,
    )


def script(*rules: Mapping[str, JsonValue]) -> MockScript:
    """What the mock answers, rule by rule."""
    return MockScript.model_validate({"rules": list(rules)})


def hands(*tasks: tuple[str, str], role: str = "lead", **more: Any) -> dict[str, Any]:
    """A rule by which a role hands tasks on in its first turn."""
    calls = [{"name": "delegate", "arguments": {"role": whom, "prompt": what}} for whom, what in tasks]
    return {"role": role, "toolCalls": calls, **more}


async def ended(
    lab: Lab, plan: Plan, mock: MockScript, given: Mapping[str, JsonValue] | None = None
) -> RunRecord:
    """The record of a run that has ended, which history and workflow tell alike."""
    async with lab.working(script=mock):
        return await ended_alike(await lab.start(plan, given))


async def status(lab: Lab, id: str) -> WorkflowExecutionStatus | None:
    """How a workflow ended, by Temporal."""
    return (await lab.run(id).handle.describe()).status


async def children(run: Run) -> list[str]:
    """The ids of the workflows that a run has started."""
    return [
        event.child_workflow_execution_started_event_attributes.workflow_execution.workflow_id
        for event in await run.events()
        if event.HasField("child_workflow_execution_started_event_attributes")
    ]
