"""An ArkNotify in a plan: both shapes, secrets by name, the words of each event."""

import pytest

from ark_temporal.notify import Happening, slack_body
from ark_temporal.plan.notify_plans import notify_plan
from ark_temporal.plan.people import ChannelPlan, NotifyPlan
from ark_temporal.plan.references import GivenValue, KeyRef
from tests.unit.manifests.marked import load_text, messages

RECIPE = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: pager, namespace: kitchen}
spec:
  channel:
    type: slack
    slack:
      webhookUrlSecretRef: {name: pager-url, key: url}
  events:
    - type: TeamSucceeded
      template: "{{ .team.name }} is done"
    - type: ApprovalRequested
      template: >-
        {{- if .run.name }} {{ .run.name }} waits {{- end }}
    - type: TeamFailed
"""

NEWER = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: pager, namespace: kitchen}
spec:
  channels:
    - type: slack
      slack:
        webhookURLFrom: {name: slack, key: url}
        template: "{{ .Event }}: {{ .Message }}"
    - type: webhook
      webhook:
        urlFrom: {name: hook, key: address}
        headers:
          - {name: X-Team, value: kitchen}
          - {name: Authorization, valueFrom: {name: hook, key: token}}
  rateLimitSeconds: 0
"""


def planned(text: str) -> NotifyPlan | None:
    bundle = load_text(text)
    assert not bundle.errors, messages(bundle)
    return notify_plan("pager", bundle, "kitchen")


def said(channel: ChannelPlan, event: str) -> bytes:
    """What a channel is told about an event."""
    return slack_body(channel.template, Happening(event, "menu", "run-1", "serve", "Hot?")).content


def test_the_newer_shape() -> None:
    assert planned(NEWER) == NotifyPlan(
        name="pager",
        channels=(
            ChannelPlan(
                type="slack", url=KeyRef(name="slack", key="url"), template="{{ .Event }}: {{ .Message }}"
            ),
            ChannelPlan(
                type="webhook",
                url=KeyRef(name="hook", key="address"),
                headers={
                    "X-Team": GivenValue(value="kitchen"),
                    "Authorization": GivenValue(ref=KeyRef(name="hook", key="token")),
                },
            ),
        ),
    )


def test_each_event_of_the_recipes_is_told_in_its_own_words() -> None:
    plan = planned(RECIPE)
    assert plan is not None
    assert plan.events == ("TeamSucceeded", "ApprovalRequested", "TeamFailed", "ApprovalReminder")
    (channel,) = plan.channels
    assert channel.url == KeyRef(name="pager-url", key="url")
    assert said(channel, "TeamSucceeded") == b'{"text": "menu is done"}'
    assert said(channel, "ApprovalRequested") == b'{"text": " run-1 waits"}'
    assert said(channel, "ApprovalReminder") == b'{"text": " run-1 waits"}'
    assert said(channel, "TeamFailed") == b'{"text": "TeamFailed: Hot? (team menu, run run-1, step serve)"}'


def test_an_event_without_words_of_its_own_takes_those_of_the_channel() -> None:
    plan = planned(
        NEWER.replace(
            "  rateLimitSeconds: 0", "  events: [{type: TeamFailed, template: Alas}, {type: TeamTimedOut}]"
        )
    )
    assert plan is not None
    slack = plan.channels[0]
    assert said(slack, "TeamFailed") == b'{"text": "Alas"}'
    assert said(slack, "TeamTimedOut") == b'{"text": "TeamTimedOut: Hot?"}'


def test_words_for_all_events_are_taken_as_they_are() -> None:
    words = '{{ define "who" }}{{ .TeamName }}{{ end }}{{ template "who" . }}!'
    one = f"  events: [{{type: ApprovalRequested, template: '{words}'}}]"
    plan = planned(NEWER.replace("  rateLimitSeconds: 0", one))
    assert plan is not None
    assert {channel.template for channel in plan.channels} == {words}
    assert said(plan.channels[0], "ApprovalReminder") == b'{"text": "menu!"}'


@pytest.mark.parametrize("text", [NEWER.replace("name: pager", "name: other"), NEWER + "  on: []\n"])
def test_where_nobody_is_to_be_told_there_is_no_plan(text: str) -> None:
    assert planned(text) is None


def test_names_are_looked_up_in_their_own_namespace() -> None:
    assert notify_plan("pager", load_text(NEWER), "default") is None
