"""Names of other objects: what must be there, and what may be missing."""

from pathlib import Path

from ark_temporal.manifests import load
from tests.unit.manifests.marked import check_marked, document, load_text, messages, team

AGENT = document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "helper")
ONE_ROLE = "roles: [{name: a, model: mock, systemPrompt: Hi.}]\n"


def test_what_a_team_needs_must_be_there() -> None:
    bundle = check_marked(
        AGENT
        + team(
            """
            routing:
              model: mock
              registryRef: {name: §unknown-reference§people}
              fallback: §unknown-reference§helpr
            """,
            "routed",
        )
        + team(
            """
            entry: x
            roles:
              - {name: x, arkAgent: §unknown-reference§helpers, canDelegate: [y]}
              - {name: y, arkTeam: §unknown-reference§helper}
            """
        )
        + document("ArkEvent", "source: {type: webhook}\ntargets: [{team: §unknown-reference§routd}]", "e")
        + document("ArkOptimizer", "targetTeam: §unknown-reference§rooted", "o")
        + document("ArkService", "selector: {arkAgent: §unknown-reference§helpe}", "s")
    )
    said = messages(bundle)
    assert 'There is no ArkAgent called "helpers" here. Did you mean "helper"?' in said
    assert 'There is no ArkTeam or ArkFlow called "routd" here. Did you mean "routed"?' in said
    assert 'There is no ArkRegistry called "people" here. Load the file that holds it too.' in said


def test_agents_of_inline_roles_can_be_named() -> None:
    check_marked(
        team(ONE_ROLE + "entry: a", "crew")
        + document("ArkService", "selector: {arkAgent: crew-a}", "s")
        + team(ONE_ROLE + "pipeline: [{role: a, registryLookup: {capability: c, fallback: crew-a}}]", "one")
        + team(ONE_ROLE + "pipeline: [{role: a, registryLookup: {capability: c, fallback: a}}]", "two")
    )


def test_what_may_be_missing_is_said_once() -> None:
    bundle = check_marked(
        document(
            "ArkAgent",
            """
            model: mock
            systemPromptRef: {configMapKeyRef: {name: §missing-reference§prompts, key: p}}
            envFrom:
              - secretRef: {name: §missing-reference§keys}
              - secretRef: {name: keys}
              - configMapRef: {name: x, optional: true}
            memoryRef: {name: §missing-reference§notes}
            notifyRef: {name: §missing-reference§people}
            settingsRefs: [{name: §missing-reference§tone}]
            """,
        )
    )
    assert bundle.ok
    said = messages(bundle)
    assert 'There is no Secret called "keys" here. It is also needed in 1 other place.' in said
    assert "Without it, agents work without memory." in said


def test_keys_are_looked_for_too() -> None:
    bundle = check_marked(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: keys}
        stringData: {REDIS: x}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: prompts}
        data: {a: x}
        """
        + document("ArkMemory", "backend: redis\nredis: {secretRef: {name: §missing-key§keys}}", "m").replace(
            "\n", "\n        "
        )
        + document(
            "ArkAgent",
            "model: mock\nsystemPromptRef: {configMapKeyRef: {name: §missing-key§prompts, key: b}}",
        ).replace("\n", "\n        ")
    )
    assert 'The Secret "keys" has no key "REDIS_URL".' in messages(bundle)


def test_references_stay_in_their_namespace() -> None:
    bundle = check_marked(
        AGENT
        + team("entry: a\nroles: [{name: a, arkAgent: §unknown-reference§helper}]", "t", "elsewhere")
        + document("ArkAgent", "model: mock\nsystemPrompt: Hi.", "helper", "third")
    )
    assert 'There is one in the namespace "default", but this is "elsewhere".' in messages(bundle)


def test_the_same_name_in_two_namespaces_is_fine() -> None:
    spec = "model: mock\nsystemPrompt: Hi."
    check_marked(document("ArkAgent", spec, "x", "one") + document("ArkAgent", spec, "x", "two"))


def test_an_object_with_errors_is_still_there() -> None:
    check_marked(
        document("ArkAgent", "model: mock\nsystemPrompt: Hi.\nreplicas: §wrong-type§many", "helper")
        + document("ArkAgent", "systemPrompt: Hi.", "other").replace("spec:", "§missing-field§spec:")
        + team("entry: a\nroles: [{name: a, arkAgent: helper, canDelegate: [b]}, {name: b, arkAgent: other}]")
    )


def test_nothing_is_called_missing_while_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(team("entry: a\nroles: [{name: a, arkAgent: helper}]"))
    (tmp_path / "agents.yaml").write_text("apiVersion: [")
    assert [each.code for each in load([tmp_path]).diagnostics] == ["yaml-syntax"]


def test_references_are_resolved_forwards() -> None:
    assert not load_text(team("entry: a\nroles: [{name: a, arkAgent: helper}]") + AGENT).diagnostics
