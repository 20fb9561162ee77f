"""Findings about teams: roles, entry, delegation, pipelines, what steps demand."""

import json
import time

import pytest

from tests.unit.manifests.marked import check_marked, document, load_text, messages, team

A = "{name: a, model: mock, systemPrompt: Hi.}"
B = "{name: b, model: mock, systemPrompt: Hi.}"
C = "{name: c, model: mock, systemPrompt: Hi.}"
ABC = f"roles: [{A}, {B}, {C}]\n"


def test_a_team_needs_a_way_to_run() -> None:
    bundle = check_marked(team(f"roles: [{A}]").replace("spec:", "§missing-entry§spec:"))
    assert "For example `entry: a`." in messages(bundle)
    check_marked(team("timeoutSeconds: 5").replace("spec:", "§missing-roles§spec:"))
    check_marked(team("pipeline: [{role: a}]").replace("spec:", "§missing-roles§spec:"))
    check_marked(team(f"roles: [{A}]\nentry: §unknown-role§aa"))


def test_a_routed_team_has_nothing_else() -> None:
    check_marked(
        team(
            f"""
            routing: {{model: mock}}
            §mixed-modes§roles: [{A}]
            §mixed-modes§pipeline: [{{role: a}}]
            §mixed-modes§entry: a
            """
        )
    )


def test_role_names_are_unique() -> None:
    check_marked(team(f"entry: a\nroles: [{A}, {{name: §duplicate-role§a, model: mock, systemPrompt: Hi.}}]"))
    check_marked(team(f"entry: a\nroles: [{A}]\ninputs: [{{name: i}}, {{name: §duplicate-input§i}}]"))


def test_a_role_is_exactly_one_kind() -> None:
    agent = document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "hand")
    inner = team(f"entry: a\nroles: [{A}]", "inner")
    check_marked(agent + inner + team("entry: a\nroles: [§role-kind§{name: a}]"))
    check_marked(agent + inner + team("entry: a\nroles: [{name: a, arkAgent: hand, §role-kind§model: mock}]"))
    check_marked(
        agent + inner + team("entry: a\nroles: [{name: a, arkAgent: hand, §role-kind§arkTeam: inner}]")
    )
    check_marked(agent + inner + team("entry: a\nroles: [{name: a, arkTeam: inner, §role-kind§replicas: 2}]"))
    check_marked(agent + inner + team("entry: a\nroles: [{name: a, arkAgent: hand}]"))


def test_prompts() -> None:
    check_marked(team("entry: a\nroles: [§missing-prompt§{name: a, model: mock}]"))
    check_marked(team('entry: a\nroles: [{name: a, model: mock, systemPrompt: §missing-prompt§" "}]'))
    source = "systemPromptRef: {secretKeyRef: {name: s, key: k, optional: true}}"
    role = f"{{name: a, model: mock, §prompt-overridden§systemPrompt: x, {source}}}"
    bundle = check_marked(team(f"entry: a\nroles: [{role}]"))
    assert bundle.diagnostics[0].severity == "info"


@pytest.mark.parametrize(
    ("size", "code"), [(50 * 1024, ""), (50 * 1024 + 1024, "prompt-large"), (513 * 1024, "prompt-too-large")]
)
def test_prompt_sizes(size: int, code: str) -> None:
    mark = f"§{code}§" if code else ""
    bundle = check_marked(
        team(f'entry: a\nroles: [{{name: a, model: mock, systemPrompt: {mark}"{"é" * (size // 2)}"}}]')
    )
    assert bundle.ok == (code != "prompt-too-large")


def test_prompt_sizes_count_config_maps_too() -> None:
    config_map = (
        f'---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata: {{p: "{"x" * 600_000}"}}\n'
    )
    check_marked(
        document(
            "ArkAgent",
            "model: mock\nsystemPromptRef: {configMapKeyRef: §prompt-too-large§{name: big, key: p}}",
        )
        + config_map
    )


def test_delegation() -> None:
    bundle = check_marked(
        team(
            f"""
            entry: a
            roles:
              - name: a
                model: mock
                systemPrompt: Hi.
                canDelegate: [b, §self-delegation§a, §unknown-role§bb]
              - {B}
              - {{name: §unused-role§c, model: mock, systemPrompt: Hi.}}
            """
        )
    )
    assert 'cannot be reached from the entry "a"' in messages(bundle)
    check_marked(
        team(
            f"""
            roles:
              - {{name: a, model: mock, systemPrompt: Hi., canDelegate: [b]}}
              - {B}
              - {{name: §unused-role§c, model: mock, systemPrompt: Hi.}}
            pipeline: [{{role: a}}]
            """
        )
    )


def test_steps_have_known_roles_and_unique_names() -> None:
    bundle = check_marked(team(ABC + "pipeline: [{role: a}, {role: §unknown-role§bb}, {role: c}]"))
    assert 'Did you mean "b"?' in messages(bundle)
    check_marked(team(f"roles: [{A}]\npipeline: [{{role: a}}, {{role: §duplicate-step§a}}]"))
    check_marked(team(f"roles: [{A}]\npipeline: [{{role: a}}, {{role: a, name: again, dependsOn: [a]}}]"))
    check_marked(
        team(f"roles: [{A}]\npipeline: [{{role: a}}, {{role: helper, registryLookup: {{capability: help}}}}]")
    )
    check_marked(team(f"roles: [{A}]\npipeline: [{{role: a, §empty-lookup§registryLookup: {{}}}}]"))


def test_dependencies_are_steps() -> None:
    bundle = check_marked(
        team(
            ABC
            + """
            pipeline:
              - {role: a, dependsOn: [§unknown-step§aa]}
              - §unreachable-step§{role: b, dependsOn: [a]}
              - §unreachable-step§{role: c, dependsOn: [b]}
            """.replace("            ", "")
        )
    )
    assert 'which depends on the unknown step "aa"' in messages(bundle)


def test_cycles_are_shown() -> None:
    bundle = check_marked(
        team(
            ABC
            + "pipeline:\n- {role: a, dependsOn: [§dependency-cycle§c]}\n- {role: b, dependsOn: [a]}\n"
            + "- {role: c, dependsOn: [b]}"
        )
    )
    assert "These steps wait for each other: a -> c -> b -> a." in messages(bundle)
    check_marked(team(f"roles: [{A}]\npipeline: [{{role: a, dependsOn: [§dependency-cycle§a]}}]"))
    check_marked(
        team(
            ABC
            + "pipeline:\n- {role: a, dependsOn: [§dependency-cycle§b]}\n- {role: b, dependsOn: [a]}\n"
            + "- §unreachable-step§{role: c, dependsOn: [b]}"
        )
    )


def test_a_very_long_pipeline_is_checked_in_time() -> None:
    reads = "inputs: {x: '{{ .steps.s0.output }}'}"
    steps = "".join(f"  - {{role: a, name: s{n}, dependsOn: [s{n - 1}], {reads}}}\n" for n in range(1, 2000))
    start = time.perf_counter()
    bundle = load_text(team(f"roles: [{A}]\npipeline:\n  - {{role: a, name: s0}}\n{steps}"))
    assert time.perf_counter() - start < 5
    assert not bundle.diagnostics, messages(bundle)


def schema_step(schema: str) -> str:
    return team(f"roles: [{A}]\npipeline:\n- role: a\n  outputSchema: {schema}")


def test_schemas_as_text_and_as_yaml() -> None:
    for schema in (
        """'{"type": "array", "minItems": 3, "maxItems": 3}'""",
        "{type: array, minItems: 3, maxItems: 3}",
    ):
        step = check_marked(schema_step(schema)).teams[0].spec.pipeline[0]
        assert step.output_schema is not None
        assert step.output_schema.parsed == {"type": "array", "minItems": 3, "maxItems": 3}
        assert json.loads(str(step.output_schema)) == step.output_schema.parsed


def test_wrong_schemas_point_into_themselves() -> None:
    check_marked(schema_step("'{\"type\": §schema-not-json§objct}'"))
    check_marked(schema_step('|\n    {\n      "type": "object",\n    §schema-not-json§}'))
    check_marked(
        schema_step(
            '|\n    {\n      "properties": {\n        "a": {"type": §schema-invalid§"text"}\n      }\n    }'
        )
    )
    check_marked(schema_step("{properties: {a: {type: §schema-invalid§text}}}"))
    check_marked(schema_step("""'{"$ref": §schema-reference§"https://example.org/s.json"}'"""))
    check_marked(schema_step("""'{"items": {"$ref": §schema-reference§"#/$defs/b"}, "$defs": {"a": {}}}'"""))
    check_marked(schema_step("""'{"items": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}}'"""))
    check_marked(schema_step("§schema-invalid§'[1]'"))
    check_marked(schema_step("§schema-not-json§'" + "[" * 5000 + "'"))
    check_marked(schema_step("§schema-not-json§" + """'{"const": NaN}'"""))
    check_marked(schema_step("§wrong-type§5"))


def test_every_schema_of_an_agent_is_checked() -> None:
    check_marked(
        document(
            "ArkAgent",
            """
            model: mock
            systemPrompt: Hi.
            tools:
              - {name: t, url: "http://t", inputSchema: '{"type": "object", "properties": {}}'}
              - {name: u, url: "http://u", inputSchema: '§schema-not-json§x'}
            capabilities:
              - {id: c, inputSchema: '{"type": §schema-invalid§1}', outputSchema: '§schema-not-json§}'}
            """,
        )
    )


def test_validation() -> None:
    bundle = check_marked(
        team(
            f"""
            roles: [{A}, {B}]
            pipeline:
              - role: a
                validate:
                  contains: '(?i)done'
                  rejectPatterns: ["a+", §invalid-pattern§"(a", §invalid-pattern§'(?=b)']
                  schema: '{{"type": §schema-invalid§"x"}}'
                  onFailure: §not-allowed§retri
                  maxRetries: 1
              - role: b
                §empty-validation§validate: {{onFailure: fail}}
            """
        )
    )
    assert "missing ): (a" in messages(bundle)


def test_tools_and_servers() -> None:
    check_marked(
        document(
            "ArkAgent",
            """
            model: mock
            systemPrompt: Hi.
            mcpServers:
              - {name: s, url: "http://s"}
              - {name: §duplicate-name§s, url: §invalid-url§"s:8080"}
            tools:
              - {name: t, url: §template-in-host§"{{ .input.base }}/x"}
              - {name: §duplicate-name§t, url: §invalid-url§"ftp://t"}
            capabilities: [{id: c}, {id: §duplicate-name§c}]
            """,
        )
    )


def test_limits_under_resources_are_warned_about_and_not_refused() -> None:
    bundle = check_marked(
        document(
            "ArkAgent",
            """
            model: mock
            systemPrompt: Hi.
            resources:
              requests: {cpu: 100m, §misplaced-field§maxConcurrentTasks: 2}
              §misplaced-field§maxConcurrentTasks: 4
              §misplaced-field§colour: red
            """,
        )
    )
    assert bundle.ok
    assert "Move it to the agent's `limits.maxConcurrentTasks`." in messages(bundle)


def test_teams_do_not_contain_themselves() -> None:
    bundle = check_marked(
        team("entry: x\nroles: [{name: x, arkTeam: §nested-team-cycle§two}]", "one")
        + team("entry: x\nroles: [{name: x, arkTeam: one}]", "two")
    )
    assert "one -> two -> one" in messages(bundle)
