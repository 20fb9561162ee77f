"""Teams whose agents are found by what they can do, from the manifest to the record."""

from io import StringIO

import pytest
from pydantic import JsonValue

from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_team, select_team
from ark_temporal.plan.model import Plan
from tests.e2e.command import ROOT
from tests.integration.lab import Lab
from tests.integration.teams.squads import ended, script

AGENT = """---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {{name: {name}}}
spec:
  model: m
  systemPrompt: You work.
  capabilities: [{{id: sums, tags: [{tags}]}}]
"""
LOOKING = """
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: looking}
spec:
  roles: [{name: clerk, model: m, systemPrompt: You help.}]
  pipeline:
    - role: add
      registryLookup: {capability: CAPABILITY, tags: [TAGS], strategy: STRATEGY, fallback: clerk}
      inputs: {task: "Add 1 and 2."}
"""
ANSWERS = script(*({"role": name, "reply": f"from {name}"} for name in ("ann", "bob", "cy", "clerk")))


def looking(*, capability: str = "sums", tags: str = "", strategy: str = "least-busy") -> Plan:
    """A step that looks for a capability, among ann and bob who are exact, and cy who is quick."""
    team = LOOKING.replace("CAPABILITY", capability).replace("TAGS", tags).replace("STRATEGY", strategy)
    agents = {"ann": "exact", "bob": "exact, slow", "cy": "quick"}
    text = team + "".join(AGENT.format(name=name, tags=tags) for name, tags in agents.items())
    bundle = load(["-"], stdin=StringIO(text))
    return compile_team(bundle, select_team(bundle, "looking"), provider="mock").plan


@pytest.mark.parametrize("strategy", ["least-busy", "round-robin", "random"])
async def test_an_agent_with_all_the_tags_is_found(lab: Lab, strategy: str) -> None:
    record = await ended(lab, looking(tags="exact", strategy=strategy), ANSWERS)
    whole = record.step("add")
    assert record.output in ("from ann", "from bob")
    assert record.output == f"from {whole.resolved_agent}"
    assert (whole.selected_capability, whole.routing_reason) == ("sums", strategy)


@pytest.mark.parametrize(
    ("capability", "tags", "agent"),
    [
        ("sums", "exact, slow", "bob"),
        ("sums", "quick", "cy"),
        ("sums", "quick, exact", ""),
        ("songs", "", ""),
    ],
)
async def test_tags_narrow_it_down_and_the_fallback_stands_in(
    lab: Lab, capability: str, tags: str, agent: str
) -> None:
    record = await ended(lab, looking(capability=capability, tags=tags), ANSWERS)
    assert record.output == f"from {agent or 'clerk'}"
    assert record.step("add").resolved_agent == (agent or "looking-clerk")
    assert (record.step("add").routing_reason == "fallback") is not bool(agent)


CHOICES: list[tuple[JsonValue, str, str]] = [
    ({"capability": "billing", "reason": "A price."}, "accountant", "billing"),
    ({"capability": "cooking"}, "generalist", ""),
    ("It depends.", "generalist", ""),
]


@pytest.mark.parametrize(("said", "agent", "capability"), CHOICES)
async def test_the_router_desk_routes(lab: Lab, said: JsonValue, agent: str, capability: str) -> None:
    bundle = load([ROOT / "examples/router-desk"])
    plan = compile_team(bundle, select_team(bundle, None), provider="mock").plan
    mock = script({"purpose": "route", "reply": said}, {"role": agent, "reply": "Here."})
    record = await ended(lab, plan, mock, {"request": "What does it cost?"})
    whole = record.step("route")
    assert (record.phase, record.output) == ("Succeeded", "Here.")
    assert (whole.resolved_agent, whole.selected_capability) == (agent, capability)
    assert whole.routing_reason
