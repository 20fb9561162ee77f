"""Teams that tell people, and the workflows that do it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowExecutionStatus

from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.plan.notices import NotifierResult, notifier_id
from ark_temporal.plan.people import ChannelPlan, NotifyPlan
from ark_temporal.plan.references import KeyRef
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab, Run
from tests.integration.plans import NAMESPACE, agent, step

SLACK = ChannelPlan(type="slack", url=KeyRef(name="slack", key="url"))
HOOK = ChannelPlan(type="webhook", url=KeyRef(name="hook", key="url"))


def pager(*channels: ChannelPlan, **fields: Any) -> NotifyPlan:
    """Tells all events by these channels, or by Slack."""
    return NotifyPlan(name="pager", channels=channels or (SLACK,), **fields)


def telling(
    team: str,
    notify: NotifyPlan | None,
    *steps: StepPlan,
    agents: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Plan:
    """A team whose roles the mock plays; without steps it cooks."""
    steps = steps or (step("cook"),)
    names = {role for each in steps for role in each.roles} - set(fields.get("teams", ()))
    roles: dict[str, AgentPlan] = {
        name: agent(name, None).model_copy(update=dict((agents or {}).get(name, {}))) for name in names
    }
    given: dict[str, Any] = {"team": team, "namespace": NAMESPACE, "agents": roles, "notify": notify} | fields
    return Plan(steps=steps, **given)


def sinks(**by_name: Sink) -> dict[str, dict[str, str]]:
    """Secrets with the addresses of sinks."""
    return {name: {"url": f"{sink.url}/{name}"} for name, sink in by_name.items()}


def texts(sink: Sink) -> list[str]:
    """What Slack was told."""
    return [asked.json["text"] for asked in sink.asked]


def notifier(lab: Lab, team: str, event: str) -> Run:
    """The workflow that tells of an event of a team."""
    return lab.run(notifier_id(NAMESPACE, team, event))


async def ended(lab: Lab, team: str, event: str, seconds: float = 40) -> NotifierResult:
    """Wait until a notifier has nothing left to do."""
    handle = lab.connection.client.get_workflow_handle(
        notifier_id(NAMESPACE, team, event), result_type=NotifierResult
    )
    async with asyncio.timeout(seconds):
        return await handle.result()


async def is_running(lab: Lab, team: str, event: str) -> bool:
    """Whether a notifier has something left to do."""
    description = await notifier(lab, team, event).handle.describe()
    return description.status == WorkflowExecutionStatus.RUNNING


async def details(run: Run) -> str:
    """What the Web UI shows of a workflow."""
    answer = await run.handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return answer.current_details


async def all_ended(runs: Sequence[Run]) -> None:
    """Wait for the end of all."""
    await asyncio.gather(*(run.ended() for run in runs))
