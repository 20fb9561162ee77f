"""Calls as well-known senders make them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode

from tests.integration.gateway.place import GITHUB, PASSWORD, SLACK, STRIPE

Sent = tuple[bytes, dict[str, str]]


def github(
    title: str, *, delivery: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958", secret: str = GITHUB
) -> Sent:
    """A pull request that was opened."""
    body = json.dumps(
        {
            "action": "opened",
            "number": 2,
            "pull_request": {"id": 279147437, "title": title, "user": {"login": "octocat"}, "draft": False},
            "repository": {"id": 135493233, "full_name": "octo-org/octo-repo"},
            "sender": {"login": "octocat", "id": 583231},
        }
    ).encode()
    return body, {
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/044aadd",
        "x-github-event": "pull_request",
        "x-github-delivery": delivery,
        "x-github-hook-id": "292430182",
        "x-hub-signature-256": "sha256=" + _hex(secret, body),
    }


def slack_event(text: str, *, id: str = "Ev9UQ52YNA", secret: str = SLACK, at: float | None = None) -> Sent:
    """A message in a channel."""
    body = json.dumps(
        {
            "token": "z26uFbvR1xHJEdHE1OQiO6t8",
            "team_id": "T123ABC456",
            "api_app_id": "A123ABC456",
            "event": {"type": "message", "channel": "C123ABC456", "user": "U123ABC456", "text": text},
            "type": "event_callback",
            "event_id": id,
            "event_time": 1234567890,
        }
    ).encode()
    return body, {"content-type": "application/json", **_slack(body, secret, at)}


def slack_challenge() -> Sent:
    """Whether the address is ours."""
    body = json.dumps(
        {"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": "3eZbrw1aBm2rZgRN", "type": "url_verification"}
    ).encode()
    return body, {"content-type": "application/json", **_slack(body, SLACK, None)}


def slash_command(text: str, *, trigger: str = "13345224609.738474920.8088930838d88f008e0") -> Sent:
    """What somebody types."""
    body = urlencode(
        {
            "token": "gIkuvaNzQIHg97ATvDxqgjtO",
            "team_id": "T0001",
            "channel_name": "test",
            "user_name": "Steve",
            "command": "/write",
            "text": text,
            "response_url": "https://hooks.slack.example/commands/1234/5678",
            "trigger_id": trigger,
        }
    ).encode()
    return body, {"content-type": "application/x-www-form-urlencoded", **_slack(body, SLACK, None)}


def stripe(*, id: str = "evt_1NG8Du2eZvKYlo2C", secret: str = STRIPE, at: float | None = None) -> Sent:
    """A payment that has come."""
    body = json.dumps(
        {
            "id": id,
            "object": "event",
            "api_version": "2024-06-20",
            "created": 1686089970,
            "data": {"object": {"id": "pi_1", "amount": 2000, "currency": "usd", "status": "succeeded"}},
            "livemode": False,
            "type": "payment_intent.succeeded",
        }
    ).encode()
    stamp = int(time.time() if at is None else at)
    rolled, signed = _hex("whsec_old", body), _hex(secret, f"{stamp}.".encode() + body)
    return body, {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": f"t={stamp},v1={rolled},v1={signed},v0=6ffbb59b",
    }


def twilio(text: str, *, token: str, password: str = PASSWORD) -> Sent:
    """A text message that has come in."""
    body = urlencode(
        {
            "ToCountry": "US",
            "SmsMessageSid": "SM6a1c",
            "NumMedia": "0",
            "Body": text,
            "From": "+14155238886",
            "To": "+12025550172",
            "AccountSid": "AC1",
        }
    ).encode()
    return body, {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "i-twilio-idempotency-token": token,
        "authorization": "Basic " + base64.b64encode(f"AC1:{password}".encode()).decode(),
    }


def without(headers: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in names}


def _slack(body: bytes, secret: str, at: float | None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signature = "v0=" + _hex(secret, f"v0:{stamp}:".encode() + body)
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}


def _hex(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
