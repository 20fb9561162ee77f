"""Teams of every mode: led by a role, routed, delegating in a pipeline, with teams in them."""

import textwrap

import pytest

from ark_temporal.llm.types import Provider
from ark_temporal.plan.compile import Compiled, CompileError, compile_team, select_team
from ark_temporal.plan.model import MAX_DEPTH, EnvSource
from ark_temporal.plan.shapes import CapabilityPlan, LookupPlan, RoutingPlan
from tests.unit.manifests.marked import document, load_text, team
from tests.unit.test_manifest_published_shapes import (
    BUDGET,
    DYNAMIC,
    INFRASTRUCTURE,
    LINEAR,
    ROUTED,
    SECRET,
)

ROLE = "model: m, systemPrompt: x"


def compiled(text: str, name: str | None = None, provider: Provider | None = None) -> Compiled:
    bundle = load_text(text)
    assert bundle.ok, "\n".join(map(str, bundle.errors))
    return compile_team(bundle, select_team(bundle, name), provider=provider)


def refused(text: str) -> str:
    """The one finding for which a team is not compiled, and the resource that it is about."""
    with pytest.raises(CompileError) as caught:
        compiled(text)
    (only,) = caught.value.diagnostics
    return f"{only.path}: {only}"


def agent(name: str, capabilities: str = "[]", more: str = "") -> str:
    spec = f"model: {name}-model\nsystemPrompt: x\ncapabilities: {capabilities}\n{textwrap.dedent(more)}"
    return document("ArkAgent", spec, name)


def registry(depth: int, name: str = "staff", scope: str = "namespace-scoped") -> str:
    return document("ArkRegistry", f"scope: {scope}\npolicy: {{maxDepth: {depth}}}", name)


LED = f"""\
entry: host
onFailure: park
inputs: [{{name: wish, required: true}}]
output: "{{{{ .steps.host.output }}}}"
roles:
  - {{name: host, {ROLE}, canDelegate: [cook, waiter, cook]}}
  - {{name: cook, {ROLE}, canDelegate: [farmer]}}
  - {{name: waiter, arkAgent: servant}}
  - {{name: farmer, {ROLE}}}
  - {{name: idle, {ROLE}}}
"""
SERVANT = agent("servant", "[{id: serve, description: ' Serves   food.'}, {id: clean, description: Cleans.}]")


def test_a_team_that_a_role_leads_is_one_task_of_it() -> None:
    plan = compiled(team(LED, "inn") + SERVANT).plan
    assert (plan.mode, plan.entry, plan.kind) == ("dynamic", "host", "team")
    (step,) = plan.steps
    assert (step.name, step.role, step.inputs, step.on_failure) == ("host", "host", (), "park")
    assert plan.output == "{{ .steps.host.output }}"
    assert list(plan.agents) == ["host", "cook", "waiter", "farmer"]
    assert plan.agents["host"].can_delegate == ("cook", "waiter")
    assert plan.agents["cook"].can_delegate == ("farmer",)
    assert plan.agents["waiter"].description == "Serves food. Cleans."
    assert plan.agents["cook"].description == ""
    assert plan.max_depth == MAX_DEPTH


def test_roles_of_a_pipeline_may_delegate_too() -> None:
    spec = f"""\
    pipeline: [{{role: writer}}]
    roles:
      - {{name: idle, {ROLE}, canDelegate: [nobody]}}
      - {{name: writer, {ROLE}, canDelegate: [critic]}}
      - {{name: critic, {ROLE}}}
      - {{name: nobody, {ROLE}}}
    """
    plan = compiled(team(textwrap.dedent(spec))).plan
    assert plan.mode == "pipeline"
    assert list(plan.agents) == ["writer", "critic"]
    assert plan.agents["writer"].can_delegate == ("critic",)


BAKERY = (
    document("ArkTeam", "routing: {model: small, registryRef: {name: staff}, fallback: anyone}", "front")
    + registry(3)
    + registry(2, "other")
    + agent("baker", "[{id: bread, description: Bakes., tags: [flour]}, {id: cake, tags: [sugar]}]")
    + agent("chef", "[{id: bread, description: Toasts., tags: [fire, flour]}]", "limits: {maxTurns: 3}")
    + agent("anyone", more="envFrom: [{secretRef: {name: keys, optional: true}}]")
    + agent("idle")
)


def test_a_routed_team_is_one_step_whose_agent_a_model_chooses() -> None:
    plan = compiled(BAKERY).plan
    (step,) = plan.steps
    assert (plan.mode, step.name, step.role, step.inputs) == ("routed", "route", "anyone", ())
    assert step.routing == RoutingPlan(
        router="router",
        fallback="anyone",
        capabilities=(
            CapabilityPlan(
                id="bread", description="Bakes. Toasts.", tags=("flour", "fire"), roles=("baker", "chef")
            ),
            CapabilityPlan(id="cake", tags=("sugar",), roles=("baker",)),
        ),
    )
    assert set(plan.agents) == {"baker", "chef", "anyone", "router"}
    assert plan.agents["chef"].max_turns == 3
    assert plan.max_depth == 3
    router = plan.agents["router"]
    assert (router.model, router.agent, router.max_tokens_per_call) == ("small", "front-router", 1000)
    assert router.env_from == plan.agents["anyone"].env_from == (EnvSource(name="keys", optional=True),)
    assert "capability" in router.system[0].text


def test_without_a_fallback_the_router_has_the_credentials_of_the_first_agent() -> None:
    text = document("ArkTeam", "routing: {model: small}", "front") + registry(99)
    text += agent("router", "[{id: a}]", "envFrom: [{configMapRef: {name: c, optional: true}}]")
    plan = compiled(text + agent("second", "[{id: b}]")).plan
    step = plan.steps[0]
    assert step.routing is not None
    assert (step.role, step.routing.router, step.routing.fallback) == ("router", "router-model", "")
    assert plan.agents["router-model"].env_from == plan.agents["router"].env_from != ()
    assert plan.max_depth == MAX_DEPTH


def test_a_fallback_may_be_an_agent_that_another_team_describes() -> None:
    text = document("ArkTeam", "routing: {model: small, fallback: desk-writer}", "front")
    plan = compiled(text + team(f"entry: writer\nroles: [{{name: writer, {ROLE}}}]", "desk"), "front").plan
    assert plan.agents["desk-writer"].agent == "desk-writer"
    assert plan.steps[0].role == "desk-writer"


def test_a_team_that_could_only_route_to_nobody_is_refused() -> None:
    text = document("ArkTeam", "routing: {model: small}", "front") + agent("baker")
    assert "spec.routing" in refused(text)
    assert "nobody to route to" in refused(text)


def test_agents_of_other_namespaces_are_not_found_and_that_is_said() -> None:
    text = document("ArkTeam", "routing: {model: s, registryRef: {name: staff}, fallback: a}", "front")
    text += agent("a") + document(
        "ArkAgent", "model: m\nsystemPrompt: x\ncapabilities: [{id: far}]", "b", "w"
    )
    found = refused(text + registry(3, scope="cluster-scoped"))
    assert "spec.scope" in found
    plan = compiled(text + registry(3)).plan
    assert plan.steps[0].routing == RoutingPlan(router="router", fallback="a")


def lookup(asked: str, roles: str = "") -> str:
    return team(f"pipeline: [{{role: bake, registryLookup: {asked}}}]\n{roles}", "shop")


BREAD = agent("baker", "[{id: bread, tags: [rye, wheat]}, {id: cake, tags: [rye]}]")
TOAST = agent("chef", "[{id: bread, tags: [rye]}]")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("{capability: bread}", ("baker", "chef")),
        ("{capability: bread, tags: [rye, wheat]}", ("baker",)),
        ("{tags: [rye], strategy: random}", ("baker", "chef")),
        ("{capability: cake}", ("baker",)),
    ],
)
def test_a_lookup_finds_those_who_can_and_have_all_tags(asked: str, found: tuple[str, ...]) -> None:
    plan = compiled(lookup(asked) + BREAD + TOAST + registry(2)).plan
    (step,) = plan.steps
    assert step.lookup is not None
    assert (step.name, step.role, step.lookup.roles) == ("bake", found[0], found)
    assert set(plan.agents) == set(found)
    assert plan.max_depth == 2


def test_a_lookup_that_finds_nobody_takes_its_fallback_or_is_refused() -> None:
    plan = compiled(lookup("{capability: pie, fallback: chef}") + BREAD + TOAST).plan
    assert plan.steps[0].lookup == LookupPlan(fallback="chef", capability="pie")
    assert (plan.steps[0].role, list(plan.agents)) == ("chef", ["chef"])
    unknown = refused(lookup("{capability: bred}") + BREAD)
    assert 'capability "bred"' in unknown
    assert "bread, cake" in unknown
    assert 'Did you mean "bread"?' in unknown
    assert "spec.pipeline[0].registryLookup" in unknown
    assert "rye, wheat" in refused(lookup("{capability: bread, tags: [corn]}") + BREAD)
    assert "No agent here has any" in refused(lookup("{capability: bread}"))


def test_all_that_is_not_found_is_told_at_once() -> None:
    asks = [f"{{role: r{n}, registryLookup: {{capability: none{n}}}}}" for n in range(2)]
    with pytest.raises(CompileError) as caught:
        compiled(team(f"pipeline: [{', '.join(asks)}]\nlimits: {{maxDailyTokens: 1}}"))
    assert [each.code for each in caught.value.diagnostics] == [
        "not-supported-yet",
        "unknown-capability",
        "unknown-capability",
    ]


def test_an_agent_that_is_found_does_not_take_the_name_of_a_role() -> None:
    roles = f"roles: [{{name: baker, {ROLE}}}, {{name: chef, arkAgent: chef}}]"
    text = lookup("{capability: bread, fallback: baker}", roles) + BREAD + TOAST
    plan = compiled(text).plan
    assert plan.steps[0].lookup is not None
    assert plan.steps[0].lookup.roles == ("agent-baker", "chef")
    assert {role: each.agent for role, each in plan.agents.items()} == {
        "agent-baker": "baker",
        "chef": "chef",
        "baker": "shop-baker",
    }


def test_a_lookup_finds_the_team_s_own_roles_too() -> None:
    roles = f"roles: [{{name: own, {ROLE}, capabilities: [{{id: bread}}]}}]"
    plan = compiled(lookup("{capability: bread}", roles) + TOAST).plan
    assert plan.steps[0].lookup is not None
    assert plan.steps[0].lookup.roles == ("own", "chef")


NESTED = f"""\
pipeline:
  - {{role: lead}}
  - {{role: press, inputs: {{topic: "{{{{ .input.topic }}}}"}}}}
roles:
  - {{name: lead, {ROLE}, canDelegate: [inn]}}
  - {{name: press, arkTeam: paper}}
  - {{name: inn, arkTeam: inn}}
"""
PAPER = team(
    f"pipeline: [{{role: scribe}}, {{role: old, dependsOn: [scribe]}}]\nmaxTokens: 7\n"
    "inputs: [{name: topic}]\n"
    f"roles: [{{name: scribe, {ROLE}}}, {{name: old, arkTeam: flow}}]",
    "paper",
)
FLOW = document("ArkFlow", "steps: [{name: one, arkAgent: servant}]", "flow")


def test_a_role_may_be_a_team_of_its_own_in_which_there_are_more() -> None:
    plan = compiled(team(NESTED, "top") + PAPER + FLOW + team(LED, "inn") + SERVANT, provider="mock").plan
    assert set(plan.agents) == {"lead"}
    assert set(plan.teams) == {"press", "inn"}
    paper = plan.teams["press"]
    assert (paper.team, paper.mode, paper.max_tokens, set(paper.agents)) == (
        "paper",
        "pipeline",
        7,
        {"scribe"},
    )
    assert paper.teams["old"].agents["one"].agent == "servant"
    assert plan.teams["inn"].mode == "dynamic"
    assert paper.teams["old"].agents["one"].provider == "mock"
    assert plan.teams["inn"].agents["host"].provider == "mock"


def test_what_is_wrong_in_a_team_of_a_team_is_found_at_its_place() -> None:
    inner = team(f"entry: a\nlimits: {{maxDailyTokens: 5}}\nroles: [{{name: a, {ROLE}}}]", "inner")
    outer = team("entry: x\nroles: [{name: x, arkTeam: inner}]", "outer")
    assert "ArkTeam/inner spec.limits.maxDailyTokens" in refused(outer + inner)


def test_teams_in_teams_go_only_so_deep() -> None:
    def tower(height: int) -> str:
        floors = [team(f"entry: a\nroles: [{{name: a, arkTeam: t{n + 1}}}]", f"t{n}") for n in range(height)]
        return "".join(floors) + team(f"entry: a\nroles: [{{name: a, {ROLE}}}]", f"t{height}")

    assert compiled(tower(MAX_DEPTH)).plan.teams["a"].team == "t1"
    found = refused(tower(MAX_DEPTH + 1))
    assert f"{MAX_DEPTH} deep" in found
    assert f"ArkTeam/t{MAX_DEPTH} spec.roles[0].arkTeam" in found


def test_a_forced_provider_answers_for_the_router_too() -> None:
    plan = compiled(BAKERY, provider="mock").plan
    assert {each.provider for each in plan.agents.values()} == {"mock"}


SINGLE = """\
# One agent.
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: ideas, namespace: kitchen}
spec:
  inputs: [{name: dish, type: string, required: true}]
  output: "{{ .steps.thinker.output }}"
  roles:
    - {name: thinker, model: "local:7b", systemPrompt: Think., envFrom: [{secretRef: {name: provider-keys}}]}
  pipeline:
    - role: thinker
      inputs: {prompt: "Three names for {{ .input.dish }}"}
      outputSchema: '{"type": "array", "minItems": 3, "maxItems": 3}'
"""
SERVERS = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: stock, namespace: kitchen}
spec:
  output: |
    ## Report
    {{ .steps.report.output }}
  roles:
    - name: look
      model: mock
      systemPrompt: Ask <pantry>, {never} [guess].
      envFrom: [{secretRef: {name: provider-keys}}]
      mcpServers: [{name: pantry, url: "http://pantry.kitchen.svc:8080", guidance: Query only.}]
    - {name: count, model: mock, systemPrompt: Count.}
    - {name: report, model: mock, systemPrompt: Report.}
  pipeline:
    - {role: look, inputs: {prompt: Look.}, outputSchema: '{"type": "array", "items": {"type": "object"}}'}
    - {role: count, dependsOn: [look], inputs: {prompt: "{{ .steps.look.output }}"}}
    - {role: report, dependsOn: [look], inputs: {prompt: "{{ .steps.look.output }}"}}
"""


@pytest.mark.parametrize(
    ("text", "mode", "steps"),
    [
        (LINEAR, "pipeline", ["shop", "plan"]),
        (DYNAMIC, "dynamic", ["host"]),
        (BUDGET.replace("limits: {maxDailyTokens: 20000}", ""), "pipeline", ["taster"]),
        (SINGLE, "pipeline", ["thinker"]),
        (ROUTED, "routed", ["route"]),
        (SERVERS, "pipeline", ["look", "count", "report"]),
        (SERVERS + "---\n" + INFRASTRUCTURE, "pipeline", ["look", "count", "report"]),
    ],
)
def test_the_published_shapes_compile_as_they_stand(text: str, mode: str, steps: list[str]) -> None:
    plan = compiled(f"{text}---\n{SECRET}", provider="mock").plan
    assert (plan.mode, [step.name for step in plan.steps]) == (mode, steps)
    assert {each.provider for each in plan.agents.values()} == {"mock"}
