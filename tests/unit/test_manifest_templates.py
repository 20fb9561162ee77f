"""Findings about templates, each at its own character, whatever the style of the YAML around it."""

import textwrap

import pytest

from tests.unit.manifests.marked import check_marked, document, messages, team

ROLES = "roles:\n- {name: a, model: mock, systemPrompt: Hi.}\n- {name: b, model: mock, systemPrompt: Hi.}\n"


def steps(b: str, extra: str = "") -> str:
    """A team with the steps `a` and then `b`, whose fields are given as YAML."""
    body = b.replace("\n", "\n  ")
    return team(f"{ROLES}pipeline:\n- role: a\n- role: b\n  dependsOn: [a]\n  {body}\n{extra}")


@pytest.mark.parametrize(
    "written",
    [
        'inputs: {x: "and {{ §template-name§.stpes.a.output }}"}',
        "inputs: {x: 'it''s {{ §template-name§.stpes.a.output }}'}",
        "inputs:\n  x: and {{ §template-name§.stpes.a.output }}",
        "inputs:\n  x: |\n    one\n\n      two {{ §template-name§.stpes.a.output }}\n    three",
        "inputs:\n  x: |+2\n     one {{ §template-name§.stpes.a.output }}",
        "inputs:\n  x: &anchor |- # a comment\n    one {{ §template-name§.stpes.a.output }}",
        "inputs:\n  x: >\n    one\n    two {{ §template-name§.stpes.a.output }}\n\n    three",
        "inputs:\n  x: >-\n    {{ .input.y }}\n    {{\n    §template-name§.stpes.a.output }}",
        'inputs:\n  x: "one\\n\\ttwo \\u00e9 \\\n    {{ §template-name§.stpes.a.output }}"',
        "inputs:\n  x: one\n    two {{ §template-name§.stpes.a.output }}",
        "inputs:\n  x: ünï 😀 {{ §template-name§.stpes.a.output }}",
    ],
    ids=[
        "double",
        "single",
        "plain",
        "literal",
        "indented",
        "anchored",
        "folded",
        "split",
        "escaped",
        "long",
        "wide",
    ],
)
def test_the_exact_character_is_named_in_every_style(written: str) -> None:
    check_marked(steps(written))


def test_templates_that_cannot_be_read() -> None:
    bundle = check_marked(
        steps(
            "inputs:\n  x: |\n    fine {{ .input.y }}\n    {{ .input.y | §template-syntax§nofunc }}\n    more"
        )
    )
    assert "The template cannot be read" in messages(bundle)
    assert {each.path for each in bundle.errors} == {"ArkTeam/thing spec.pipeline[1].inputs.x"}


def test_unknown_names_get_the_nearest() -> None:
    bundle = check_marked(
        steps(
            'inputs: {x: "{{ §template-name§.stpes.a.output }}{{ §unknown-step§.steps.aa.output }}'
            '{{ §template-name§.steps.a.ouput }}{{ §template-name§.steps.a.output.title }}"}'
        )
    )
    said = messages(bundle)
    assert 'There is no ".stpes" here; known: .input, .steps. Did you mean ".steps"?' in said
    assert 'No step is called "aa". Did you mean "a"?' in said
    assert 'Did you mean "output"?' in said
    assert "Give the step an `outputSchema` and read `.data.title`." in said


def test_steps_must_be_upstream() -> None:
    bundle = check_marked(
        team(
            f"""
            {ROLES.replace(chr(10), chr(10) + " " * 12)}
            pipeline:
              - role: a
                inputs: {{x: "{{{{ §step-not-upstream§.steps.b.output }}}}"}}
              - role: b
                inputs: {{x: "{{{{ §step-not-upstream§.steps.a.output }}}}"}}
            """
        )
    )
    assert 'Add "a" to `dependsOn`.' in messages(bundle)
    bundle = check_marked(
        team(
            ROLES
            + "pipeline:\n- {role: a, if: '{{ §step-not-upstream§.steps.b.output }}'}\n"
            + "- {role: b, dependsOn: [a]}"
        )
    )
    assert '"b" itself waits for "a".' in messages(bundle)


def test_steps_further_up_are_upstream_too() -> None:
    check_marked(
        team(
            "roles: [{name: a, model: mock, systemPrompt: Hi.}]\npipeline:\n"
            "- {role: a, name: one}\n- {role: a, name: two, dependsOn: [one]}\n"
            '- {role: a, name: three, dependsOn: [two], inputs: {x: "{{ .steps.one.output }}"}}'
        )
    )


def test_a_step_sees_itself_only_after_it_ran() -> None:
    check_marked(steps("loop: {condition: '{{ eq .steps.b.output \"\" }}'}"))
    check_marked(steps("approval: {when: after, if: x, message: '{{ .steps.b.output }}'}"))
    bundle = check_marked(steps("approval: {message: '{{ §step-not-upstream§.steps.b.output }}'}"))
    assert "Only an approval with `when: after` sees it." in messages(bundle)
    check_marked(
        steps("approval: {if: '{{ §step-not-upstream§.steps.b.data }}'}\nloop: {condition: '{{ .input.x }}'}")
    )
    check_marked(steps("inputs: {x: '{{ §step-not-upstream§.steps.b.output }}'}"))
    check_marked(steps("inputs: {x: '{{ .steps.b.output }}'}\nloop: {condition: '{{ .input.again }}'}"))
    bundle = check_marked(steps("if: '{{ §step-not-upstream§.steps.b.output }}'"))
    assert "reads its own output" in messages(bundle)


def test_data_needs_a_schema() -> None:
    bundle = check_marked(steps("inputs: {x: '{{ §no-data§.steps.a.data.title }}'}"))
    assert bundle.ok
    with_schema = steps("inputs: {x: '{{ .steps.a.data.title }}'}").replace(
        "- role: a\n", "- role: a\n    outputSchema: {type: object}\n", 1
    )
    check_marked(with_schema)
    check_marked(with_schema.replace("outputSchema: {type: object}", "validate: {schema: '{}'}"))


def test_items_are_seen_by_the_inputs_of_a_map_only() -> None:
    inputs = "inputs: {x: '{{ .item.a.b }} {{ .index }}'}"
    check_marked(steps(inputs + "\nmap: {over: '{{ .steps.a.output | fromJson }}'}"))
    bundle = check_marked(steps("inputs: {x: '{{ §template-name§.item }}'}"))
    assert "Only the `inputs` of a step with `map` have it." in messages(bundle)
    check_marked(steps("if: '{{ §template-name§.index }}'\nmap: {over: '{{ .input.list }}'}"))
    check_marked(steps("map: {over: '{{ §template-name§.item }}'}"))
    check_marked(steps("map: {over: '{{ §step-not-upstream§.steps.b.data }}'}"))
    bundle = check_marked(
        steps("map: {over: '{{ .input.list }}'}\ninputs: {x: '{{ §template-name§.itme }}'}")
    )
    assert 'Did you mean ".item"?' in messages(bundle)


def test_a_map_fills_data_without_a_schema() -> None:
    reads = "inputs: {x: '{{ .steps.a.data }}'}"
    text = steps(reads).replace("- role: a\n", "- role: a\n    map: {over: '[1]'}\n", 1)
    check_marked(text)


def test_the_value_of_a_switch_is_a_template() -> None:
    check_marked(steps("switch: {value: '{{ .steps.a.output }}', cases: {x: b}}"))
    check_marked(steps("switch: {value: '{{ §step-not-upstream§.steps.b.output }}', cases: {x: b}}"))
    check_marked(steps("switch: {value: '{{ §template-syntax§if }}', cases: {x: b}}"))


def test_answers_need_a_question() -> None:
    reads = "inputs: {x: '{{ §no-data§.steps.a.answer }}'}"
    bundle = check_marked(steps(reads))
    assert bundle.ok
    reads = reads.replace("§no-data§", "")
    check_marked(steps(reads).replace("- role: a\n", "- role: a\n    approval: {question: true}\n", 1))
    text = steps("inputs: {x: '{{ §template-name§.steps.a.answer.why }}'}")
    bundle = check_marked(text.replace("- role: a\n", "- role: a\n    approval: {question: true}\n", 1))
    assert "Give its question an `answerSchema`." in messages(bundle)
    check_marked(
        text.replace("§template-name§", "").replace(
            "- role: a\n", "- role: a\n    approval: {answerSchema: {type: object}}\n", 1
        )
    )


def test_a_step_sees_the_answer_to_its_own_question() -> None:
    asks = "approval: {question: true}\n"
    check_marked(steps(asks + "inputs: {x: '{{ .steps.b.answer }}'}"))
    check_marked(steps(asks + "map: {over: '{{ .steps.b.answer }}'}"))
    check_marked(steps(asks + "switch: {value: '{{ .steps.b.answer }}', cases: {x: b}}"))
    check_marked(steps(asks + "if: '{{ §step-not-upstream§.steps.b.answer }}'"))
    check_marked(steps("approval: {question: true, message: '{{ §step-not-upstream§.steps.b.answer }}'}"))


def test_inputs_are_compared_only_where_some_are_declared() -> None:
    check_marked(steps("inputs: {x: '{{ .input.anything }}'}"))
    declared = "inputs: [{name: topic}]\ninput: {tone: dry}\n"
    bundle = check_marked(
        steps(
            "inputs: {x: '{{ .input.topic }} {{ .input.tone }} {{ §undeclared-input§.input.topc }}'}",
            declared,
        )
    )
    assert 'Did you mean "topic"?' in messages(bundle)
    assert bundle.ok


def test_the_output_may_use_all_steps() -> None:
    check_marked(
        steps(
            "inputs: {}", 'output: "{{ .steps.a.output }}{{ .steps.b.output }}{{ §unknown-step§.steps.c }}"'
        )
    )
    check_marked(
        team(ROLES + 'entry: a\noutput: "{{ .steps.a.output }}"').replace("name: b", "name: §unused-role§b")
    )
    check_marked(
        team(
            "routing: {model: mock}\n"
            "output: '{{ .steps.route.output }}{{ §unknown-step§.steps.rout.output }}'"
        )
    )


def test_references_inside_blocks_and_lookups() -> None:
    check_marked(
        steps(
            "inputs:\n  x: |\n"
            '    {{ if eq (index .steps "a").output "x" }}'
            "{{ with .input.list }}{{ .anything }}{{ end }}{{ end }}\n"
            "    {{ range .input.list }}{{ .x }}{{ $§template-name§.stpes }}{{ end }}"
        ).replace("$§template-name§", "§template-name§$")
    )


def test_text_that_is_no_template() -> None:
    check_marked(steps('inputs: {x: "{ .stpes } {a: [1]} <b> }} {"}'))


def test_addresses_of_tools_read_inputs_only() -> None:
    tool = "{name: t, url: 'http://t/{{ .input.x }}/{{ §template-name§.steps.a.output }}'}"
    check_marked(team(f"entry: a\nroles: [{{name: a, model: mock, systemPrompt: Hi., tools: [{tool}]}}]"))
    check_marked(document("ArkAgent", f"model: mock\nsystemPrompt: Hi.\ntools: [{tool}]"))


def test_rules_of_approvals_read_arguments_and_inputs() -> None:
    rules = (
        "tools:\n"
        "- name: t\n"
        "  url: 'http://t/{{ §template-name§.arguments.x }}'\n"
        "  requireApproval: '{{ gt .arguments.x .input.y }} {{ §template-name§.steps.a.output }}'\n"
        "  approval: {message: '{{ .arguments.x.y }} {{ §template-name§.argument.x }}'}\n"
        "mcpServers:\n"
        "- name: s\n"
        "  url: http://s/mcp\n"
        "  requireApproval:\n"
        "    '*': '{{ .arguments.x }}'\n"
        "    t: '{{ §template-name§.item }}'\n"
        "    u: '{{ §template-syntax§if }}'\n"
        "  approval: {message: '{{ .input.x }} {{ §template-name§.output }}'}\n"
    )
    bundle = check_marked(document("ArkAgent", f"model: mock\nsystemPrompt: Hi.\n{rules}"))
    assert 'Did you mean ".arguments"?' in messages(bundle)
    role = "roles:\n- name: a\n  model: mock\n  systemPrompt: Hi.\n" + textwrap.indent(rules, "  ")
    check_marked(team("entry: a\n" + role))


TARGET = team("entry: a\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", "target")


@pytest.mark.parametrize(
    ("source", "template"),
    [
        ("{type: webhook}", "{{ .trigger.body.user.name }} {{ .trigger.name }} {{ .trigger.firedAt }}"),
        ("{type: webhook}", "{{ §template-name§.triger.body }} {{ §template-name§.trigger.bdy.x }}"),
        ("{type: webhook}", "{{ §template-name§.input.x }} {{ §no-data§.trigger.output }}"),
        (
            "{type: team-output, teamOutput: {name: other}}",
            "{{ .trigger.output }} {{ §no-data§.trigger.body.x }}",
        ),
        ('{type: cron, cron: "0 0 * * *"}', "{{ §template-syntax§if }}"),
    ],
)
def test_events(source: str, template: str) -> None:
    other = TARGET.replace("name: target", "name: other")
    marked = f"source: {source}\ntargets:\n- team: target\n  input:\n    x: '{template}'"
    check_marked(TARGET + other + document("ArkEvent", marked))


def test_notifications() -> None:
    check_marked(
        document(
            "ArkNotify",
            """
            channels:
              - type: webhook
                webhook:
                  urlFrom: {name: s, key: k, optional: true}
                  template: '{"text": "{{ .Event }} {{ .RunName }} {{ §template-name§.Mesage }}"}'
            events:
              - type: TeamFailed
                template: |
                  *{{ .team.name }}* failed: <{{ .run.dashboardUrl }}|open> :fire:
                  {{ printf "%d" (int .run.status.durationSeconds) }} {{ §template-name§.runs.name }}
            """,
        )
    )
