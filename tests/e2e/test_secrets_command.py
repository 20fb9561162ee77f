"""`ark-temporal secrets`, and ArkSecrets that the commands are given."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import Command

PLANTED = "sk-planted-11aa22bb"
MANIFESTS = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkSecret
metadata: {{name: models}}
spec: {{provider: env, env: {{OPENAI_API_KEY: TEAM_KEY}}}}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkSecret
metadata: {{name: bank}}
spec: {{provider: command, command: {{argv: [{program}, {planted}], key: token}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: beside}}
stringData: {{URL: https://{planted}.example}}
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {{name: desk}}
spec:
  channels: [{{type: slack, slack: {{webhookURLFrom: {{name: beside, key: URL}}}}}}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {{name: clerk}}
spec:
  model: mock
  systemPrompt: Be brief.
  envFrom: [{{secretRef: {{name: models}}}}, {{secretRef: {{name: mounted}}}}]
  tools:
    - name: pay
      url: https://bank.example/pay
      headers: {{Authorization: {{secretKeyRef: {{name: bank, key: token}}}}}}
"""


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    file = tmp_path / "team.yaml"
    file.write_text(MANIFESTS.format(program="echo", planted=PLANTED))
    return str(file)


def test_what_is_needed_is_listed_without_asking_anybody(
    command: Command, manifests: str, tmp_path: Path
) -> None:
    mounted = tmp_path / "mounted" / "mounted"
    mounted.mkdir(parents=True)
    (mounted / "K").write_text(PLANTED)
    ended = command.run(
        "secrets",
        "list",
        manifests,
        "--secrets-dir",
        str(mounted.parent),
        "-o",
        "json",
        env={"TEAM_KEY": PLANTED},
    )
    assert ended.code == 0, ended.err
    told = {each["name"]: (each["key"], each["neededBy"], each["from"]) for each in json.loads(ended.out)}
    assert told == {
        "beside": ("URL", ["ArkNotify/desk"], "Secret of the manifests"),
        "models": ("", ["ArkAgent/clerk"], "ArkSecret (env)"),
        "mounted": ("", ["ArkAgent/clerk"], "--secrets-dir"),
        "bank": ("token", ["ArkAgent/clerk"], "ArkSecret (command)"),
    }
    assert PLANTED not in ended.out + ended.err


def test_what_cannot_be_had_here_is_named_and_no_value_is(command: Command, manifests: str) -> None:
    ended = command.run("secrets", "check", manifests, env={"TEAM_KEY": PLANTED})
    assert ended.code == 1
    assert [line.split()[-1] for line in ended.out.splitlines()[1:]] == ["yes", "yes", "no", "no"]
    assert 'Secret "default/mounted": it is nowhere' in ended.err
    assert "this process may start none" in ended.err
    allowed = command.run("secrets", "check", manifests, "--allow-commands", env={"TEAM_KEY": PLANTED})
    assert [line.split()[-1] for line in allowed.out.splitlines()[1:]] == ["yes", "yes", "no", "yes"]
    for each in (ended, allowed):
        assert PLANTED not in each.out + each.err


def test_all_is_there(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "secret.yaml"
    file.write_text(MANIFESTS.format(program="echo", planted=PLANTED).split("---")[0])
    ended = command.run("secrets", "check", str(file), "-o", "json", env={"TEAM_KEY": PLANTED})
    assert (ended.code, json.loads(ended.out)["ok"]) == (0, True)
    assert PLANTED not in ended.out
    unset = command.run("secrets", "check", str(file))
    assert unset.code == 1
    assert "its provider has no such secret" in unset.err


def test_a_worker_that_may_start_no_program_does_not_start_with_one(command: Command, manifests: str) -> None:
    ended = command.run("worker", manifests)
    assert ended.code == 2
    assert 'The ArkSecret "bank" is a program' in ended.err
    assert "--allow-commands" in ended.err


def test_a_gateway_is_given_them_by_an_option(command: Command, manifests: str) -> None:
    ended = command.run("gateway", "--secrets", manifests)
    assert ended.code == 2
    assert 'The ArkSecret "bank" is a program' in ended.err
    gone = command.run("gateway", "--secrets", "/not/there.yaml")
    assert gone.code == 2
    assert "/not/there.yaml" in gone.err


def test_submit_says_that_an_ark_secret_stays_here(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(MANIFESTS.format(program="echo", planted=PLANTED))
    ended = command.run("submit", str(file), "--agent", "clerk", "--task", "x", "--address", "127.0.0.1:1")
    assert ended.code == 4, ended.err
    for name in ("bank", "models"):
        assert f'ArkSecret "{name}"' in ended.err
    assert "stays here" in ended.err
    assert PLANTED not in ended.out + ended.err
