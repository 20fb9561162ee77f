"""A supervisor through each provider's own SDK, against servers that are strict about its format."""

import json
from typing import Any

import pytest

from ark_temporal.plan.model import Plan
from tests.integration.agents.crew import ended_alike
from tests.integration.lab import Lab
from tests.integration.llm.providers import CASES, Case
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.llm.wire_formats import ScriptedCall
from tests.integration.plans import agent, keys, step

pytestmark = pytest.mark.slow

TASKS = ("the rivers", "the lakes")


def led(case: Case) -> Plan:
    """A lead and a scribe of that provider."""
    # Said by the plan, since a base URL of one's own is taken for a compatible server's.
    forced = {"provider": case.provider}
    lead = agent("lead", case, can_delegate=("scribe",)).model_copy(update=forced)
    scribe = agent("scribe", case, description="Writes\nshort texts.").model_copy(update=forced)
    return Plan(
        team="lab",
        namespace="lab",
        agents={"lead": lead, "scribe": scribe},
        steps=(step("lead", "Write about water."),),
        entry="lead",
    )


def rules(first: list[ScriptedCall]) -> list[Rule]:
    """The lead hands on, the scribe writes, the lead answers."""
    return [
        Rule(match=Match(substring="the lakes are deep"), reply=Reply(text="Both are done.")),
        Rule(
            match=Match(substring="Write about water."), reply=Reply(tool_calls=first, reasoning="Two parts.")
        ),
        Rule(match=Match(substring="the rivers"), reply=Reply(text="the rivers are long", delay=0.5)),
        Rule(match=Match(substring="the lakes"), reply=Reply(text="the lakes are deep")),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.provider)
async def test_a_lead_hands_two_tasks_on_in_one_turn(lab: Lab, case: Case) -> None:
    calls = [
        ScriptedCall(name="delegate", arguments={"role": "scribe", "prompt": f"Tell of {task}."})
        for task in TASKS
    ]
    with StubServer(rules(calls), strict=True) as server:
        async with lab.working(keys(server.url, case)):
            run = await lab.start(led(case))
            record = await ended_alike(run)
            below = [await ended_alike(lab.run(f"{run.id}-scribe-{n}")) for n in (1, 2)]
    assert (record.phase, record.output) == ("Succeeded", "Both are done."), record.error
    assert [one.output for one in below] == ["the rivers are long", "the lakes are deep"]
    assert [call.result for call in record.step("lead").tool_calls] == [one.output for one in below]
    own = sum(call.token_usage.total_tokens for call in record.step("lead").calls)
    assert record.token_usage.total_tokens == own + sum(one.token_usage.total_tokens for one in below)

    asked: list[dict[str, Any]] = [request.body for request in server.requests]
    assert len(asked) == 4
    offered = json.dumps(asked[0])
    assert all(part in offered for part in ("delegate", "scribe: Writes short texts.", '"enum": ["scribe"]'))
    last = json.dumps(asked[-1])
    assert last.index("the rivers are long") < last.index("the lakes are deep")
    assert not any("delegate" in json.dumps(body) for body in asked[1:3]), "a scribe may hand tasks to nobody"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.provider)
async def test_a_role_that_may_not_be_asked_is_refused_in_the_providers_words(lab: Lab, case: Case) -> None:
    wanted = [ScriptedCall(name="delegate", arguments={"role": "boss", "prompt": "Pay."})]
    script = [
        Rule(match=Match(nth=1), reply=Reply(tool_calls=wanted, reasoning="He pays.")),
        Rule(match=Match(substring="and not to 'boss'"), reply=Reply(text="Then not.")),
    ]
    with StubServer(script, strict=True) as server:
        async with lab.working(keys(server.url, case)):
            record = await ended_alike(await lab.start(led(case)))
    assert (record.phase, record.output) == ("Succeeded", "Then not.")
    assert record.step("lead").tool_calls[0].is_error
