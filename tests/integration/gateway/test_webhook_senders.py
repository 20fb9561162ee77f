"""Calls in the shapes of GitHub, Slack, Stripe and Twilio: let in, refused, answered as they want it."""

import asyncio
import time
import xml.etree.ElementTree as ElementTree

import httpx2
import pytest

from tests.integration.gateway.place import TOKEN, Gateway
from tests.integration.gateway.senders import (
    Sent,
    github,
    slack_challenge,
    slack_event,
    slash_command,
    stripe,
    twilio,
    without,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


NOTHING: Sent = (b"", {})
PROVE_NOTHING: list[tuple[str, Sent]] = [
    ("github", github("x", secret="gh-wrong")),
    ("github", (b"{}", github("x")[1])),
    ("github", (github("x")[0], without(github("x")[1], "x-hub-signature-256"))),
    ("slack", slack_event("x", secret="sl-wrong")),
    ("slack", slack_event("x", at=time.time() - 1000)),
    ("slack", slack_event("x", at=time.time() + 1000)),
    ("slack", (slack_event("x")[0], without(slack_event("x")[1], "x-slack-request-timestamp"))),
    ("stripe", stripe(secret="whsec_wrong")),
    ("stripe", stripe(at=time.time() - 1000)),
    ("stripe", NOTHING),
    ("twilio", twilio("x", token="t", password="wrong")),
    ("twilio", (b"", {"authorization": "Basic AAAA"})),
    ("twilio", (b"", {"authorization": "Basic !"})),
    ("twilio", NOTHING),
    ("hook", (b"", {"authorization": "Bearer wrong"})),
    ("hook", (b"", {"authorization": f"Basic {TOKEN}"})),
    ("hook", (b"", {"authorization": "Bearer " + TOKEN.upper()})),
    ("hook", (b"", {"authorization": "Bearer"})),
]


async def send(gateway: Gateway, event: str, sent: Sent, **more: str) -> httpx2.Response:
    return await gateway.post(event, sent[0], headers={**sent[1], **more})


async def test_github(gateway: Gateway) -> None:
    answer = await send(gateway, "github", github("Fix the tides"))
    assert answer.status_code == 202, answer.text
    again = await send(gateway, "github", github("Fix the tides"))
    assert (again.json(), again.headers["idempotency-replayed"]) == (answer.json(), "true")
    other = await send(gateway, "github", github("Fix the tides", delivery="0b989ba4"))
    assert other.json()["runs"] != answer.json()["runs"]
    record = await gateway.ended(answer.json()["runs"][0]["id"])
    assert "Fix the tides" in record.output
    assert record.submitted_by == "hmac:github"


async def test_an_event_that_takes_two_proofs_takes_either(gateway: Gateway) -> None:
    body, headers = github("By hand", delivery="by-hand")
    unsigned = without(headers, "x-hub-signature-256")
    assert (await gateway.post("github", body, headers=unsigned)).status_code == 401
    answer = await send(gateway, "github", (body, unsigned), authorization=f"Bearer {TOKEN}")
    assert answer.status_code == 401, "the token of another event"


@pytest.mark.parametrize(("event", "sent"), PROVE_NOTHING)
async def test_who_proves_nothing_is_told_nothing(gateway: Gateway, event: str, sent: Sent) -> None:
    answer = await send(gateway, event, sent)
    plain = await gateway.post("own-token", headers={})
    assert answer.status_code == 401
    assert answer.json() == plain.json() == {"error": "The credentials are missing or wrong."}
    told = [dict(each.headers.items()) for each in (answer, plain)]
    for headers in told:
        del headers["date"], headers["x-request-id"]
    assert told[0] == told[1]


async def test_slack_asks_whether_the_address_is_ours(gateway: Gateway) -> None:
    answer = await send(gateway, "slack", slack_challenge())
    assert (answer.status_code, answer.text) == (200, "3eZbrw1aBm2rZgRN")
    assert answer.headers["content-type"].startswith("text/plain")
    body, headers = slack_challenge()
    forged = await gateway.post("slack", body, headers={**headers, "x-slack-signature": "v0=00"})
    assert forged.status_code == 401


async def test_a_slack_call_that_was_overheard_starts_nothing_new(gateway: Gateway) -> None:
    first = await send(gateway, "slack", slack_event("the news"))
    retried = await send(gateway, "slack", slack_event("the news"), **{"x-slack-retry-num": "1"})
    stolen = await send(gateway, "slack", slack_event("the news"), **{"idempotency-key": "another"})
    assert first.status_code == 202
    assert first.json() == retried.json() == stolen.json()
    assert "the news" in (await gateway.ended(first.json()["runs"][0]["id"])).output


async def test_a_slash_command_gets_blocks(gateway: Gateway) -> None:
    answer = await send(gateway, "slash", slash_command('a "poem" & more'))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    told = answer.json()
    assert told["blocks"][0]["text"]["text"] == 'On it: a "poem" & more'
    again = await send(gateway, "slash", slash_command('a "poem" & more'))
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await gateway.runs_of("slash", 1)) == 1


async def test_stripe(gateway: Gateway) -> None:
    answer = await send(gateway, "stripe", stripe())
    assert answer.status_code == 202
    again = await send(gateway, "stripe", stripe(at=time.time() - 5))
    assert again.json() == answer.json()
    record = await gateway.ended(answer.json()["runs"][0]["id"])
    assert "payment_intent.succeeded" in record.output


async def test_a_text_message_is_answered_in_xml(gateway: Gateway) -> None:
    answer = await send(gateway, "twilio", twilio("markup", token="t1"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/xml"
    document = ElementTree.fromstring(answer.text)
    assert document.findtext("Message") == 'He said "1 < 2 & 3"'
    again = await send(gateway, "twilio", twilio("markup", token="t1"))
    assert (again.text, again.headers["idempotency-replayed"]) == (answer.text, "true")


async def test_a_sender_that_asks_with_get_is_answered_where_there_is_an_answer(gateway: Gateway) -> None:
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "x"}
    answer = await gateway.client.get(gateway.path("meta"), params=asked)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert (await gateway.client.get(gateway.path("meta"))).status_code == 405
    assert (await gateway.post("meta", {"text": "x"}, headers={})).status_code == 202


async def test_an_answer_without_a_body(gateway: Gateway) -> None:
    answer = await gateway.post("plain", {"text": "x"}, headers={})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_an_address_that_is_refused_too_often_is_not_looked_at_any_more(gateway: Gateway) -> None:
    wrong = {"authorization": "Bearer wrong"}
    for _ in range(14):
        await asyncio.gather(*(gateway.post("hook", headers=wrong) for _ in range(50)))
    answer = await gateway.post("open", headers={})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 61
