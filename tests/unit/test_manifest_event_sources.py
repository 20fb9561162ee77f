"""Findings about what is only for one kind of source of an event."""

import pytest

from tests.unit.manifests.marked import check_marked, document, messages, team

TEAM = team("entry: a\nroles: [{name: a, model: mock, systemPrompt: Hi.}]", "target")
SECRET = "{name: s, key: k}"
KNOWN = """---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {k: a, username: b, password: c}
"""


def check(source: str) -> str:
    marked = TEAM + document("ArkEvent", f"source: {source}\ntargets: [{{team: target}}]", "e")
    return messages(check_marked(marked + KNOWN))


def test_a_known_time_zone() -> None:
    check('{type: cron, cron: "0 9 * * *", timeZone: Europe/Berlin, jitterSeconds: 30}')
    check('{type: cron, cron: "0 9 * * *", timeZone: UTC}')


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Berln", 'no time zone "Europe/Berln". Did you mean "Europe/Berlin"?'),
        ("america/new_york", 'Did you mean "America/New_York"?'),
        ("../../etc/passwd", "Write a name of the IANA database"),
        ("+02:00", "Write a name of the IANA database"),
    ],
)
def test_an_unknown_time_zone(zone: str, said: str) -> None:
    assert said in check(f'{{type: cron, cron: "0 9 * * *", timeZone: §unknown-time-zone§"{zone}"}}')


def test_clocks_are_for_schedules() -> None:
    said = check("{type: webhook, §unused-block§timeZone: UTC, §unused-block§jitterSeconds: 5}")
    assert "`timeZone` has no effect" in said
    assert "`jitterSeconds` has no effect" in said


def test_webhook_settings_are_for_webhooks() -> None:
    check("{type: webhook, webhook: {mode: sync}}")
    said = check('{type: cron, cron: "0 9 * * *", §unused-block§webhook: {mode: sync}}')
    assert "write `type: webhook`" in said


def test_a_way_in_has_its_block_and_no_other() -> None:
    check("{type: webhook, webhook: {auth: [{type: token}, {type: none}]}}")
    hmac = f"{{scheme: github, secretRef: {SECRET}}}"
    check(
        "{type: webhook, webhook: {auth: ["
        f"{{type: basic, basic: {{name: s}}}}, {{type: hmac, hmac: {hmac}}}, "
        "{type: jwt, jwt: {issuer: https://i, audience: a}}]}}"
    )
    said = check(
        "{type: webhook, webhook: {auth: [§missing-block§{type: basic}, §missing-block§{type: hmac}, "
        f"§missing-block§{{type: jwt}}, {{type: token, §unused-block§hmac: {hmac}}}]}}}}"
    )
    assert "`type: jwt` needs the block `jwt`" in said
    assert '`hmac` has no effect: this way in is of type "token"' in said


def test_credentials_that_are_not_there_are_named() -> None:
    said = check(
        "{type: webhook, webhook: {auth: [{type: basic, basic: {name: §missing-reference§nix}}, "
        "{type: hmac, hmac: {scheme: github, secretRef: {name: §missing-key§s, key: other}}}]}}"
    )
    assert 'There is no Secret called "nix" here.' in said
    assert 'The Secret "s" has no key "other".' in said
