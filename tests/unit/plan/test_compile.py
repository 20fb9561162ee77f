"""From manifests to a plan."""

import json
import textwrap
from pathlib import Path

import pytest

from ark_temporal.manifests import Bundle, load
from ark_temporal.plan.compile import Compiled, CompileError, compile_team, select_team
from ark_temporal.plan.model import EnvSource, KeyRef, LoopPlan, PromptInput, ValidationPlan
from ark_temporal.plan.prompts import ENVELOPE_RULE
from tests.unit.manifests.marked import document, load_text, team

PIPELINE = """\
pipeline:
  - role: writer
    inputs: {prompt: Write.}
"""


def desk(role: str = "", rest: str = "", pipeline: str = PIPELINE) -> str:
    """A team "desk" with one role, "writer", that has these fields besides its model."""
    fields = textwrap.indent(textwrap.dedent(role).strip("\n"), "    ")
    prompt = "" if "systemPrompt" in role else "    systemPrompt: Be brief.\n"
    return team(
        f"{pipeline}roles:\n  - name: writer\n    model: gpt-4.1\n{prompt}{fields}\n{textwrap.dedent(rest)}",
        "desk",
    )


def settings(name: str, spec: str) -> str:
    return document("ArkSettings", spec, name)


def compiled(text: str, *, ignore_unsupported: bool = False) -> Compiled:
    bundle = load_text(text)
    assert bundle.ok, "\n".join(map(str, bundle.errors))
    return compile_team(bundle, select_team(bundle, None), ignore_unsupported=ignore_unsupported)


def prompt_of(text: str) -> list[str]:
    """The pieces of the writer's system prompt."""
    return [part.text for part in compiled(text).plan.agents["writer"].system]


def test_a_step_carries_all_that_its_manifest_says() -> None:
    pipeline = """\
pipeline:
  - role: writer
    name: draft
    inputs: {zeal: "{{ .input.topic }}", prompt: Write.}
    if: "{{ .input.topic }}"
    loop: {condition: "no", maxIterations: 4}
    outputSchema: '{"type": "object"}'
    validate:
      contains: "[a-z]"
      rejectPatterns: [TODO]
      schema: '{"minProperties": 1}'
      semantic: Is it good?
      onFailure: retry
      maxRetries: 1
  - role: writer
    name: final
    dependsOn: [draft]
    inputs: {prompt: "{{ .steps.draft.output }}"}
"""
    rest = "output: '{{ .steps.final.output }}'\ntimeoutSeconds: 90\nmaxTokens: 5000\ninputs: [{name: topic}]"
    plan = compiled(desk(pipeline=pipeline, rest=rest)).plan
    draft, final = plan.steps
    assert draft.inputs == (
        PromptInput(name="zeal", template="{{ .input.topic }}"),
        PromptInput(name="prompt", template="Write."),
    )
    assert (draft.name, draft.role, draft.condition) == ("draft", "writer", "{{ .input.topic }}")
    assert draft.loop == LoopPlan(condition="no", max_iterations=4)
    assert draft.output_schema == {"type": "object"}
    assert draft.validation == ValidationPlan(
        reject_patterns=("TODO",),
        contains="[a-z]",
        json_schema={"minProperties": 1},
        semantic="Is it good?",
        on_failure="retry",
        max_retries=1,
    )
    assert final.depends_on == ("draft",)
    assert (plan.output, plan.timeout_seconds, plan.max_tokens) == ("{{ .steps.final.output }}", 90, 5000)
    assert [each.name for each in plan.inputs] == ["topic"]


def test_defaults_of_inputs_are_of_their_type() -> None:
    plan = compiled(
        desk(rest="inputs: [{name: n, type: integer, default: '600'}, {name: t, default: x}]")
    ).plan
    assert [each.default for each in plan.inputs] == [600, "x"]


def test_an_inline_role_stands_for_an_agent_of_its_team() -> None:
    agent = compiled(desk("limits: {maxTokensPerCall: 77, timeoutSeconds: 9}")).plan.agents["writer"]
    assert (agent.agent, agent.model, agent.provider) == ("desk-writer", "gpt-4.1", None)
    assert (agent.max_tokens_per_call, agent.timeout_seconds) == (77, 9)


def test_a_role_may_be_an_agent_of_its_own() -> None:
    text = team(f"{PIPELINE}roles: [{{name: writer, arkAgent: scribe}}]", "desk") + document(
        "ArkAgent", "model: claude-sonnet-4\nsystemPrompt: Be wise.\n", "scribe"
    )
    agent = compiled(text).plan.agents["writer"]
    assert (agent.role, agent.agent, agent.model) == ("writer", "scribe", "claude-sonnet-4")
    assert agent.system[0].text == "Be wise."


def test_roles_that_no_step_uses_are_left_out() -> None:
    roles = "roles: [{name: idle, model: m, systemPrompt: x}, {name: writer, model: m, systemPrompt: x}]"
    assert set(compiled(team(f"{PIPELINE}{roles}", "desk")).plan.agents) == {"writer"}


def test_fragments_of_settings_stand_around_the_prompt_in_their_order() -> None:
    tone = """\
    outputFormat: markdown
    promptFragments: {zebra: Z., outputRules: RULES., persona: PERSONA., apple: A.}
    """
    house = """\
    fragments:
      - {name: last, position: append, text: END.}
      - {name: first, position: prepend, text: BEGIN.}
    promptFragments: {persona: NOT USED.}
    """
    role = """\
    systemPrompt: OWN.
    configRef: {name: tone}
    settingsRefs: [{name: house}]
    mcpServers:
      - {name: archive, url: "http://archive:8000", guidance: "Ask first.\\n"}
    """
    found = prompt_of(desk(role) + settings("tone", tone) + settings("house", house))
    assert found[:7] == ["PERSONA.", "BEGIN.", "OWN.", "RULES.", "A.", "Z.", found[6]]
    assert "Markdown" in found[6]
    assert found[7] == "END."
    assert found[8].startswith("## MCP Tool Guidance\n")
    assert "archive" in found[8]
    assert "Ask first." in found[8]
    assert found[9:] == [ENVELOPE_RULE]


def test_settings_apply_in_the_order_of_their_references() -> None:
    one = settings("one", "promptFragments: {persona: P1., outputRules: R1.}\ntemperature: '0.1'")
    two = settings("two", "promptFragments: {persona: P2., outputRules: R2.}\ntemperature: '0.9'")
    role = "systemPrompt: OWN.\nsettingsRefs: [two, one]"
    assert prompt_of(one + two + desk(role)) == ["P2.", "P1.", "OWN.", "R2.", "R1.", ENVELOPE_RULE]
    assert compiled(one + two + desk(role)).plan.agents["writer"].temperature == 0.1


def test_every_agent_is_told_about_envelopes() -> None:
    assert prompt_of(desk()) == ["Be brief.", ENVELOPE_RULE]


def config_map(name: str, values: str) -> str:
    return f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {values}\n"


def test_a_prompt_in_a_config_map_is_frozen_into_the_plan() -> None:
    role = "systemPrompt: Not this.\nsystemPromptRef: {configMapKeyRef: {name: prompts, key: a.txt}}"
    assert prompt_of(desk(role) + config_map("prompts", '{a.txt: "From the map."}'))[0] == "From the map."


@pytest.mark.parametrize("there", ["", config_map("prompts", "{other: x}")])
def test_a_prompt_whose_config_map_is_not_there_is_left_to_the_worker(there: str) -> None:
    bundle = load_text(desk("systemPromptRef: {configMapKeyRef: {name: prompts, key: a.txt}}") + there)
    plan = compile_team(bundle, bundle.teams[0]).plan
    assert plan.agents["writer"].system[0].ref == KeyRef(kind="ConfigMap", name="prompts", key="a.txt")


SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {OPENAI_API_KEY: sk-planted-1, prompt: planted-prompt-2, MCP: planted-token-3}
data: {OTHER: cGxhbnRlZC1kYXRhLTQ=}
"""


def test_values_of_secrets_are_in_no_plan() -> None:
    role = """\
    systemPromptRef: {secretKeyRef: {name: keys, key: prompt}}
    envFrom: [{secretRef: {name: keys}, prefix: X_}, {configMapRef: {name: shared}}]
    mcpServers:
      - name: archive
        url: "http://archive:8000"
        headers: {Authorization: {secretKeyRef: {name: keys, key: MCP}}}
    """
    plan = compiled(desk(role) + SECRET + config_map("shared", "{AGENT_PROVIDER: mock}")).plan
    agent = plan.agents["writer"]
    assert agent.system[0].ref == KeyRef(name="keys", key="prompt")
    assert agent.env_from == (EnvSource(name="keys", prefix="X_"), EnvSource(kind="ConfigMap", name="shared"))
    assert "planted" not in plan.model_dump_json()
    assert "cGxhbnRlZC" not in plan.model_dump_json()


def test_a_flow_is_a_team() -> None:
    flow = document(
        "ArkFlow",
        """\
        input: {topic: tides}
        steps:
          - {name: one, arkAgent: scribe, inputs: {prompt: "{{ .pipeline.input.topic }}"}}
          - {name: two, arkAgent: scribe, dependsOn: [one], inputs: {prompt: "{{ .steps.one.output }}"}}
        maxTokens: 100
        """,
        "old",
    )
    plan = compiled(flow + document("ArkAgent", "model: m\nsystemPrompt: x\n", "scribe")).plan
    assert plan.team == "old"
    assert [(each.name, plan.agents[each.role].agent) for each in plan.steps] == [
        ("one", "scribe"),
        ("two", "scribe"),
    ]
    assert (plan.input_defaults, plan.max_tokens) == ({"topic": "tides"}, 100)


def test_what_is_not_carried_out_is_an_error_at_its_place_unless_ignored() -> None:
    pipeline = PIPELINE + "    outputArtifacts: [{name: report.md}]\n"
    text = desk("", "limits: {maxDailyTokens: 9}\n", pipeline)
    with pytest.raises(CompileError) as caught:
        compiled(text)
    found = {each.path.removeprefix("ArkTeam/desk "): each for each in caught.value.diagnostics}
    assert len(found) == 2
    lines = text.splitlines()
    for path, word in (
        ("spec.limits.maxDailyTokens", "maxDailyTokens"),
        ("spec.pipeline[0].outputArtifacts", "outputArtifacts"),
    ):
        assert found[path].severity == "error"
        assert word in lines[found[path].line - 1]
        assert "--ignore-unsupported" in found[path].hint
        assert path in str(caught.value)
    ignored = compiled(text, ignore_unsupported=True)
    assert {each.path for each in ignored.warnings} == {each.path for each in caught.value.diagnostics}
    assert {each.severity for each in ignored.warnings} == {"warning"}


PAGER = document(
    "ArkNotify", "channels: [{type: slack, slack: {webhookURLFrom: {name: s, key: k}}}]", "pager"
)


def test_what_only_adds_to_a_run_is_a_warning() -> None:
    rest = "artifactStore: {type: local, local: {path: /x}}\nnotifyRef: {name: pager}"
    text = desk(rest=rest) + PAGER
    found = {each.path: each for each in compiled(text).warnings}
    assert set(found) == {"ArkTeam/desk spec.artifactStore"}
    assert {each.severity for each in found.values()} == {"warning"}


def test_a_forced_provider_answers_for_all_roles() -> None:
    bundle = load_text(desk())
    plan = compile_team(bundle, bundle.teams[0], provider="mock").plan
    assert plan.agents["writer"].provider == "mock"


TWINS = team(f"{PIPELINE}roles: [{{name: writer, model: m, systemPrompt: x}}]", "desk", "east") + team(
    f"{PIPELINE}roles: [{{name: writer, model: m, systemPrompt: x}}]", "desk", "west"
)


def test_a_team_is_found_by_name_or_is_the_first() -> None:
    bundle = load_text(TWINS + desk().replace("name: desk", "name: other"))
    assert select_team(bundle, None).metadata.namespace == "east"
    assert select_team(bundle, "west/desk").metadata.namespace == "west"
    assert select_team(bundle, "other").metadata.name == "other"


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (TWINS, "desk", ["several", "east/desk", "west/desk"]),
        (TWINS, "dsk", ['"dsk"', "east/desk, west/desk"]),
        (TWINS, "east/other", ['"east/other"']),
        (SECRET, None, ["no ArkTeam"]),
    ],
)
def test_a_team_that_is_not_clear_is_asked_for_in_a_sentence(
    text: str, name: str | None, words: list[str]
) -> None:
    with pytest.raises(LookupError) as caught:
        select_team(load_text(text), name)
    assert all(word in str(caught.value) for word in words)


def test_the_same_manifests_give_the_same_digest_wherever_they_lie(tmp_path: Path) -> None:
    digests: set[str] = set()
    for folder, text in (("a", desk()), ("b", f"# Another comment.\n{desk()}")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "team.yaml").write_text(text)
        bundle: Bundle = load([str(tmp_path / folder)])
        plan = compile_team(bundle, bundle.teams[0]).plan
        digests.add(plan.digest())
        assert str(tmp_path) not in json.dumps(plan.model_dump(mode="json"))
    assert len(digests) == 1
