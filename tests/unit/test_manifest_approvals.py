"""Findings about what people decide: before and after steps, about tools, in which time."""

import pytest

from ark_temporal.manifests import ArkTeam, Bundle, explain
from tests.unit.manifests.marked import check_marked, document, load_text, messages, team

TEAM = "roles: [{name: a, model: m, systemPrompt: x}]\napproverGroups: {leads: [ann, bob], board: [eve]}\n"


def gated(approval: str, more: str = "") -> str:
    """A team whose only step has this approval."""
    return team(TEAM + more + f"pipeline: [{{role: a, approval: {approval}}}]")


def agent(parts: str) -> str:
    return document("ArkAgent", f"model: m\nsystemPrompt: x\n{parts}", "hand")


def ok(bundle: Bundle) -> Bundle:
    assert bundle.ok, messages(bundle)
    return bundle


def test_one_approval_is_a_list_of_one() -> None:
    for written in ("{message: Sure?}", "[{message: Sure?}]"):
        (approval,) = check_marked(gated(written)).all(ArkTeam)[0].spec.pipeline[0].approval
        assert (approval.message, approval.when, approval.quorum, approval.asks) == (
            "Sure?",
            "before",
            1,
            False,
        )
        assert (approval.on_timeout, approval.on_last_timeout, approval.approvers) == ("reject", "reject", [])
    assert check_marked(gated("[]")).all(ArkTeam)[0].spec.pipeline[0].approval == []


def test_places_in_one_approval_are_those_in_the_manifest() -> None:
    check_marked(gated("{quorum: §out-of-range§0}"))
    check_marked(gated("{§unknown-field§quorums: 1}"))
    check_marked(gated("[{when: after}, {when: §not-allowed§later}]"))
    check_marked(gated("§wrong-type§yes please"))


def test_one_approval_for_each_moment() -> None:
    check_marked(gated("[{when: after}, {message: x}]"))
    check_marked(gated("[{message: x}, §duplicate-approval§{when: before}]"))
    check_marked(gated("[{when: after}, §duplicate-approval§{when: after}]"))


def test_groups() -> None:
    check_marked(gated('{approvers: [carl, "@leads", ann@example.com]}'))
    said = messages(check_marked(gated('{approvers: ["@leads", §unknown-group§"@leds"]}')))
    assert 'There is no group "leds" in `spec.approverGroups`. Did you mean "leads"?' in said
    tiers = 'escalation: [{approvers: [§unknown-group§"@staff"], timeoutSeconds: 5}]'
    check_marked(gated(f"{{timeoutSeconds: 5, onTimeout: escalate, {tiers}}}"))
    check_marked(gated("{message: x}").replace("[eve]", '[eve, §nested-group§"@leads"]'))
    check_marked(gated("{message: x}").replace("[eve]", "§too-short§[]"))
    approval = 'requireApproval: always, approval: {approvers: [x, §unknown-group§"@g"]}'
    tool = f"tools: [{{name: t, type: python, {approval}}}]"
    assert "an agent by itself has no team" in messages(check_marked(agent(tool)))
    check_marked(
        team(f"entry: a\nroles: [{{name: a, model: m, systemPrompt: x, {tool}}}]\napproverGroups: {{f: [x]}}")
    )


def test_a_quorum_can_be_reached() -> None:
    check_marked(gated('{quorum: 3, approvers: ["@leads", eve]}'))
    check_marked(gated("{quorum: 9}"))
    said = messages(check_marked(gated('{quorum: §quorum-too-high§3, approvers: ["@leads", ann]}')))
    assert "3 must approve, but only 2 may." in said
    tiers = 'onTimeout: escalate, timeoutSeconds: 5, escalation: [{approvers: ["@board"], timeoutSeconds: 5}]'
    check_marked(gated(f'{{quorum: 3, approvers: ["@leads"], {tiers}}}'))
    check_marked(gated(f'{{quorum: §quorum-too-high§4, approvers: ["@leads"], {tiers}}}'))


def test_escalation_goes_with_its_timeout() -> None:
    ok(check_marked(gated("{onTimeout: §unused-field§approve}")))
    bundle = check_marked(
        gated("{timeoutSeconds: 5, onTimeout: escalate}").replace("approval", "§missing-field§approval")
    )
    assert "Say who may decide then" in messages(bundle)
    tiers = "[{approvers: [zoe], timeoutSeconds: 5}]"
    ok(check_marked(gated(f"{{timeoutSeconds: 5, §unused-field§escalation: {tiers}}}")))
    ok(check_marked(gated("{timeoutSeconds: 5, §unused-field§onLastTimeout: fail}")))
    ok(check_marked(gated(f"{{onTimeout: §unused-field§escalate, escalation: {tiers}}}")))
    check_marked(
        gated(f"{{timeoutSeconds: 5, onTimeout: escalate, escalation: {tiers}, onLastTimeout: fail}}")
    )


def test_people_have_less_time_than_the_run() -> None:
    limit = "timeoutSeconds: 60\n"
    check_marked(gated("{timeoutSeconds: 60}", limit))
    check_marked(gated("{timeoutSeconds: 600}"))
    check_marked(gated("{timeoutSeconds: 600}", "timeoutSeconds: 0\n"))
    bundle = ok(check_marked(gated("{timeoutSeconds: §approval-too-long§61}", limit)))
    assert "People may take 61 seconds, but the run ends after 60." in messages(bundle)
    tiers = "onTimeout: escalate, escalation: [{approvers: [zoe], timeoutSeconds: 40}]"
    ok(check_marked(gated(f"{{timeoutSeconds: §approval-too-long§21, {tiers}}}", limit)))


def test_questions() -> None:
    check_marked(gated("{question: true, answerSchema: {type: object}}"))
    check_marked(gated("{§question-after§question: true, when: after}"))
    check_marked(gated("{§question-after§answerSchema: {type: object}, when: after}"))
    check_marked(gated("{answerSchema: {type: §schema-invalid§txt}}"))
    ok(check_marked(gated("{question: true, timeoutSeconds: 5, onTimeout: §no-data§approve}")))
    tiers = "onTimeout: escalate, escalation: [{approvers: [zoe], timeoutSeconds: 40}]"
    ok(
        check_marked(
            gated(f"{{question: true, timeoutSeconds: 5, {tiers}, onLastTimeout: §no-data§approve}}")
        )
    )


def test_whoever_is_told_is_there() -> None:
    step = gated("[{message: x}, {when: after, notifyRef: {name: §missing-reference§desk}}]")
    ok(check_marked(step))
    tools = (
        "tools: [{name: t, type: python, requireApproval: always, "
        "approval: {notifyRef: {name: §missing-reference§one}}}]\n"
        "mcpServers: [{name: s, url: 'http://s', requireApproval: {'*': always}, "
        "approval: {notifyRef: {name: §missing-reference§two}}}]"
    )
    ok(check_marked(agent(tools)))


@pytest.mark.parametrize("rule", ["never", "always", "'{{ gt .arguments.n 5 }}'"])
def test_rules(rule: str) -> None:
    check_marked(agent(f"tools: [{{name: t, type: python, requireApproval: {rule}}}]"))
    check_marked(agent(f"mcpServers: [{{name: s, url: 'http://s', requireApproval: {{'*': {rule}}}}}]"))


@pytest.mark.parametrize("rule", ["sometimes", "'always '", "Never"])
def test_what_is_no_rule(rule: str) -> None:
    said = messages(
        check_marked(agent(f"tools: [{{name: t, type: python, requireApproval: §wrong-format§{rule}}}]"))
    )
    assert "Expected `never`, `always`, or a template such as `{{ gt .arguments.amount 100 }}`" in said
    check_marked(
        agent(f"mcpServers: [{{name: s, url: 'http://s', requireApproval: {{t: §wrong-format§{rule}}}}}]")
    )


def test_an_approval_of_calls_that_need_none() -> None:
    for rule in ("", "requireApproval: never, "):
        ok(check_marked(agent(f"tools: [{{name: t, type: python, {rule}§unused-field§approval: {{}}}}]")))
    for rule in ("", "requireApproval: {'*': never}, "):
        server = f"{{name: s, url: 'http://s', {rule}§unused-field§approval: {{quorum: 2}}}}"
        ok(check_marked(agent(f"mcpServers: [{server}]")))


def test_an_approval_of_calls_is_about_people_only() -> None:
    for field in ("when: after", "if: x", "question: true", "answerSchema: {}"):
        bundle = load_text(
            agent(f"tools: [{{name: t, type: python, requireApproval: always, approval: {{{field}}}}}]")
        )
        assert [each.code for each in bundle.diagnostics] == ["unknown-field"]


def test_rules_name_tools_as_the_server_does() -> None:
    rules = "{'*': always, read: never, §unknown-tool§s__read: never, §unknown-tool§raed: never}"
    bundle = ok(
        check_marked(
            agent(f"mcpServers: [{{name: s, url: 'http://s', tools: [read], requireApproval: {rules}}}]")
        )
    )
    assert 'Did you mean "read"?' in messages(bundle)


def test_approvals_are_explained() -> None:
    assert explain("ArkTeam.spec.pipeline.approval").type == "list of objects"
    quorum = explain("ArkTeam.spec.pipeline.approval.quorum")
    assert (quorum.default, quorum.range) == ("1", "1 or more")
    assert explain("ArkTeam.spec.approverGroups").type == "map of string to list of strings"
    assert explain("ArkAgent.spec.mcpServers.requireApproval").type.startswith(
        "map of string to never, always"
    )
