"""What is taken from a call: its key, its headers, its trace, its mode; and what its run is started with."""

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue, ValidationError
from pydantic_core import to_json
from starlette.datastructures import Headers

from ark_temporal.events.starting import start_json
from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookAnswer, WebhookSource
from ark_temporal.plan.causes import Cause, Listener
from ark_temporal.plan.start import PipelineInput
from tests.integration.plans import chain
from worker.gateway.triggers.headers import check_size, shown, trace_of
from worker.gateway.triggers.keys import key_of
from worker.gateway.triggers.modes import mode_of
from worker.gateway.triggers.principals import Principal
from worker.gateway.triggers.rates import network
from worker.gateway.triggers.refusals import RefusedError
from worker.gateway.triggers.revisions import are_names

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TOKEN, SIGNED = Principal("token", "hook"), Principal("hmac", "slack", "v0=ab")


def key(
    headers: dict[str, str], body: JsonValue = None, who: Principal = TOKEN, template: str | None = None
) -> str:
    return key_of(template, {"trigger": {"body": body}}, headers, body, who).text


def test_what_the_manifest_says_goes_before_what_the_sender_says() -> None:
    given = {"idempotency-key": "k"}
    assert key(given, {"order": 7}, template="order-{{ .trigger.body.order }}") == "manifest\norder-7"
    assert key(given) == "header\nk"
    assert key({**given, "x-github-delivery": "d"}) == "header\nk"


@pytest.mark.parametrize("template", ["{{ .trigger.body.order }}", "{{ index .trigger.body 3 }}"])
def test_a_key_of_nothing_is_refused(template: str) -> None:
    with pytest.raises(RefusedError) as refused:
        key({}, {}, template=template)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"x-github-delivery": "72d3162e"}, {}, "x-github-delivery\n72d3162e"),
        ({"i-twilio-idempotency-token": "t1"}, {"Body": "x"}, "i-twilio-idempotency-token\nt1"),
        ({"webhook-id": "msg_1"}, {}, "webhook-id\nmsg_1"),
        ({"x-slack-request-timestamp": "1"}, {"event_id": "Ev1"}, "slack\nEv1"),
        ({"x-slack-request-timestamp": "1"}, {"trigger_id": "13.9"}, "slack\n13.9"),
        ({"stripe-signature": "t=1"}, {"id": "evt_1"}, "stripe\nevt_1"),
    ],
)
def test_known_senders(headers: dict[str, str], body: JsonValue, expected: str) -> None:
    assert key(headers, body) == expected


def test_the_body_of_others_names_no_delivery() -> None:
    one, other = key({}, {"id": "evt_1", "event_id": "Ev1"}), key({}, {"id": "evt_1", "event_id": "Ev1"})
    assert one != other


def test_what_a_signature_does_not_cover_makes_no_new_delivery_of_a_signed_call() -> None:
    told = {
        "x-slack-request-timestamp": "1",
        "idempotency-key": "another",
        "x-github-delivery": "yet another",
    }
    assert key(told, {"event_id": "Ev1"}, SIGNED) == "slack\nEv1"
    assert key(told, {}, SIGNED) == key({"x-slack-request-timestamp": "1"}, {}, SIGNED) == "signed\nv0=ab"


def test_templates_see_no_header_that_proves_anything() -> None:
    kept = {"content-type": "text/plain", "x-github-event": "push", "i-twilio-idempotency-token": "t1"}
    hidden = (
        "authorization proxy-authorization cookie x-hub-signature-256 x-hub-signature x-slack-signature "
        "stripe-signature x-gitlab-token x-api-key x-vault-secret webhook-signature x-auth-request-user"
    )
    assert shown(kept | dict.fromkeys(hidden.split(), "secret")) == kept


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (TRACE, TRACE),
        (f" {TRACE} ", TRACE),
        (f"01{TRACE[2:]}-more", TRACE),
        (f"ff{TRACE[2:]}", ""),
        (TRACE.upper(), ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", ""),
        ("", ""),
    ],
)
def test_a_trace_is_taken_where_it_is_one(given: str, taken: str) -> None:
    assert trace_of({"traceparent": given}) == taken


def test_headers_have_an_end() -> None:
    check_size(Headers({"x": "y" * 16_000}), b"")
    with pytest.raises(RefusedError) as refused:
        check_size(Headers({"x": "y" * 16_000}), b"q" * 400)
    assert refused.value.status == 431


WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"mode": "sync"}, 60),
    ({"mode": "sync", "timeout": "2m"}, 120),
    ({"mode": "sync", "timeout": "5"}, 5),
    ({"mode": "sync", "timeout": "250ms"}, 0.25),
    ({"mode": "sync", "timeout": "9m"}, 300),
    ({"mode": "sync", "timeout": "1h"}, 0),
]


@pytest.mark.parametrize(("query", "seconds"), WAITS)
def test_how_long_a_call_waits(query: dict[str, str], seconds: float | None) -> None:
    event = ArkEvent.model_validate(
        {"metadata": {"name": "e"}, "spec": {"source": {"type": "webhook"}, "targets": [{"team": "t"}]}}
    )
    if seconds == 0:
        with pytest.raises(RefusedError):
            mode_of(event, WebhookSource(), query)
        return
    mode = mode_of(event, WebhookSource(), query)
    assert (mode.waits, mode.seconds) == (seconds is not None, seconds or 0)


def test_who_is_shown_fits_a_line() -> None:
    assert str(Principal("jwt", "ann\r\nfake")) == "jwt:annfake"
    assert len(str(Principal("jwt", "a" * 1000))) < 210
    assert str(Principal("none")) == ""


def test_an_address_of_ipv6_counts_with_its_network() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:2")
    assert network("2001:db8::1") != network("2001:db8:0:1::1")
    assert network("192.0.2.1") != network("192.0.2.2")
    assert network("") == ""


def test_only_names_are_looked_for() -> None:
    assert are_names("default", "pr-opened.v2")
    for namespace, event in (
        ("default", "../x"),
        ("a.b", "x"),
        ("default", ""),
        ("default", "a\n"),
        ("A", "x"),
    ):
        assert not are_names(namespace, event)


def test_a_plan_that_is_written_once_reads_as_if_it_were_written_each_time() -> None:
    plan = chain("one", "two")
    cause = Cause(event="e", source="webhook", fired_at=datetime(2026, 1, 2, tzinfo=UTC))
    listeners = (Listener(event="f"),)
    for start in (
        PipelineInput(plan=plan),
        PipelineInput(plan=plan, input={"text": 'é "quoted" 😀'}, search_attributes=True, cause=cause),
        PipelineInput(plan=plan, listeners=listeners, traceparent=TRACE, submitted_by="token:e"),
    ):
        assert start_json(start) == start_json(start)
        assert PipelineInput.model_validate_json(start_json(start)) == start
        assert start_json(start) == to_json(start)


@pytest.mark.parametrize("kind", ["text/plain\r\nSet-Cookie: a=b", "text/é", " "])
def test_a_content_type_is_one_line(kind: str) -> None:
    with pytest.raises(ValidationError):
        WebhookAnswer.model_validate({"contentType": kind})
    assert WebhookAnswer.model_validate({"contentType": "application/xml"}).status == 200
