"""Runs that ask people, in the hands of a test."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from ark_temporal.plan.calls import Notification
from ark_temporal.plan.model import AgentPlan, Plan, StepPlan
from ark_temporal.plan.people import ChannelPlan, GatePlan, NotifyPlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import Awaiting, Decision
from ark_temporal.plan.references import KeyRef
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from tests.unit.plan.driving import Run, plan, step

PAGER = NotifyPlan(name="pager", channels=(ChannelPlan(type="webhook", url=KeyRef(name="hook", key="url")),))


class Asked(Run):
    """A run that people decide about; `eve` has submitted it."""

    now: datetime

    def __init__(self, plan: Plan, given: Mapping[str, JsonValue] | None = None) -> None:
        super().__init__(plan, given)
        self.record.submitted_by = "eve"

    @property
    def question(self) -> Awaiting:
        """The one thing that it waits for."""
        [awaiting] = self.record.awaiting
        return awaiting

    def decide(self, verdict: str, **about: Any) -> str:
        """A decision about what the run waits for, as the workflow takes it; why it was refused, if so."""
        fields: dict[str, Any] = {"decision": verdict} | about
        if "id" not in fields and "digest" not in fields:
            fields |= {"id": self.question.id, "digest": self.question.digest}
        decision = Decision.model_validate(fields)
        before = self.record.model_dump_json()
        if refused := self.progress.refuse(decision):
            assert self.record.model_dump_json() == before, "a refusal changed the run"
            return refused
        self.progress.decide(decision, self.now)
        self.advance()
        return ""

    def passes(self, seconds: float) -> list[str]:
        """Time passes, and the run is told; what people are told then, by event."""
        self.now += timedelta(seconds=seconds)
        before = len(self.requests)
        self.progress.wake(self.now)
        self.advance()
        return [one.event for one in self.requests[before:] if isinstance(one, Notification)]

    def continues(self) -> None:
        """The run continues as new."""
        self.progress.advance(self.now, hold=True)
        assert self.progress.can_continue
        state = type(self.progress.state()).model_validate_json(self.progress.state().model_dump_json())
        self.progress = Progress.begin(
            PipelineInput(plan=self.progress.plan, state=state), run_id="desk-run-1", now=self.now
        )
        self.advance()


def gated(*gates: GatePlan, name: str = "a", prompt: str = "Work.", **fields: Any) -> StepPlan:
    """A step with gates."""
    return step(name, prompt).model_copy(update={"gates": gates, **fields})


def asked(*gates: GatePlan, **fields: Any) -> Asked:
    """A run of one step with gates."""
    return Asked(plan(gated(*gates, **fields)))


def after(**fields: Any) -> GatePlan:
    """A gate after a step."""
    return GatePlan(when="after", **fields)


def paying(gate: GatePlan, *more: StepPlan, **agent: Any) -> Plan:
    """A step of an agent whose tool `pay` people have to approve; `look` is open to it."""
    schema: dict[str, JsonValue] = {
        "type": "object",
        "required": ["sum"],
        "properties": {"sum": {"type": "integer"}},
    }
    pay = ToolPlan(
        name="pay", webhook=WebhookPlan(url="http://bank"), effect="unsafe", gate=gate, input_schema=schema
    )
    look = ToolPlan(name="look", webhook=WebhookPlan(url="http://bank"), effect="read")
    fields: dict[str, Any] = {"tools": (pay, look)} | agent
    return plan(
        step("a"), *more, agent=AgentPlan(role="worker", agent="desk-worker", model="small-1", **fields)
    )
