"""People who are told that a run waits for them, over a real socket; and a run that nobody can be told of."""

from typing import Any

import pytest

from ark_temporal.llm.mock import MockScript
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import Awaiting
from tests.integration.agents.crew import TOOLS
from tests.integration.agents.scripts import agent_plan, calling, python
from tests.integration.agents.sink import Sink
from tests.integration.gates.asking import AFTER, HOOK, PAGER, about, asking, ended, question, take, until
from tests.integration.lab import Lab
from tests.integration.mcp.servers import closed_port


def events(sink: Sink) -> list[str]:
    return [asked.json["event"] for asked in sink.asked]


@pytest.mark.slow
async def test_people_are_told_of_the_question_its_reminders_and_its_escalation(lab: Lab) -> None:
    gate = GatePlan(
        message="Soup?",
        approvers=("ann",),
        timeout_seconds=3,
        on_timeout="escalate",
        escalation=(EscalationPlan(approvers=("lead",), timeout_seconds=60),),
        reminder_seconds=2,
        notify=PAGER,
    )
    with Sink() as sink:
        async with lab.working(secrets={HOOK: {"url": f"{sink.url}/hook"}}):
            run = await lab.start(asking(gate, prompt="Cook soup."))
            waited = await question(run)
            await sink.until_asked(3)
            await until(run, lambda record: record.awaiting[0].tier == 1)
            await take(lab, run, about(waited, "approve", "lead"))
            record = await ended(run)
    assert events(sink)[:3] == ["ApprovalRequested", "ApprovalReminder", "ApprovalEscalated"]
    requested, _, escalated = sink.asked[:3]
    told = requested.json
    assert (told["team"], told["run"], told["step"], told["message"]) == ("lab", run.id, "cook", "Soup?")
    shown = Awaiting.model_validate(told["gate"])
    assert (shown.id, shown.subject, shown.digest) == (waited.id, waited.subject, waited.digest)
    assert escalated.json["gate"]["approvers"] == ["ann", "lead"]
    keys = [asked.key for asked in sink.asked]
    assert len(set(keys)) == len(keys)
    assert (record.phase, record.steps[0].warnings) == ("Succeeded", [])


async def test_people_are_told_of_an_output_and_of_a_tool_call(lab: Lab) -> None:
    [add] = python("add")
    tool = add.model_copy(update={"gate": GatePlan(notify=PAGER)})
    whole = agent_plan(tool)
    gated = whole.steps[0].model_copy(update={"gates": (AFTER.model_copy(update={"notify": PAGER}),)})
    script = calling({"name": "add", "arguments": {"a": 1}})
    with Sink() as sink:
        async with lab.working(script=script, tools=[TOOLS], secrets={HOOK: {"url": f"{sink.url}/hook"}}):
            run = await lab.start(whole.model_copy(update={"steps": (gated,)}))
            for kind in ("tool", "output"):
                waited = await question(run)
                assert waited.kind == kind
                await sink.until_asked(1 if kind == "tool" else 2)
                await take(lab, run, about(waited, "approve"))
                if kind == "tool":
                    await until(run, lambda record: bool(record.awaiting) and len(record.decisions) == 1)
            await ended(run)
    assert [asked.json["gate"]["kind"] for asked in sink.asked] == ["tool", "output"]


async def test_a_parked_step_is_told_to_those_who_are_told_of_the_run(lab: Lab) -> None:
    broken = MockScript.model_validate({"rules": [{"role": "cook", "fail": {"type": "ModelBadRequest"}}]})
    with Sink() as sink:
        async with lab.working(script=broken, secrets={HOOK: {"url": f"{sink.url}/hook"}}):
            parking = asking(on_failure="park").model_copy(update={"notify": PAGER})
            run = await lab.start(parking)
            waited = await question(run)
            await sink.until_asked(1)
            await take(lab, run, about(waited, "reject"))
            record = await ended(run)
    told = sink.asked[0].json
    assert (told["event"], told["gate"]["kind"], told["step"]) == ("ApprovalRequested", "failed-step", "cook")
    assert told["gate"]["subject"] == waited.subject
    assert (record.phase, record.steps[0].warnings) == ("Failed", [])


@pytest.mark.parametrize("status", [200, 404, 500], ids=["slow", "refuses", "fails"])
async def test_a_sink_that_does_not_take_it_holds_nothing_up(lab: Lab, status: int) -> None:
    with Sink(status=status, delay=30 if status == 200 else 0) as sink:
        async with lab.working(secrets={HOOK: {"url": f"{sink.url}/hook"}}):
            run = await lab.start(asking(GatePlan(notify=PAGER)))
            await sink.until_asked(1)
            waited = await question(run)
            if status == 404:
                await until(run, lambda record: bool(record.steps[0].warnings))
            await take(lab, run, about(waited, "approve"))
            record = await ended(run, seconds=10)
    assert record.phase == "Succeeded"
    if status == 404:
        [warning] = record.steps[0].warnings
        assert warning.startswith('"pager" told nobody of ApprovalRequested.')
        assert sink.url not in warning


@pytest.mark.parametrize("secrets", [{}, {HOOK: {"url": "no address"}}, None], ids=["none", "wrong", "dead"])
async def test_nobody_there_holds_nothing_up(lab: Lab, secrets: dict[str, Any] | None) -> None:
    dead = {HOOK: {"url": f"http://127.0.0.1:{closed_port()}/hook"}}
    async with lab.working(secrets=dead if secrets is None else secrets):
        run = await lab.start(asking(GatePlan(notify=PAGER, timeout_seconds=600)))
        waited = await question(run)
        if secrets is not None:
            await until(run, lambda record: bool(record.steps[0].warnings))
        await take(lab, run, about(waited, "approve"))
        record = await ended(run, seconds=10)
    assert record.phase == "Succeeded"
