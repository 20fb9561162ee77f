"""`ark-temporal notify`, and messages of `ark-temporal run`."""

import json
from pathlib import Path

import pytest

from tests.e2e.command import Command
from tests.integration.agents.sink import Sink

MANIFESTS = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: blog}
spec:
  notifyRef: {name: on-call}
  roles: [{name: writer, model: claude-haiku-4-5, systemPrompt: Write.}]
  pipeline: [{role: writer, inputs: {topic: tea}}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: on-call}
spec:
  channels:
    - type: slack
      slack:
        webhookURLFrom: {name: hooks, key: slack}
        template: "{{ .Event }} {{ .team.name }} {{ .agent.status.dailyTokensUsed }} {{ .gate.id }}"
    - type: webhook
      webhook: {urlFrom: {name: hooks, key: pager}}
"""
SECRET = """\
---
apiVersion: v1
kind: Secret
metadata: {name: hooks}
stringData: {slack: "%s/slack-token-secret", pager: "%s/pager-token-secret"}
"""


def manifests(folder: Path, sink: Sink, *, secret: bool = True) -> str:
    file = folder / "team.yaml"
    file.write_text(MANIFESTS + (SECRET % (sink.url, sink.url) if secret else ""))
    return str(file)


def test_every_event_is_sent_as_a_sample_to_every_channel(command: Command, tmp_path: Path) -> None:
    with Sink() as sink:
        ended = command.run("notify", "test", "on-call", "-f", manifests(tmp_path, sink))
    assert ended.code == 0, ended.err
    slack = [asked.json["text"] for asked in sink.asked if asked.path == "/slack-token-secret"]
    pager = [asked.json for asked in sink.asked if asked.path == "/pager-token-secret"]
    assert len(slack) == len(pager) == 10
    assert "[sample] TeamFailed blog 100000 " in slack
    assert "[sample] ApprovalRequested blog 100000 write#approval" in slack
    assert {each["event"] for each in pager} >= {"DailyLimitReached", "BudgetWarning", "TeamTimedOut"}
    assert all(each["sample"] and "This is a sample" in each["message"] for each in pager)
    assert {each["status"]["failedStep"] for each in pager if each["event"] == "TeamFailed"} == {"write"}
    assert all(asked.headers["x-ark-sample"] == "true" for asked in sink.asked)
    assert ended.out.count("was told") == 20
    assert "token-secret" not in ended.out + ended.err


def test_who_does_not_take_it_is_named_with_the_reason(command: Command, tmp_path: Path) -> None:
    words = ("notify", "test", "on-call", "--event", "TeamFailed", "-f")
    with Sink(status=403) as sink:
        ended = command.run(*words, manifests(tmp_path, sink), "-o", "json")
        denied = command.run(*words, manifests(tmp_path, sink), "--channel", "1", "--deny-host", "127.0.0.1")
        missing = command.run(*words, manifests(tmp_path, sink, secret=False), "--channel", "2", "-t", "x")
        folder = tmp_path / "secrets" / "hooks"
        folder.mkdir(parents=True)
        (folder / "pager").write_text(sink.url)
        sink.status = 200
        given = command.run(
            *words,
            manifests(tmp_path, sink, secret=False),
            "--channel",
            "2",
            "--secrets-dir",
            str(folder.parent),
        )
    told = json.loads(ended.out)
    assert (ended.code, [each["ok"] for each in told]) == (1, [False, False])
    assert {each["problem"] for each in told} == {"It answered HTTP 403."}
    assert (denied.code, missing.code, given.code) == (1, 1, 0)
    assert "may not be reached" in denied.err
    assert 'Key "pager" of Secret "default/hooks" is not known' in missing.err
    assert sink.asked[-1].json["team"] == "blog"
    for each in (ended, denied, missing, given):
        assert "token-secret" not in each.out + each.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("on-cal",), 'There is no ArkNotify "default/on-cal"; there are: default/on-call.'),
        (("on-call", "--event", "TeamFaild"), 'Did you mean "TeamFailed"?'),
        (("on-call", "--channel", "3"), "there is no channel 3"),
    ],
)
def test_what_is_not_there_is_a_mistake_in_use(
    command: Command, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    with Sink() as sink:
        ended = command.run("notify", "test", *words, "-f", manifests(tmp_path, sink))
    assert (ended.code, sink.asked) == (2, [])
    assert told in ended.err


def test_the_list_says_who_is_told_of_what(command: Command, tmp_path: Path) -> None:
    with Sink() as sink:
        text = command.run("notify", "list", "-f", manifests(tmp_path, sink))
        listed = json.loads(command.run("notify", "list", "-f", manifests(tmp_path, sink), "-o", "json").out)
    assert text.out.splitlines()[1].split() == [
        *("default/on-call", "slack,", "webhook", "all", "1", "in", "300", "s", "blog")
    ]
    assert listed == [
        {
            "name": "default/on-call",
            "channels": ["slack", "webhook"],
            "events": ["all"],
            "limit": "1 in 300 s",
            "teams": ["blog"],
        }
    ]


@pytest.mark.slow
def test_run_tells_people_before_its_temporal_ends(command: Command, tmp_path: Path) -> None:
    with Sink() as sink:
        ended = command.run("run", manifests(tmp_path, sink), "--provider", "mock")
        assert ended.code == 0, ended.err
        assert sorted(asked.path for asked in sink.asked) == ["/pager-token-secret", "/slack-token-secret"]
        assert "warning" not in ended.err
        sink.status = 404
        refused = command.run("run", manifests(tmp_path, sink), "--provider", "mock")
    assert (refused.code, refused.out) == (0, ended.out)
    assert 'Not everybody was told of TeamSucceeded: ArkNotify "on-call" (slack' in refused.err
    assert "token-secret" not in refused.err


@pytest.mark.slow
def test_what_is_applied_is_listed_and_tried_out(dev: Command, tmp_path: Path) -> None:
    with Sink() as sink:
        applied = dev.run("apply", "-f", manifests(tmp_path, sink))
        assert applied.code == 0, applied.err
        assert "default/on-call" in dev.run("notify", "list").out
        folder = tmp_path / "secrets" / "hooks"
        folder.mkdir(parents=True)
        (folder / "pager").write_text(sink.url)
        words = ("notify", "test", "on-call", "--channel", "2", "--event", "TeamSucceeded")
        ended = dev.run(*words, "--secrets-dir", str(folder.parent))
    assert (ended.code, len(sink.asked)) == (0, 1), ended.err
