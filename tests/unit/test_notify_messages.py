"""What people are told: contexts of both shapes, and words of ours where a template has none."""

import json

import pytest
from pydantic import JsonValue

from ark_temporal.notify import Happening, slack_body, webhook_body

ABOUT: dict[str, JsonValue] = {
    "gate": {
        "id": "serve-1",
        "step": "serve",
        "message": "Hot?",
        "subject": 'say "yes" <b>',
        "digest": "3fa9c1d2",
        "approvers": ["ann", "bob"],
        "deadline": "2026-01-01T00:00:00Z",
    },
    "run": {
        "status": {"phase": "Waiting"},
        "spec": {"input": {"dish": "soup"}},
        "dashboardUrl": "https://ark.example/run-1",
    },
}
GATE = Happening("ApprovalRequested", "menu", "run-1", "serve", 'It is "hot"', ABOUT)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{ .Event }} {{ .TeamName }} {{ .RunName }} {{ .Message }}",
            'ApprovalRequested menu run-1 It is "hot"',
        ),
        ("{{ .team.name }} {{ .run.name }} {{ .run.status.phase }}", "menu run-1 Waiting"),
        (
            "<{{ .run.dashboardUrl }}|{{ .run.spec.input.dish }}> :fire:",
            "<https://ark.example/run-1|soup> :fire:",
        ),
        (
            "{{ .gate.id }} {{ .gate.step }} {{ .gate.message }} {{ .gate.digest }}",
            "serve-1 serve Hot? 3fa9c1d2",
        ),
        ('{{ join ", " .gate.approvers }} by {{ .gate.deadline }}', "ann, bob by 2026-01-01T00:00:00Z"),
        ("{{ .gate.subject }}", 'say "yes" <b>'),
        ("{{ .agent.name }}[{{ .nothing.at.all }}]", "[]"),
    ],
)
def test_slack_is_told_the_words_of_the_template_as_they_are(template: str, text: str) -> None:
    body = slack_body(template, GATE)
    assert (json.loads(body.content), body.content_type, body.warning) == (
        {"text": text},
        "application/json",
        "",
    )


def test_without_a_template_slack_is_told_a_sentence() -> None:
    body = slack_body("", GATE)
    sentence = 'ApprovalRequested: It is "hot" (team menu, run run-1, step serve)'
    assert json.loads(body.content) == {"text": f"{sentence}\nhttps://ark.example/run-1"}


def test_without_a_template_a_webhook_is_sent_an_object() -> None:
    body = webhook_body("", GATE)
    assert json.loads(body.content) == {
        "event": "ApprovalRequested",
        "team": "menu",
        "run": "run-1",
        "step": "serve",
        "message": 'It is "hot"',
        "gate": ABOUT["gate"],
        "status": {"phase": "Waiting"},
        "dashboardUrl": "https://ark.example/run-1",
    }


@pytest.mark.parametrize(
    ("template", "content", "type"),
    [
        ('{"m": {{ toJson .Message }}}', '{"m": "It is \\"hot\\""}', "application/json"),
        ('{"m": "{{ .Message }}"}', '{"m": "It is "hot""}', "text/plain; charset=utf-8"),
        ("Größe {{ .RunName }}", "Größe run-1", "text/plain; charset=utf-8"),
        ("42", "42", "text/plain; charset=utf-8"),
        ("[" * 100_000, "[" * 100_000, "text/plain; charset=utf-8"),
    ],
)
def test_a_webhook_is_sent_what_the_template_says(template: str, content: str, type: str) -> None:
    body = webhook_body(template, GATE)
    assert (body.content.decode(), body.content_type) == (content, type)


@pytest.mark.parametrize("template", ['{{ fail "no" }}', "{{ end }}", "{{ repeat 999999 .Message }}"])
def test_a_template_that_does_not_render_hides_no_event(template: str) -> None:
    body = slack_body(template, GATE)
    assert json.loads(body.content) == json.loads(slack_body("", GATE).content)
    assert body.warning.startswith("its template does not render, so it is told in built-in words: line 1")
    assert json.loads(webhook_body(template, GATE).content)["message"] == 'It is "hot"'


def test_half_a_character_does_not_stop_a_message() -> None:
    broken = Happening("ApprovalRequested", "menu", "run-1", "", "half \ud83d")
    assert (
        json.loads(slack_body("", broken).content)["text"]
        == "ApprovalRequested: half ? (team menu, run run-1)"
    )
