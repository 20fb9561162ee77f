"""Signatures as well-known senders write them, checked against what their documentation prints."""

import hashlib
import hmac

import pytest

from worker.gateway.triggers.signatures import Scheme, is_signed

GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_TIME = 1531420618
SLACK_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554"
    b"%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

STRIPE_SECRET, STRIPE_TIME, STRIPE_BODY = "whsec_test", 1700000000, b'{"id":"evt_1"}'


def check(scheme: Scheme, headers: dict[str, str], body: bytes, secret: str, now: float) -> bool:
    return is_signed(scheme, secret, headers, body, tolerance_seconds=300, now=now)


def stripe(secret: str = STRIPE_SECRET, time: int = STRIPE_TIME) -> str:
    return hmac.new(secret.encode(), f"{time}.".encode() + STRIPE_BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("signature", "body", "secret", "right"),
    [
        (GITHUB_SIGNATURE, b"Hello, World!", GITHUB_SECRET, True),
        (GITHUB_SIGNATURE, b"Hello, World?", GITHUB_SECRET, False),
        (GITHUB_SIGNATURE, b"Hello, World!", "another", False),
        (GITHUB_SIGNATURE.removeprefix("sha256="), b"Hello, World!", GITHUB_SECRET, False),
        ("sha256=", b"Hello, World!", GITHUB_SECRET, False),
        ("sha256=é", b"Hello, World!", GITHUB_SECRET, False),
    ],
)
def test_github(signature: str, body: bytes, secret: str, right: bool) -> None:
    assert check("github", {"x-hub-signature-256": signature}, body, secret, 0) is right


@pytest.mark.parametrize(
    ("stamp", "body", "late", "right"),
    [
        (str(SLACK_TIME), SLACK_BODY, 0, True),
        (str(SLACK_TIME), SLACK_BODY, 300, True),
        (str(SLACK_TIME), SLACK_BODY, 301, False),
        (str(SLACK_TIME), SLACK_BODY, -301, False),
        (str(SLACK_TIME), SLACK_BODY + b"&x=1", 0, False),
        (str(SLACK_TIME + 1), SLACK_BODY, 0, False),
        ("", SLACK_BODY, 0, False),
        ("now", SLACK_BODY, 0, False),
        ("9" * 400, SLACK_BODY, 0, False),
        ("²", SLACK_BODY, 0, False),
    ],
)
def test_slack(stamp: str, body: bytes, late: int, right: bool) -> None:
    headers = {"x-slack-signature": SLACK_SIGNATURE, "x-slack-request-timestamp": stamp}
    assert check("slack", headers, body, SLACK_SECRET, SLACK_TIME + late) is right


@pytest.mark.parametrize(
    ("header", "late", "right"),
    [
        (f"t={STRIPE_TIME},v1={stripe()}", 10, True),
        (f"t={STRIPE_TIME},v1={stripe('rolled')},v1={stripe()},v0=abc", 10, True),
        (f"t={STRIPE_TIME}, v1={stripe()}", 10, True),
        (f"t={STRIPE_TIME},v1={stripe()}", 301, False),
        (f"t={STRIPE_TIME + 1},v1={stripe()}", 10, False),
        (f"t={STRIPE_TIME},v0={stripe()}", 10, False),
        (f"t={STRIPE_TIME}," + ",".join(["v1=00"] * 10) + f",v1={stripe()}", 10, False),
        (f"v1={stripe()}", 10, False),
        ("nonsense", 10, False),
        ("", 10, False),
    ],
)
def test_stripe(header: str, late: int, right: bool) -> None:
    now = STRIPE_TIME + late
    assert check("stripe", {"stripe-signature": header}, STRIPE_BODY, STRIPE_SECRET, now) is right
