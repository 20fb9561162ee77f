"""Where manifests come from: files, directories, standard input, and what is in them."""

import io
import json
from pathlib import Path

import pytest

from ark_temporal.manifests import ArkAgent, ArkTeam, Location, Secret, load
from tests.unit.manifests.marked import check_marked, document, load_text, messages
from tests.unit.manifests.samples import FULL, PEOPLE, ROUTED

AGENT = document("ArkAgent", "model: mock\nsystemPrompt: Help.", "helper")


def codes(*sources: str | Path) -> list[str]:
    return [each.code for each in load(sources).diagnostics]


@pytest.mark.parametrize("text", [FULL, ROUTED, PEOPLE], ids=["full", "routed", "people"])
def test_valid_manifests_have_no_findings(text: str) -> None:
    bundle = load_text(text)
    assert not bundle.diagnostics, messages(bundle)
    assert bundle.ok


def test_files_resolve_among_each_other_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        document("ArkTeam", "entry: x\nroles:\n- {name: x, arkAgent: helper}", "needs-helper")
    )
    (tmp_path / "b.yml").write_text(AGENT)
    assert codes(tmp_path / "a.yaml", tmp_path / "b.yml") == []
    assert codes(tmp_path / "b.yml", tmp_path / "a.yaml") == []
    assert codes(tmp_path / "a.yaml") == ["unknown-reference"]


def test_a_directory_is_read_with_its_subdirectories_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "team" / "agent.yaml").write_text(AGENT)
    (tmp_path / "team" / "agent.json").write_text(
        json.dumps(
            {
                "apiVersion": "arkonis.dev/v1alpha1",
                "kind": "ArkAgent",
                "metadata": {"name": "from-json"},
                "spec": {"model": "mock", "systemPrompt": 'Say "hi" / \ud83d\ude00\n'},
            }
        )
    )
    (tmp_path / ".hidden" / "broken.yaml").write_text("apiVersion: [")
    (tmp_path / "README.md").write_text("# apiVersion: not a manifest")
    (tmp_path / "main.go").write_text("package main")
    (tmp_path / "compose.yaml").write_text("services:\n  redis: {image: redis}\n")
    bundle = load([tmp_path])
    assert not bundle.diagnostics, messages(bundle)
    names = {each.metadata.name: each for each in bundle.all(ArkAgent)}
    assert sorted(names) == ["from-json", "helper"]
    assert names["from-json"].spec.system_prompt == 'Say "hi" / 😀\n'


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    assert codes(tmp_path, tmp_path / "agent.yaml", tmp_path) == []


def test_standard_input_is_read_for_a_dash() -> None:
    bundle = load(["-"], stdin=io.StringIO(AGENT))
    agent = bundle.find(ArkAgent, "helper")
    assert agent is not None
    assert bundle.location(agent, "spec", "model") == Location("<stdin>", 6, 10)


@pytest.mark.parametrize(
    "data",
    [b"\xef\xbb\xbf" + AGENT.encode(), AGENT.encode("utf-16"), AGENT.replace("\n", "\r\n").encode()],
    ids=["utf-8 with mark", "utf-16", "windows line ends"],
)
def test_editors_encodings_are_read(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "agent.yaml"
    file.write_bytes(data)
    bundle = load([file])
    assert not bundle.diagnostics
    agent = bundle.find(ArkAgent, "helper")
    assert agent is not None
    assert bundle.location(agent, "spec", "systemPrompt") == Location(str(file), 7, 17)


def test_missing_files_and_empty_names_are_findings(tmp_path: Path) -> None:
    gone = tmp_path / "gone.yaml"
    bundle = load([gone, ""])
    assert sorted(each.code for each in bundle.errors) == ["file-missing", "file-missing"]
    assert f"{gone}: error: There is no such file or directory." in messages(bundle)


def test_a_name_that_no_file_can_have_is_a_finding() -> None:
    assert codes("a\0b.yaml") == ["file-unreadable"]


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert codes(loop) == ["file-unreadable"]


def test_a_file_over_the_limit_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (8 * 1024 * 1024 + 1))
    bundle = load([file])
    assert [each.code for each in bundle.errors] == ["file-too-large"]
    assert "8 MiB" in bundle.errors[0].message


def test_text_that_is_not_utf_8_is_a_finding_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"# ok\nname: caf\xe9\n")
    found = load([file]).diagnostics
    assert [(each.line, each.column, each.code) for each in found] == [(2, 10, "file-encoding")]


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n---\n"], ids=["empty", "comment", "separators"]
)
def test_a_file_without_manifests_is_a_finding(tmp_path: Path, text: str) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text(text)
    assert codes(file) == ["no-manifests"]


def test_a_directory_without_manifests_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    assert codes(tmp_path) == ["no-manifests"]


def test_documents_that_are_no_manifests() -> None:
    check_marked("§not-a-manifest§name: x\n---\n§not-a-manifest§- 1\n---\n§not-a-manifest§just text")
    check_marked("§missing-field§kind: ArkTeam\nmetadata: {name: x}")
    check_marked("§missing-field§apiVersion: arkonis.dev/v1alpha1\nmetadata: {name: x}")


def test_kinds_and_versions_that_are_not_known() -> None:
    bundle = check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: §unknown-kind§ArkAgnet
        metadata: {name: a}
        ---
        apiVersion: §unknown-version§arkonis.dev/v2
        kind: ArkAgent
        metadata: {name: b}
        ---
        apiVersion: §unknown-version§arkonis.io/v1alpha1
        kind: ArkAgent
        metadata: {name: c}
        """
    )
    assert 'Did you mean "ArkAgent"?' in messages(bundle)


def test_other_kubernetes_kinds_are_skipped_with_one_note() -> None:
    bundle = check_marked(
        """
        §skipped§apiVersion: apps/v1
        kind: Deployment
        metadata: {name: archive}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: archive}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: used}
        """
    )
    assert bundle.ok
    assert "Deployment/archive, Service/archive" in bundle.diagnostics[0].message


def test_a_list_is_its_items() -> None:
    bundle = check_marked(
        """
        apiVersion: v1
        kind: List
        items:
          - apiVersion: arkonis.dev/v1alpha1
            kind: ArkAgent
            metadata: {name: one}
            spec: {model: mock, systemPrompt: Hi.}
          - apiVersion: arkonis.dev/v1alpha1
            kind: ArkAgent
            metadata: {name: two}
            spec: {model: mock, systemPrompt: Hi., replicas: §out-of-range§51}
        """
    )
    assert bundle.find(ArkAgent, "one") is not None


def test_the_same_name_twice_names_both_places() -> None:
    bundle = check_marked(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: keys, namespace: a}
        stringData: {A: first}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: keys, namespace: b}
        stringData: {A: other}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: §duplicate-resource§keys, namespace: a}
        stringData: {A: second}
        """
    )
    assert "<stdin>:3:18" in bundle.errors[0].message
    assert bundle.secrets["a", "keys"]["A"].get_secret_value() == "first"
    assert bundle.secrets["b", "keys"]["A"].get_secret_value() == "other"
    assert bundle.find(Secret, "keys") is None


def test_what_a_cluster_adds_is_accepted() -> None:
    check_marked(
        """
        apiVersion: arkonis.dev/v1alpha1
        kind: ArkAgent
        metadata:
          name: exported
          uid: 1f0c
          resourceVersion: "12"
          generation: 3
          creationTimestamp: "2025-01-01T00:00:00Z"
          managedFields: [{manager: kubectl}]
        spec: {model: mock, systemPrompt: Hi.}
        status: {readyReplicas: 1}
        """
    )


def test_findings_of_all_files_come_sorted_by_place(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml"):
        (tmp_path / name).write_text(document("ArkAgent", "modl: x\nreplicas: 99", name[0]))
    found = [
        (Path(each.file).name, each.line) for each in load([tmp_path / "b.yaml", tmp_path / "a.yaml"]).errors
    ]
    assert found == sorted(found)
    assert len({name for name, _ in found}) == 2


def test_locations_of_parts_that_are_not_written_are_their_parents() -> None:
    bundle = load_text(FULL)
    team = bundle.find(ArkTeam, "newsroom", "press")
    assert team is not None
    assert bundle.location(team, "spec", "pipeline", 0, "dependsOn") == bundle.location(
        team, "spec", "pipeline", 0
    )
    with pytest.raises(KeyError):
        load_text(ROUTED).location(team)
