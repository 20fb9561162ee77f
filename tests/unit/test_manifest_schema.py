"""The JSON Schema, the explanations and the reference say what the models accept."""

from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator

from ark_temporal.manifests import KINDS, UnknownPathError, explain, json_schema, kind_named, render_reference
from ark_temporal.manifests.base import ManifestModel
from ark_temporal.manifests.fields import fields_of
from ark_temporal.manifests.origins import WRITTEN_AS
from tests.unit.manifests.marked import document, load_text
from tests.unit.manifests.samples import FULL, PEOPLE, ROUTED


def documents(text: str) -> list[dict[str, Any]]:
    return [cast(dict[str, Any], each) for each in yaml.safe_load_all(text) if each]


def matches(kind: str | None, sample: object) -> bool:
    return cast(Any, Draft202012Validator(json_schema(kind))).is_valid(sample)


SAMPLES = documents(FULL) + documents(ROUTED) + documents(PEOPLE)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_schemas_are_schemas(kind: str | None) -> None:
    Draft202012Validator.check_schema(json_schema(kind))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each['kind']}")
def test_valid_manifests_match_both_schemas(sample: dict[str, Any]) -> None:
    assert matches(None, sample)
    assert matches(sample["kind"], sample)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: f"{each['kind']}")
def test_damaged_manifests_do_not_match(sample: dict[str, Any]) -> None:
    changes: list[dict[str, object]] = [
        {"extra": 1},
        {"metadata": {}},
        {"metadata": {"name": "Not Valid"}},
        {"kind": "Nothing"},
    ]
    for change in changes:
        assert not matches(None, sample | change)
    for missing in ("apiVersion", "kind", "metadata"):
        assert not matches(None, {key: value for key, value in sample.items() if key != missing})


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ArkAgent", "model: m\nconfigRef: a\nsettingsRefs: [a, {name: b}]"),
        (
            "ArkAgent",
            "model: m\nmcpServers: [{name: s, url: u, headers: [{name: A, valueFrom: {name: a, key: b}}]}]",
        ),
        (
            "ArkAgent",
            "model: m\nmcpServers: [{name: s, url: u, headers: {A: {secretKeyRef: {name: a, key: b}}}}]",
        ),
        ("ArkEvent", "source: {type: pipeline-output, pipelineOutput: {name: a}}\ntargets: [{pipeline: b}]"),
        (
            "ArkNotify",
            "channels: [{type: slack, slack: {webhookURLFrom: {name: a, key: b}}}]\n'on': [TeamFailed]",
        ),
        (
            "ArkNotify",
            "channel: {type: slack, slack: {webhookUrlSecretRef: {name: a, key: b}}}\nrateLimitSeconds: 5",
        ),
        ("ArkTeam", "members: [{role: a, arkAgent: b, entry: true}]"),
        ("ArkFlow", "steps: [{name: a, arkonisDeployment: b, outputSchema: {type: object}}]"),
        ("ArkFlow", "steps: [{name: a, arkAgent: b, outputSchema: '{}'}]"),
    ],
)
def test_both_shapes_match(kind: str, spec: str) -> None:
    (sample,) = documents(document(kind, spec))
    assert matches(kind, sample)


@pytest.mark.parametrize(
    "step",
    [
        "map: {}",
        "map: {over: x, maxConcurrency: 501}",
        "map: {over: x, maxItems: 0}",
        "map: {over: x, onFailure: skip}",
        "ensemble: {select: vote}",
        "ensemble: {samples: 501}",
        "ensemble: {samples: 2, roles: [a]}",
        "ensemble: {samples: 2, join: most}",
        "fallback: b",
        "switch: {value: x}",
        "switch: {value: x, cases: {}}",
        "onFailure: retry",
        "approval: {quorum: 0}",
        "approval: [{when: during}]",
        "approval: {onTimeout: escalate, escalation: [{approvers: [], timeoutSeconds: 1}]}",
        "approval: {onTimeout: escalate, escalation: [{approvers: [a]}]}",
        "approval: {onLastTimeout: escalate}",
        "approval: [approve]",
    ],
)
def test_steps_of_wrong_shapes_match_no_schema_and_load_with_errors(step: str) -> None:
    text = document(
        "ArkTeam", f"roles: [{{name: a, model: m, systemPrompt: s}}]\npipeline: [{{role: a, {step}}}]"
    )
    (sample,) = documents(text)
    assert not matches("ArkTeam", sample)
    assert not load_text(text).ok


def test_one_of_two_names_is_required() -> None:
    (sample,) = documents(document("ArkEvent", "source: {type: webhook}\ntargets: [{input: {}}]"))
    assert not matches("ArkEvent", sample)


def test_kinds_are_known_by_many_names() -> None:
    assert {kind_named(name) for name in ("ArkNotify", "arknotify", "anfy", "ARKNOTIFYS")} == {
        KINDS["ArkNotify"]
    }
    assert kind_named("aorun") is KINDS["ArkRun"]
    assert kind_named("nothing") is None
    with pytest.raises(KeyError):
        json_schema("nothing")


def test_explaining_a_kind_and_a_field() -> None:
    kind = explain("arkteam")
    assert (kind.kind, kind.path, kind.type) == ("ArkTeam", "ArkTeam", "object")
    assert {"metadata", "spec"} <= {each.name for each in kind.fields}
    steps = explain("arkteam.spec.pipeline")
    assert steps.type == "list of objects"
    assert {"role", "if", "validate", "dependsOn"} <= {each.name for each in steps.fields}
    role = next(each for each in steps.fields if each.name == "role")
    assert (role.required, role.type) == (True, "string")


def test_explaining_defaults_and_ranges() -> None:
    loops = explain("ArkTeam.spec.pipeline.loop.maxIterations")
    assert (loops.type, loops.default, loops.range, loops.required) == ("integer", "10", "1 to 100", False)
    method = explain("ArkAgent.spec.tools.method")
    assert (method.default, method.range) == ('"POST"', "GET, POST, PUT, PATCH, DELETE")
    assert explain("ArkTeam.spec.pipeline[0].if").path == "ArkTeam.spec.pipeline.if"
    assert explain("ARKAGENT.SPEC.SYSTEMPROMPT").path == "ArkAgent.spec.systemPrompt"
    assert explain("ArkNotify.spec.on").type == "list of strings"
    assert "1 to 100" in str(loops)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("arktaem", 'Did you mean "ArkTeam"?'),
        ("zzz", "Kinds: ArkTeam, "),
        ("ArkTeam.spec.pipline", 'ArkTeam.spec has no field "pipline". Did you mean "pipeline"?'),
        ("ArkTeam.spec.output.x", "It has no fields."),
        ("", 'There is no kind "".'),
    ],
)
def test_explaining_what_is_not_there(path: str, said: str) -> None:
    with pytest.raises(UnknownPathError) as raised:
        explain(path)
    assert said in str(raised.value)


def test_every_field_is_described_and_in_the_reference() -> None:
    page = render_reference()
    for kind, model in KINDS.items():
        assert f"## {kind}\n" in page
        waiting = [kind]
        while waiting:
            path = waiting.pop()
            for field in explain(path).fields:
                assert field.description.strip().endswith((".", "?")), f"{path}.{field.name}"
                assert f"`{field.name}`" in page
                waiting.append(f"{path}.{field.name}")
        assert model.__doc__


def test_the_reference_is_one_valid_table_per_object() -> None:
    lines = render_reference().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) > 200
    for row in rows:
        assert row.replace("\\|", "").count("|") == 5, row


def test_findings_can_be_placed_under_every_other_name() -> None:
    waiting: list[type[ManifestModel]] = list(KINDS.values())
    for model in waiting:  # grows while it is walked
        for name, other in model.other_names.items():
            assert name in WRITTEN_AS[other.target], f"{model.__name__}.{name}"
        inner = (field.shape.model for field in fields_of(model).values())
        waiting += [each for each in inner if each is not None and each not in waiting]
