"""Steps in many parts, and what people decide, as the plan has them."""

import textwrap

import pytest

from ark_temporal.plan.compile import Compiled, CompileError, compile_agent, compile_team
from ark_temporal.plan.model import AgentPlan, StepPlan
from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.reach import sources_within
from ark_temporal.plan.shapes import EnsemblePlan, MapPlan, SwitchPlan
from tests.unit.manifests.marked import document, load_text, team

INLINE = "model: m, systemPrompt: x"
ROLES = f"roles: [{{name: a, {INLINE}}}, {{name: b, {INLINE}}}, {{name: c, arkAgent: z}}]"
AGENT = document("ArkAgent", "model: m\nsystemPrompt: x", "z")


def compiled(spec: str, rest: str = "") -> Compiled:
    bundle = load_text(team(textwrap.dedent(spec), "desk") + rest)
    assert bundle.ok, "\n".join(map(str, bundle.errors))
    return compile_team(bundle, bundle.teams[0])


def step(fields: str, more: str = "") -> tuple[StepPlan, set[str]]:
    """The last step of a pipeline, and the roles of its plan."""
    first = "{role: a, name: first, outputSchema: '{}'}"
    last = f"{{role: a, name: last, dependsOn: [first], {fields}}}"
    plan = compiled(f"pipeline: [{first}, {last}]\n{ROLES}\n{more}", AGENT).plan
    return plan.step("last"), set(plan.agents)


def test_a_map() -> None:
    over = '"{{ .steps.first.data }}"'
    found, _ = step(f"map: {{over: {over}}}, inputs: {{p: '{{{{ .item }}}} {{{{ .index }}}}'}}")
    assert found.map == MapPlan(over="{{ .steps.first.data }}")
    found, _ = step(f"map: {{over: {over}, maxConcurrency: 3, maxItems: 7, onFailure: collect}}")
    assert found.map == MapPlan(
        over="{{ .steps.first.data }}", max_concurrency=3, max_items=7, on_failure="collect"
    )


def test_an_ensemble_of_samples_is_its_role_several_times() -> None:
    found, roles = step("ensemble: {samples: 3, select: vote}")
    assert found.ensemble == EnsemblePlan(roles=("a", "a", "a"), select="vote")
    assert roles == {"a"}


def test_an_ensemble_of_roles_with_a_judge() -> None:
    found, roles = step("ensemble: {roles: [b, c, b], join: quorum, quorum: 2, select: judge, judge: a}")
    assert found.ensemble == EnsemblePlan(
        roles=("b", "c", "b"), join="quorum", quorum=2, select="judge", judge="a"
    )
    assert (found.role, roles) == ("b", {"a", "b", "c"})


def test_fallbacks_and_what_is_done_about_a_failure() -> None:
    found, roles = step("fallback: [c, b]")
    assert (found.fallback, found.on_failure, roles) == (("c", "b"), "fail", {"a", "b", "c"})
    assert step("onFailure: park")[0].on_failure == "park"
    assert step("if: x", "onFailure: park")[0].on_failure == "park"
    assert step("onFailure: fail", "onFailure: park")[0].on_failure == "fail"


def test_a_switch_has_the_role_of_its_first_case() -> None:
    spec = f"""\
    pipeline:
      - {{role: which, switch: {{value: "{{{{ .input.x }}}}", cases: {{one: b, two: c}}, default: a}}}}
    {ROLES}
    """
    plan = compiled(spec, AGENT).plan
    (found,) = plan.steps
    assert found.switch == SwitchPlan(value="{{ .input.x }}", cases={"one": "b", "two": "c"}, default="a")
    assert (found.name, found.role, set(plan.agents)) == ("which", "b", {"a", "b", "c"})


GROUPS = "approverGroups: {leads: [ann, bob], board: [cy, ann]}"


def test_gates_name_people_one_by_one() -> None:
    before = (
        "{if: '{{ .input.x }}', message: Sure?, approvers: ['@leads', dan, ann], quorum: 2, fourEyes: true, "
        "timeoutSeconds: 60, onTimeout: escalate, escalation: [{approvers: ['@board'], timeoutSeconds: 5}], "
        "onLastTimeout: fail, reminderSeconds: 9}"
    )
    found, _ = step(f"approval: [{{when: after, onTimeout: approve, timeoutSeconds: 1}}, {before}]", GROUPS)
    assert found.gate("before") == GatePlan(
        condition="{{ .input.x }}",
        message="Sure?",
        approvers=("ann", "bob", "dan"),
        quorum=2,
        four_eyes=True,
        timeout_seconds=60,
        on_timeout="escalate",
        escalation=(EscalationPlan(approvers=("cy", "ann"), timeout_seconds=5),),
        at_last="fail",
        reminder_seconds=9,
    )
    assert found.gate("after") == GatePlan(when="after", timeout_seconds=1, on_timeout="approve")


def test_a_gate_may_ask_a_question() -> None:
    found, _ = step("approval: {question: true, message: Which?}")
    assert found.gates == (GatePlan(message="Which?", asks=True),)
    found, _ = step('approval: {answerSchema: \'{"type": "integer"}\'}')
    assert found.gates == (GatePlan(asks=True, answer_schema={"type": "integer"}),)


def test_an_empty_condition_is_one_that_never_holds() -> None:
    assert step("approval: {if: ''}")[0].gates[0].condition == "false"
    assert step("approval: {}")[0].gates[0].condition == ""


def notify(name: str, secret: str) -> str:
    channel = f"{{type: slack, slack: {{webhookURLFrom: {{name: {secret}, key: url, optional: true}}}}}}"
    return document("ArkNotify", f"channels: [{channel}]", name)


def test_a_gate_tells_whom_it_names_else_whom_its_team_tells() -> None:
    tool = "{name: t, url: 'http://x', requireApproval: always}"
    spec = f"""\
    notifyRef: {{name: all}}
    pipeline:
      - {{role: a, approval: {{notifyRef: {{name: own}}}}}}
      - {{role: b, approval: {{when: after}}}}
    roles: [{{name: a, model: m, systemPrompt: x}}, {{name: b, model: m, systemPrompt: x, tools: [{tool}]}}]
    """
    plan = compiled(spec, notify("all", "everybody") + notify("own", "few")).plan
    first, second = (each.gates[0].notify for each in plan.steps)
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("own", "all")
    gate = plan.agents["b"].tools[0].gate
    assert gate is not None
    assert gate.notify == second
    assert set(sources_within(plan)) == {("Secret", "everybody"), ("Secret", "few")}


def test_a_gate_tells_nobody_where_nobody_is_named() -> None:
    assert step("approval: {}")[0].gates == (GatePlan(),)


def with_tools(tools: str) -> AgentPlan:
    role = f"{{name: a, model: m, systemPrompt: x, {tools}}}"
    return compiled(f"entry: a\nroles: [{role}]\n{GROUPS}").plan.agents["a"]


def test_calls_of_tools_may_need_an_approval() -> None:
    rule = "'{{ gt .arguments.n 1 }}'"
    who = "approval: {approvers: ['@leads'], timeoutSeconds: 5}"
    found = with_tools(
        "tools: [{name: free, url: 'http://x'}, {name: never, url: 'http://x', requireApproval: never}, "
        f"{{name: paid, url: 'http://x', requireApproval: {rule}, {who}}}, "
        "{name: py, type: python, requireApproval: always}]"
    )
    assert {tool.name: tool.gate for tool in found.tools} == {
        "free": None,
        "never": None,
        "paid": GatePlan(condition="{{ gt .arguments.n 1 }}", approvers=("ann", "bob"), timeout_seconds=5),
        "py": GatePlan(),
    }


@pytest.mark.parametrize(
    ("rules", "gates"),
    [
        ("{pay: always, look: never}", {"pay": GatePlan()}),
        (
            "{'*': always, look: never, pay: '{{ .arguments.n }}'}",
            {
                "*": GatePlan(),
                "look": GatePlan(condition="false"),
                "pay": GatePlan(condition="{{ .arguments.n }}"),
            },
        ),
        ("{'*': never, look: always}", {"look": GatePlan()}),
    ],
)
def test_so_may_calls_of_a_server_s_tools_and_never_wins(rules: str, gates: dict[str, GatePlan]) -> None:
    found = with_tools(f"mcpServers: [{{name: s, url: 'http://s/mcp', requireApproval: {rules}}}]")
    assert found.mcp_servers[0].gates == gates


GUARDED = "tools: [{name: t, url: 'http://x', requireApproval: always, approval: {approvers: [ann]}}]"


def test_an_agent_by_itself_asks_too() -> None:
    bundle = load_text(document("ArkAgent", f"model: m\nsystemPrompt: x\n{GUARDED}", "z"))
    (found,) = compile_agent(bundle, "z").plan.agents.values()
    assert found.tools[0].gate == GatePlan(approvers=("ann",))


def test_a_group_is_known_in_its_team_only() -> None:
    tools = GUARDED.replace("ann", "'@leads'")
    unknown = document("ArkAgent", f"model: m\nsystemPrompt: x\n{tools}", "z")
    bundle = load_text(team(f"entry: c\n{ROLES}\n{GROUPS}") + unknown)
    for compile_it in (
        lambda: compile_team(bundle, bundle.teams[0]),
        lambda: compile_agent(bundle, "z"),
    ):
        with pytest.raises(CompileError) as caught:
            compile_it()
        (found,) = caught.value.diagnostics
        assert (found.code, found.path) == ("unknown-group", "ArkAgent/z spec.tools[0].approval.approvers")
        assert "name the people" in found.hint
