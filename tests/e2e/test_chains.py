"""Teams that start each other, as a person sees them."""

import json
import time
from pathlib import Path

import pytest

from tests.e2e.command import Command

pytestmark = pytest.mark.slow

HEAD = "apiVersion: arkonis.dev/v1alpha1\n"
TEAM = (
    HEAD
    + """kind: ArkTeam
metadata: {{name: {name}}}
spec:
  roles: [{{name: writer, model: mock, systemPrompt: Write.}}]
  pipeline: [{{role: writer, inputs: {{text: "{{{{ .input.text }}}}"}}}}]
"""
)
EVENT = (
    HEAD
    + """kind: ArkEvent
metadata: {{name: {name}}}
spec:
  source: {{type: team-output, teamOutput: {{name: {after}}}}}
  targets: [{{team: {team}, input: {{text: "{{{{ .trigger.output }}}}"}}}}]
"""
)


def test_a_chain_of_three_teams_is_shown_as_one(dev: Command, tmp_path: Path) -> None:
    documents = [TEAM.format(name=name) for name in ("draft", "check", "print")]
    documents += [
        EVENT.format(name="drafted", after="draft", team="check"),
        EVENT.format(name="checked", after="check", team="print"),
    ]
    file = tmp_path / "chain.yaml"
    file.write_text("---\n".join(documents))
    assert dev.run("apply", "-f", str(file), "--wait").code == 0
    first = dev.run("submit", "--team", "draft", "-i", "text=tea").out.strip()

    deadline = time.monotonic() + 30
    while (shown := dev.run("runs", "show", first).out).count("Succeeded") < 5:
        assert time.monotonic() < deadline, shown
    chain = shown.split("chain\n")[1].split("\n\n")[0].splitlines()
    assert chain[0].startswith(f"▶ {first}")
    assert chain[1].startswith("    check-run-")
    assert "by drafted" in chain[1]
    assert chain[2].startswith("      print-run-")
    assert "by checked" in chain[2]

    last = chain[2].split()[0]
    record = json.loads(dev.run("runs", "show", last, "-o", "json").out)
    assert record["cause"]["event"] == "checked"
    assert record["trace"] == json.loads(dev.run("runs", "show", first, "-o", "json").out)["trace"]
    assert "cause    event checked (team-output), fired" in dev.run("runs", "show", last).out
    listed = [each["id"] for each in json.loads(dev.run("runs", "list", "-o", "json").out)]
    assert {first, last} <= set(listed)
    checked = dev.run("runs", "list", "--event", "checked")
    assert checked.out.splitlines()[0].split()[-1] == "EVENT"
    assert [line.split()[0] for line in checked.out.splitlines()[1:]] == [last]
    for name in ("event/drafted", "event/checked", "team/draft", "team/check", "team/print"):
        assert dev.run("delete", name, "--yes").code == 0
