"""YAML as people write it, and YAML that is meant to do harm."""

import time

import pytest

from ark_temporal.manifests import ArkAgent, ArkFlow, ArkRun, ArkTeam, ConfigMap, PipelineStep
from tests.unit.manifests.marked import check_marked, load_text, messages


def run_spec(yaml: str) -> object:
    """The plain value of some YAML, through a kind whose spec is free-form."""
    bundle = load_text(
        f"apiVersion: arkonis.dev/v1alpha1\nkind: ArkRun\nmetadata: {{name: r}}\nspec:\n  v: {yaml}\n"
    )
    assert not bundle.diagnostics, messages(bundle)
    return bundle.all(ArkRun)[0].spec.get("v")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("NO", "NO"),
        ("True", True),
        ("false", False),
        ("12:30:45", "12:30:45"),
        ("0777", 777),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("2024-05-01", "2024-05-01"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("!!int '1'", 1),
        ("! 1", "1"),
        ("~", None),
        ("=", "="),
        ("[a, {b: c}]", ["a", {"b": "c"}]),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
    ],
)
def test_scalars_are_read_as_yaml_1_2_does(written: str, meant: object) -> None:
    value = run_spec(written)
    assert value == meant
    assert type(value) is type(meant)


def test_the_key_on_stays_a_string() -> None:
    check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkNotify
        metadata: {name: n}
        spec:
          channels: [{type: webhook, webhook: {urlFrom: {name: §missing-reference§s, key: u}}}]
          on: [TeamFailed]
        """
    )


def test_anchors_aliases_and_merges() -> None:
    bundle = check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkTeam
        metadata: {name: t}
        spec:
          roles:
            - &base {name: a, model: mock, systemPrompt: Hi., limits: &few {timeoutSeconds: 5}}
            - {<<: *base, name: b}
            - <<: [{model: other, replicas: 2}, *base]
              name: c
              limits: *few
          pipeline: [{role: a}, {role: b}, {role: c}]
        """
    )
    roles = {role.name: role for role in bundle.teams[0].spec.roles}
    assert roles["b"].model == "mock"
    assert (roles["c"].model, roles["c"].replicas, roles["c"].limits.timeout_seconds) == ("other", 2, 5)


def test_wrong_yaml_is_a_finding_with_its_place() -> None:
    check_marked("a: b§yaml-syntax§: c: d")
    check_marked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: §yaml-alias§*nothing")
    check_marked(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: &d {x: §yaml-alias§§wrong-type§*d}"
    )
    check_marked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, §yaml-duplicate-key§name: n}")
    check_marked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n§yaml-key§[a]: b")
    check_marked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n<<: §yaml-merge§1")
    check_marked("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: §yaml-tag§!!binary m}")
    check_marked(
        "apiVersion: arkonis.dev/v1alpha1\nkind: ArkRun\nmetadata: {name: m}\nspec: {v: §yaml-number§.inf}"
    )
    check_marked("a: b\nc: §yaml-character§\0")
    assert "tabs" in check_marked("a:\n§yaml-syntax§\tb: c").errors[0].hint


def test_documents_before_a_syntax_error_are_still_checked() -> None:
    bundle = check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkAgent
        metadata: {name: a}
        spec: {model: mock, systemPrompt: Hi., §unknown-field§replcas: 2}
        ---
        a: [
        b c
        ]§yaml-syntax§]
        """
    )
    assert not bundle.complete


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (bomb(12), "yaml-too-large"),
        ("\n".join(f"a{n}: &a{n} [{f'*a{n - 1}' if n else 'x'}]" for n in range(300)), "yaml-too-deep"),
        ("[" * 100_000, "yaml-too-deep"),
        ("{a: " * 20_000, "yaml-too-deep"),
        ("- " * 100_000, "yaml-too-deep"),
        ("a: &a " * 1000, "yaml-syntax"),
        ("x: " + "9" * 5000, "yaml-number"),
    ],
    ids=["aliases", "aliases in aliases", "lists", "mappings", "dashes", "anchors", "digits"],
)
def test_hostile_yaml_is_refused_in_time(text: str, code: str) -> None:
    start = time.perf_counter()
    found = [each.code for each in load_text(text).diagnostics]
    assert time.perf_counter() - start < 1
    assert code in found


def test_empty_values_are_like_absent_ones() -> None:
    bundle = check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkAgent
        metadata:
          name: a
          labels:
        spec:
          model: mock
          systemPrompt: Hi.
          tools:
          replicas:
        """
    )
    agent = bundle.find(ArkAgent, "a")
    assert agent is not None
    assert (agent.spec.tools, agent.spec.replicas) == ([], 1)


def test_python_names_are_no_manifest_names() -> None:
    check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkAgent
        metadata: {name: a}
        spec: {model: mock, §unknown-field§system_prompt: Hi.}
        """
    )


def test_models_are_made_in_python_by_python_names() -> None:
    step = PipelineStep(role="a", if_="x", depends_on=["b"])
    assert step.model_dump(exclude_defaults=True) == {"role": "a", "if": "x", "dependsOn": ["b"]}
    assert {kind.KIND for kind in (ArkTeam, ArkFlow, ConfigMap)} == {"ArkTeam", "ArkFlow", "ConfigMap"}
