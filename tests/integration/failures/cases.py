"""What tests of rows have in common: a plan, what the mock does, and what is asked how often."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue
from temporalio.api.enums.v1 import EventType

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.record import Awaiting, RunRecord
from tests.integration.agents.crew import ended_alike
from tests.integration.lab import Lab, Run
from tests.integration.plans import NAMESPACE, agent

NUMBER: JsonValue = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
AGAIN = 0.01
"""Seconds that a scripted failure asks to wait, so that tests do not."""


def script(*rules: Mapping[str, Any]) -> MockScript:
    """What the mock does; without a rule it answers by itself."""
    return MockScript.model_validate({"rules": list(rules)})


def failing(role: str, type: str = "ModelBadRequest", **more: Any) -> dict[str, Any]:
    """A rule by which a role's model fails, at once unless `type` is tried again."""
    return {"role": role, "fail": {"type": type, "retryAfterSeconds": AGAIN, **more}}


def team(*steps: StepPlan, agents: Mapping[str, Any] | None = None, **fields: Any) -> Plan:
    """A plan whose roles the mock plays: those of the steps, and all of whom `agents` says something."""
    said = agents or {}
    roles = {role for each in steps for role in each.roles} | set(said)
    made = {
        role: agent(role, None).model_copy(update=dict(said.get(role, {})))
        for role in sorted(roles - set(fields.get("teams", ())))
    }
    given: dict[str, Any] = {"team": "lab", "namespace": NAMESPACE, "agents": made} | fields
    return Plan(steps=steps, **given)


async def called(run: Run) -> dict[str, int]:
    """How often everything was asked that came out, by the activity's id: Temporal's own count."""
    ids: dict[int, str] = {}
    attempts: dict[str, int] = {}
    for event in await run.events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            ids[event.event_id] = event.activity_task_scheduled_event_attributes.activity_id
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            attempts[ids[started.scheduled_event_id]] = started.attempt
    return attempts


async def asks(run: Run, kind: str = "", seconds: float = 40) -> Awaiting:
    """Wait until a run waits for a person, in a question of that kind."""
    async with asyncio.timeout(seconds):
        while True:
            found = [one for one in (await run.record()).awaiting if kind in ("", one.kind)]
            if found:
                return found[0]
            await asyncio.sleep(0.05)


def phases(record: RunRecord) -> dict[str, str]:
    """How each step came out."""
    return {step.name: step.phase for step in record.steps}


@dataclass(frozen=True)
class Case:
    """A run that ends by itself.

    Attributes:
        plan: What runs.
        rules: What the mock does.
        called: How often everything is asked, by the activity's id.
        phases: How each step comes out.
        told: What the error says, or else a warning, in part.
    """

    plan: Plan
    rules: Sequence[Mapping[str, Any]] = ()
    called: Mapping[str, int] = field(default_factory=dict[str, int])
    phases: Mapping[str, str] = field(default_factory=dict[str, str])
    told: str = ""
    given: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    async def run(self, lab: Lab, **working: Any) -> tuple[Run, RunRecord]:
        """Run it to its end, and see that all is as the case says; the record, which all tell alike."""
        async with lab.working(script=script(*self.rules), **working):
            run = await lab.start(self.plan, self.given)
            record = await ended_alike(run)
        asked = await called(run)
        assert asked == self.called, asked
        assert phases(record) == self.phases, (phases(record), record.error)
        said = [record.error.message] if record.error else []
        said += [warning for step in record.steps for warning in step.warnings]
        assert any(self.told in each for each in said) or not self.told, said
        return run, record
