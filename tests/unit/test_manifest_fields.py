"""Fields that are wrong, and fields that may be written in two ways."""

import textwrap

import pytest

from ark_temporal.manifests import (
    ArkAgent,
    ArkEvent,
    ArkNotify,
    ArkTeam,
    KeyRef,
    NameRef,
    NotifyEvent,
    TeamInput,
)
from tests.unit.manifests.marked import check_marked, document, load_text, messages, team


def test_unknown_fields_name_the_nearest_and_all_known() -> None:
    bundle = check_marked(
        team(
            """
            entry: a
            roles:
              - {name: a, model: mock, systemPrompt: Hi., §unknown-field§mcpServer: []}
            §unknown-field§colour: red
            """
        )
    )
    near, far = bundle.errors
    assert 'There is no field "mcpServer" here' in near.message
    assert near.hint == 'Did you mean "mcpServers"?'
    assert near.path == "ArkTeam/thing spec.roles[0].mcpServer"
    assert "known fields: roles, pipeline, entry" in far.message
    assert str(near).startswith("<stdin>:8:49: error: spec.roles[0].mcpServer: There is no field")


def test_a_misspelt_field_does_not_hide_or_cause_other_findings() -> None:
    check_marked(
        team(
            """
            roles:
              - {name: a, model: mock, systemPrompt: Hi.}
              - {name: b, model: mock, systemPrompt: Hi.}
            pipeline:
              - role: a
              - role: b
                §unknown-field§dependOn: [a]
                inputs: {x: "{{ .steps.a.output }} {{ §unknown-step§.steps.c.output }}"}
            """
        )
    )


def test_required_fields_point_at_their_parent() -> None:
    check_marked(document("ArkAgent", "systemPrompt: Hi.").replace("spec:", "§missing-field§spec:"))
    check_marked(
        "apiVersion: arkonis.dev/v1alpha1\nkind: ArkAgent\n§missing-field§metadata: {}\n"
        "spec: {model: mock, systemPrompt: Hi.}"
    )
    check_marked(
        """
        §missing-field§apiVersion: arkonis.dev/v1alpha1
        kind: ArkAgent
        metadata: {name: a}
        """
    )
    bundle = check_marked(
        team("roles: [{name: a, model: mock, systemPrompt: Hi.}]\npipeline:\n- §missing-field§name: x\n")
    )
    assert 'The field "role" is required.' in messages(bundle)
    assert "spec.pipeline[0].role" in bundle.errors[0].path


def test_wrong_types_say_what_was_expected_and_found() -> None:
    bundle = check_marked(
        document(
            "ArkAgent",
            """
            model: §wrong-type§5
            systemPrompt: §wrong-type§[a]
            replicas: §wrong-type§"3"
            tools: §wrong-type§{}
            limits: §wrong-type§7
            capabilities:
              - id: a
                exposeMCP: §wrong-type§"yes"
                tags: §wrong-type§a
              - §wrong-type§b
            resources: {limits: {cpu: §wrong-type§[1]}}
            """,
        )
    )
    said = messages(bundle)
    assert "Expected a string, found the number 5. Put it in quotes." in said
    assert 'Expected a whole number, found the string "3". Remove the quotes.' in said
    assert "Expected a list, found a mapping." in said
    assert "Expected a mapping, found the number 7." in said
    assert 'Expected true or false, found the string "yes".' in said
    assert 'Expected a quantity, such as "100m", "1Gi" or 2, found a list.' in said


def test_values_out_of_range_or_not_allowed() -> None:
    bundle = check_marked(
        document(
            "ArkAgent",
            """
            model: §wrong-format§" "
            systemPrompt: Hi.
            replicas: §out-of-range§51
            limits: {maxTokensPerCall: §out-of-range§0, maxDailyTokens: §out-of-range§-1}
            livenessProbe: {type: §not-allowed§semantc}
            autoscaling: §range-order§{minReplicas: 5, maxReplicas: 2}
            tools: [{name: §wrong-format§"a b", url: "http://x", method: §not-allowed§HEAD}]
            """,
        )
    )
    said = messages(bundle)
    assert "Expected a number, 0 to 50; found the number 51." in said
    assert 'Expected one of "ping", "semantic"; found the string "semantc". Did you mean "semantic"?' in said
    assert "`minReplicas` (5) must not be greater than `maxReplicas` (2)." in said


def test_names_that_kubernetes_would_refuse() -> None:
    spec = "model: mock\nsystemPrompt: Hi."
    check_marked(document("ArkAgent", spec, "§wrong-format§Helper"))
    check_marked(document("ArkAgent", spec, "§wrong-format§a_b"))
    check_marked(document("ArkAgent", spec, "a", "§wrong-format§b.c"))
    check_marked(document("ArkAgent", spec, "§wrong-type§12"))


@pytest.mark.parametrize("value", ['"0"', '"0.35"', '"1"', '"1.0"'])
def test_temperatures(value: str) -> None:
    check_marked(document("ArkSettings", f"temperature: {value}"))


@pytest.mark.parametrize(
    ("value", "code"),
    [('"1.1"', "wrong-format"), ('"-0.1"', "wrong-format"), ('".5"', "wrong-format"), ("0.5", "wrong-type")],
)
def test_wrong_temperatures(value: str, code: str) -> None:
    check_marked(document("ArkSettings", f"temperature: §{code}§{value}"))


def test_loops_are_bounded() -> None:
    spec = "roles: [{{name: a, model: mock, systemPrompt: Hi.}}]\npipeline:\n- {{role: a, loop: {}}}"
    bundle = check_marked(team(spec.format("{condition: x}")))
    loop = bundle.teams[0].spec.pipeline[0].loop
    assert loop is not None
    assert loop.max_iterations == 10
    check_marked(team(spec.format("{condition: x, maxIterations: §out-of-range§0}")))
    check_marked(team(spec.format("{condition: x, maxIterations: §out-of-range§101}")))
    check_marked(team(spec.replace("loop:", "§missing-field§loop:").format("{maxIterations: 3}")))


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [
        ("string", '"x"', "x"),
        ("string", '"5"', "5"),
        ("integer", "5", 5),
        ("integer", '"5"', 5),
        ("number", "1.5", 1.5),
        ("number", "2", 2),
        ("boolean", "false", False),
        ("boolean", '"true"', True),
        ("object", "{a: 1}", {"a": 1}),
        ("array", "[1, {a: 2}]", [1, {"a": 2}]),
        ("array", "'[1]'", [1]),
    ],
)
def test_defaults_of_inputs(kind: str, default: str, value: object) -> None:
    bundle = check_marked(
        team(
            f"entry: a\nroles: [{{name: a, model: mock, systemPrompt: Hi.}}]\n"
            f"inputs: [{{name: i, type: {kind}, default: {default}}}]"
        )
    )
    assert bundle.teams[0].spec.inputs[0].default_value == value


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("string", "5"),
        ("integer", "true"),
        ("integer", '"five"'),
        ("boolean", "1"),
        ("object", "[]"),
        ("array", "x"),
    ],
)
def test_defaults_of_the_wrong_type(kind: str, default: str) -> None:
    check_marked(
        team(
            f"entry: a\nroles: [{{name: a, model: mock, systemPrompt: Hi.}}]\n"
            f"inputs: [§default-type§{{name: i, type: {kind}, default: {default}}}]"
        )
    )


def test_a_default_is_checked_in_python_too() -> None:
    with pytest.raises(ValueError, match="does not have the declared type integer"):
        TeamInput(name="a", type="integer", default="many")


def test_settings_are_named_in_both_shapes() -> None:
    text = "".join(
        document("ArkAgent", f"model: mock\nsystemPrompt: Hi.\nconfigRef: {ref}\nsettingsRefs: [{ref}]", name)
        for name, ref in (("a", "tone"), ("b", "{name: tone}"))
    )
    bundle = check_marked(text + document("ArkSettings", "outputFormat: plain", "tone"))
    for agent in bundle.all(ArkAgent):
        assert agent.spec.config_ref == NameRef(name="tone")
        assert agent.spec.settings_refs == [NameRef(name="tone")]


HEADERS = (
    """
Authorization: {secretKeyRef: {name: keys, key: token}}
X-Kind: {value: test}
""",
    """
- {name: Authorization, valueFrom: {secretKeyRef: {name: keys, key: token}}}
- {name: X-Kind, value: test}
""",
    """
- {name: Authorization, valueFrom: {name: keys, key: token}}
- {name: X-Kind, value: test}
""",
)


@pytest.mark.parametrize("headers", HEADERS)
def test_headers_are_read_in_all_shapes(headers: str) -> None:
    body = textwrap.indent(headers.strip(), "        ")
    bundle = load_text(
        document(
            "ArkAgent",
            "model: mock\nsystemPrompt: Hi.\nmcpServers:\n  - name: s\n    url: http://s\n    headers:\n"
            + body,
        )
    )
    assert [each.code for each in bundle.diagnostics] == ["missing-reference"], messages(bundle)
    read = bundle.all(ArkAgent)[0].spec.mcp_servers[0].headers
    assert list(read) == ["Authorization", "X-Kind"]
    assert read["Authorization"].secret_key_ref == KeyRef(name="keys", key="token")
    assert read["X-Kind"].value == "test"


def test_wrong_headers_point_into_either_shape() -> None:
    start = "model: mock\nsystemPrompt: Hi.\nmcpServers:\n- name: s\n  url: http://s\n  headers:\n"
    check_marked(document("ArkAgent", start + "    X-Kind: {§unknown-field§vale: test, value: x}"))
    check_marked(
        document("ArkAgent", start + "    - §unknown-field§vale: test\n      name: X-Kind\n      value: x")
    )
    check_marked(document("ArkAgent", start + "    X-Kind: §one-of§{}"))
    check_marked(document("ArkAgent", start + "    §header-shape§- {value: test}"))


NOTIFY = (
    """
    channel: {type: slack, slack: {webhookUrlSecretRef: {name: keys, key: url, optional: true}}}
    events: [{type: TeamFailed}, {type: AgentDegraded}]
    rateLimiting: {windowSeconds: 60, maxPerWindow: 1}
    """,
    """
    channels: [{type: slack, slack: {webhookURLFrom: {name: keys, key: url, optional: true}}}]
    "on": [TeamFailed, AgentDegraded]
    rateLimitSeconds: 60
    """,
)


def test_both_shapes_of_a_notification_are_one() -> None:
    first, second = (check_marked(document("ArkNotify", spec)).all(ArkNotify)[0] for spec in NOTIFY)
    assert first == second
    assert first.spec.events == [NotifyEvent(type="TeamFailed"), NotifyEvent(type="AgentDegraded")]
    assert first.spec.rate_limiting.window_seconds == 60


def test_wrong_notifications_point_into_either_shape() -> None:
    check_marked(document("ArkNotify", "channel: {type: §not-allowed§slak}"))
    check_marked(document("ArkNotify", "channel: {type: webhook, §missing-field§webhook: {}}"))
    check_marked(document("ArkNotify", "§missing-block§channel: {type: slack}\non: [TeamFailed]"))
    check_marked(document("ArkNotify", "channels: [§missing-block§{type: slack}]"))
    webhook = "{type: webhook, webhook: {urlFrom: {name: keys, key: url, optional: true}}}"
    check_marked(document("ArkNotify", f"channel: {webhook}\non: [§not-allowed§TeamFailde]"))
    check_marked(document("ArkNotify", f"channel: {webhook}\nrateLimitSeconds: §out-of-range§-1"))
    check_marked(document("ArkNotify", f"§two-names-for-one-field§channel: {webhook}\nchannels: [{webhook}]"))


def test_all_events_are_told_when_none_is_listed() -> None:
    spec = "channel: {type: webhook, webhook: {urlFrom: {name: keys, key: url, optional: true}}}"
    notify = check_marked(document("ArkNotify", spec)).all(ArkNotify)[0]
    assert notify.spec.events is None
    assert notify.spec.rate_limiting.window_seconds == 300


def test_both_namings_of_a_team_output_are_one() -> None:
    teams = "".join(
        team("entry: a\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", name)
        for name in ("first", "then")
    )
    older = "source: {type: pipeline-output, pipelineOutput: {name: first}}\ntargets: [{pipeline: then}]"
    newer = (
        "source: {type: team-output, teamOutput: {name: first, onPhase: Succeeded}}\ntargets: [{team: then}]"
    )
    bundle = check_marked(teams + document("ArkEvent", older, "older") + document("ArkEvent", newer, "newer"))
    one, other = bundle.all(ArkEvent)
    assert one.spec == other.spec


def test_members_are_roles() -> None:
    agents = "".join(
        document("ArkAgent", "model: mock\nsystemPrompt: Hi.", name) for name in ("lead", "hand")
    )
    bundle = check_marked(
        agents
        + team(
            """
            members:
              - {role: boss, arkAgent: lead, entry: true, delegates: [worker]}
              - {role: worker, arkAgent: hand}
            """
        )
    )
    spec = bundle.teams[0].spec
    assert spec.entry == "boss"
    assert [(role.name, role.ark_agent, role.can_delegate) for role in spec.roles] == [
        ("boss", "lead", ["worker"]),
        ("worker", "hand", []),
    ]
    check_marked(
        agents
        + team(
            """
            members:
              - {role: boss, arkAgent: lead, entry: true, delegates: [§unknown-role§wroker]}
              - {role: worker, arkAgent: §unknown-reference§hnad, §unknown-field§entri: x}
            """
        ).replace("- {role: worker", "- {role: §unused-role§worker")
    )


def test_two_entries_among_members_are_refused() -> None:
    check_marked(
        team(
            "members:\n- {role: a, arkAgent: x, entry: true}\n- {role: b, arkAgent: x, entry: true}"
        ).replace("spec:\n  members", "spec:\n  §one-of§members")
    )


def test_flows_are_teams_and_findings_point_into_the_flow() -> None:
    bundle = check_marked(
        document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "hand")
        + document(
            "ArkFlow",
            """
            input: {city: Oslo}
            steps:
              - {name: look, arkAgent: hand, inputs: {q: "{{ .pipeline.input.city }}"}}
              - name: tell
                arkonisDeployment: §unknown-reference§hamd
                dependsOn: [look, §unknown-step§loko]
                inputs: {q: "{{ §template-name§.pipelin.input.city }}"}
            output: "{{ §unknown-step§.steps.tel.output }}"
            """,
            "older",
        )
    )
    (flow,) = bundle.teams
    assert isinstance(flow, ArkTeam)
    assert [(role.name, role.ark_agent) for role in flow.spec.roles] == [("look", "hand"), ("tell", "hamd")]
    assert "ArkFlow/older spec.steps[1].arkonisDeployment" in {each.path for each in bundle.errors}


def test_exactly_one_of_two_sources() -> None:
    start = "model: mock\nsystemPrompt: Hi.\n"
    check_marked(document("ArkAgent", start + "envFrom: [§one-of§{prefix: A_}]"))
    check_marked(
        document("ArkAgent", start + "envFrom: [§one-of§{secretRef: {name: a}, configMapRef: {name: a}}]")
    )
    check_marked(document("ArkAgent", "model: mock\nsystemPromptRef: §one-of§{}"))
