"""An ArkNotify in a plan: both shapes, secrets by name, the words of each event."""

import pytest

from ark_temporal.notify import Happening, slack_body
from ark_temporal.plan.compile import compile_team
from ark_temporal.plan.notify_plans import notify_plan
from ark_temporal.plan.people import ChannelPlan, EmailPlan, NotifyPlan
from ark_temporal.plan.reach import sources_within
from ark_temporal.plan.references import GivenValue, KeyRef
from ark_temporal.plan.subtasks import plan_for
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
        window_seconds=0,
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


MAIL = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkNotify
metadata: {name: pager, namespace: kitchen}
spec:
  channels:
    - type: email
      email:
        host: smtp.example
        from: Ark <ark@team.example>
        to: [ann@team.example, "Bob <bob@team.example>"]
        usernameFrom: {name: smtp, key: user}
        passwordFrom: {name: smtp, key: password}
        subject: "{{ .Event }}"
  on: [ApprovalReminder, BudgetWarning]
  rateLimiting: {windowSeconds: 60, maxPerWindow: 4}
"""


def test_mail_in_a_plan() -> None:
    plan = planned(MAIL)
    assert plan is not None
    assert plan.events == ("ApprovalReminder", "BudgetWarning")
    assert (plan.window_seconds, plan.max_per_window) == (60, 4)
    [channel] = plan.channels
    assert channel.email == EmailPlan(
        host="smtp.example",
        sender="Ark <ark@team.example>",
        to=("ann@team.example", "Bob <bob@team.example>"),
        subject="{{ .Event }}",
        username=KeyRef(name="smtp", key="user"),
        password=KeyRef(name="smtp", key="password"),
    )
    assert NotifyPlan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[ann@team.example", "[ann", "is no mail address"),
        ("Ark <ark@team.example>", '"ark@a.example\\r\\nBcc: eve@b.example"', "is no mail address"),
        ("ann@team.example", '"ann@team.example, eve@b.example"', "is no mail address"),
        ("        usernameFrom: {name: smtp, key: user}\n", "", "nobody logs in"),
        ("        host: smtp.example\n", "        host: smtp.example\n        port: 70000\n", "65535"),
        ("        host: smtp.example\n", "        host: smtp.example\n        tls: some\n", "starttls"),
        ("type: email", "type: webhook", "needs the block `webhook`"),
        ('"{{ .Event }}"', '"{{ .Evnt }}"', "Event"),
        ("BudgetWarning]", "BudgetWarnin]", "BudgetWarning"),
    ],
)
def test_what_is_wrong_with_a_mail_is_found(old: str, new: str, told: str) -> None:
    assert old in MAIL
    bundle = load_text(MAIL.replace(old, new))
    assert bundle.errors
    assert told in str(messages(bundle))


def test_a_password_in_the_clear_is_a_warning() -> None:
    bundle = load_text(MAIL.replace("host: smtp.example", "host: smtp.example\n        tls: none"))
    assert not bundle.errors
    assert "in the clear" in str(messages(bundle))


TEAM = """\
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: menu, namespace: kitchen}
spec:
  notifyRef: {name: pager}
  roles:
    - {name: cook, model: m, systemPrompt: Cook.}
    - {name: serve, arkAgent: waiter}
  pipeline: [{role: cook, inputs: {a: b}}, {role: serve, inputs: {a: b}}]
---
apiVersion: arkonis.dev/v1alpha1
kind: ArkAgent
metadata: {name: waiter, namespace: kitchen}
spec: {model: m, systemPrompt: Serve., notifyRef: {name: pager}}
---
"""


def test_teams_and_agents_carry_who_is_told() -> None:
    bundle = load_text(TEAM + MAIL)
    plan = compile_team(bundle, bundle.teams[0]).plan
    assert plan.notify == plan.agents["serve"].notify == planned(MAIL)
    assert plan.agents["cook"].notify is None
    assert {name for _, name in sources_within(plan)} == {"smtp"}
    assert plan_for(plan, "cook").notify == plan.notify


def test_a_plan_that_tells_nobody_says_nothing_about_it() -> None:
    bundle = load_text(TEAM.replace("  notifyRef: {name: pager}\n", "") + MAIL)
    plan = compile_team(bundle, bundle.teams[0]).plan
    assert plan.notify is None
    assert "notify" not in plan.model_dump(mode="json")
    assert NotifyPlan(name="pager").model_dump(mode="json") == {"name": "pager"}
