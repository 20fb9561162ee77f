"""The commands around applied manifests."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import Command

pytestmark = pytest.mark.slow

TEAM = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {{name: blog}}
spec:
  roles:
    - {{name: writer, model: claude-haiku-4-5, systemPrompt: {prompt}}}
  pipeline:
    - {{role: writer, inputs: {{topic: "{{{{ .input.topic }}}}"}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: keys}}
stringData: {{KEY: hunter2hunter2}}
"""


def write(folder: Path, prompt: str) -> str:
    file = folder / "team.yaml"
    file.write_text(TEAM.format(prompt=prompt))
    return str(file)


def test_a_team_is_applied_compared_run_rolled_back_and_deleted(dev: Command, tmp_path: Path) -> None:
    first = dev.run("apply", "-f", write(tmp_path, "Write."), "-m", "first", "--by", "ann", "--wait")
    assert (first.code, first.out) == (0, "ArkTeam/blog created (revision 1)\n")
    assert "Not applied: 1 Secret" in first.err
    assert "hunter2" not in first.out + first.err
    again = dev.run("apply", "-f", write(tmp_path, "Write."), "-o", "json")
    assert json.loads(again.out)[0]["change"] == "unchanged"

    changed = dev.run("diff", "-f", write(tmp_path, "Rhyme."))
    assert changed.code == 1
    assert "-    systemPrompt: Write.\n+    systemPrompt: Rhyme." in changed.out
    dry = dev.run("apply", "-f", write(tmp_path, "Rhyme."), "--dry-run")
    assert dry.out == "ArkTeam/blog configured (dry run)\n"
    assert dev.run("apply", "-f", write(tmp_path, "Rhyme."), "--by", "bob", "--wait").code == 0
    assert dev.run("diff", "-f", write(tmp_path, "Rhyme.")).code == 0

    ran = dev.run("submit", "--team", "blog", "-i", "topic=tea", "--provider", "mock", "--watch")
    assert ran.code == 0
    assert "Rhyme" in ran.out

    history = json.loads(dev.run("history", "team/blog", "-o", "json").out)
    assert [(each["number"], each["by"]) for each in history] == [(2, "bob"), (1, "ann")]
    assert dev.run("rollback", "team/blog", "--to", "1").out == "ArkTeam/blog configured (revision 3)\n"
    assert "systemPrompt: Write." in dev.run("get", "team/blog", "-o", "yaml").out
    described = dev.run("describe", "team/blog").out
    assert "brings back 1" in described
    assert "Accepted" in described

    assert dev.run("delete", "team/blog").out == "ArkTeam/blog deleted\n"
    gone = dev.run("describe", "team/blog")
    assert (gone.code, gone.err) == (
        2,
        'error: There is no ArkTeam "default/blog"; `ark-temporal get` shows what there is.\n',
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("get", "arktaem"), "Did you mean"),
        (("describe", "team"), "names no resource"),
        (("submit",), "--team or --agent"),
        (("rollback", "team/nix"), "There is no ArkTeam"),
        (("get", "-o", "xml"), "one of: text, wide, json, yaml, name"),
        (("apply", "-f", "/nowhere"), "no such file"),
    ],
)
def test_what_cannot_be_done_is_said(dev: Command, words: tuple[str, ...], why: str) -> None:
    ended = dev.run(*words)
    assert ended.code == 2
    assert why in ended.err
    assert "Traceback" not in ended.err


def test_manifests_come_through_a_pipe(dev: Command) -> None:
    agent = "apiVersion: arkonis.dev/v1alpha1\nkind: ArkAgent\nmetadata: {name: piped}\n"
    piped = agent + "spec: {model: mock, systemPrompt: Hello.}\n"
    assert dev.run("diff", "-f", "-", stdin=piped).code == 1
    applied = dev.run("apply", "-f", "-", "--wait", stdin=piped)
    assert (applied.code, applied.out) == (0, "ArkAgent/piped created (revision 1)\n")
    assert dev.run("apply", "-f", "-", stdin=piped).out == "ArkAgent/piped unchanged\n"
    broken = dev.run("apply", "-f", "-", stdin=agent + "spec: {modle: mock}\n")
    assert broken.code == 2
    assert "<stdin>:4" in broken.err


def test_an_agent_without_its_prompt_is_not_applied_and_secrets_stay_here(
    dev: Command, tmp_path: Path
) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(
        "apiVersion: arkonis.dev/v1alpha1\nkind: ArkAgent\nmetadata: {name: clerk}\n"
        "spec: {model: mock, systemPromptRef: {configMapKeyRef: {name: prompts, key: brief}}}\n"
        "---\napiVersion: arkonis.dev/v1alpha1\nkind: ArkSecret\nmetadata: {name: keys}\n"
        "spec: {provider: env, env: {K: VARIABLE}}\n"
    )
    refused = dev.run("apply", "-f", str(file))
    assert refused.code == 2
    assert "which is neither applied nor given here" in refused.err
    prompts = tmp_path / "prompts.yaml"
    prompts.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: prompts}\ndata: {brief: Be brief.}\n"
    )
    assert dev.run("apply", "-f", str(prompts), "--wait").code == 0
    applied = dev.run("apply", "-f", str(file))
    assert (applied.code, applied.out) == (0, "ArkAgent/clerk created (revision 1)\n")
    assert "Not applied: 1 ArkSecret" in applied.err
