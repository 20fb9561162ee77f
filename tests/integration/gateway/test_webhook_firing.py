"""Webhooks: what a call starts, and what it is answered."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from ark_temporal.events.model import PrepareRequest
from ark_temporal.events.prepare import prepare
from ark_temporal.events.starting import start_all
from ark_temporal.plan.causes import Trigger
from ark_temporal.runs.names import APPROVE_SIGNAL, REJECT_SIGNAL
from tests.integration.gateway.place import TOKEN, Gateway

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_call_with_the_token_starts_a_run_and_says_where_it_is(gateway: Gateway) -> None:
    answer = await gateway.post("hook", {"text": "rivers"})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    (run,) = told["runs"]
    assert told == {
        "fired": True,
        "firedAt": told["firedAt"],
        "trigger": "hook",
        "targets": 1,
        "runs": [{"id": run["id"], "url": f"https://ark.example/api/v1/runs/{run['id']}"}],
    }
    record = await gateway.ended(run["id"])
    assert record.phase == "Succeeded"
    assert "rivers" in record.output
    assert record.submitted_by == "token:hook"
    assert record.cause is not None
    assert (record.cause.event, record.cause.source) == ("hook", "webhook")
    assert record.cause.fired_at.strftime("%Y-%m-%dT%H:%M:%SZ") == told["firedAt"]


async def test_the_token_may_stand_in_the_query(gateway: Gateway) -> None:
    answer = await gateway.post("hook", headers={}, params={"token": TOKEN})
    assert answer.status_code == 202


async def test_an_event_s_own_token_is_made_once_for_its_owner_only(gateway: Gateway) -> None:
    refused = await asyncio.gather(*(gateway.post("own-token") for _ in range(10)))
    assert {each.status_code for each in refused} == {401}
    directory = gateway.services.options.state_directory
    assert directory is not None
    file = directory / "default" / "own-token-webhook-token" / "token"
    token = file.read_text().strip()
    assert len(bytes.fromhex(token)) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["token"]
    answer = await gateway.post("own-token", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 202
    assert file.read_text().strip() == token


@pytest.mark.parametrize(
    ("event", "status"),
    [("nowhere", 404), ("Hook", 404), ("off", 503), ("nightly", 401), ("missing-secret", 401)],
)
async def test_events_that_cannot_be_fired(gateway: Gateway, event: str, status: int) -> None:
    answer = await gateway.post(event, {"text": "x"})
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}


async def test_a_secret_that_is_missing_is_the_gateway_s_fault(gateway: Gateway) -> None:
    answer = await gateway.client.post(gateway.path("missing-secret"), auth=("ann", "wrong"))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "nowhere" not in answer.text


async def test_other_methods_are_refused_for_any_event(gateway: Gateway) -> None:
    for event in ("hook", "nowhere"):
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            answer = await gateway.client.request(method, gateway.path(event))
            assert answer.status_code == 405
            assert answer.headers["allow"] == "POST"


async def test_an_event_of_another_type_is_refused_to_those_with_its_token(gateway: Gateway) -> None:
    await gateway.post("nightly")
    directory = gateway.services.options.state_directory
    assert directory is not None
    token = (directory / "default" / "nightly-webhook-token" / "token").read_text().strip()
    answer = await gateway.post("nightly", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 400
    assert "cron" in answer.json()["error"]


async def test_all_targets_start_at_once(gateway: Gateway) -> None:
    answer = await gateway.post("fan", {"text": "tides"}, headers={"idempotency-key": "fan-1"})
    told = answer.json()
    assert (answer.status_code, told["targets"], len(told["runs"])) == (202, 2, 2)
    records = [await gateway.ended(run["id"]) for run in told["runs"]]
    assert [record.team for record in records] == ["echo", "other"]
    assert len({record.trace for record in records}) == 1


async def test_the_rest_of_a_fan_out_starts_when_it_is_told_again(gateway: Gateway) -> None:
    force = await gateway.services.catalog.applied("default")
    trigger = Trigger(name="fan", source="webhook", fired_at=datetime(2026, 1, 2, tzinfo=UTC))
    request = PrepareRequest(namespace="default", trigger=trigger, key="header\nfan-2")
    prepared = await prepare(gateway.connection, force, request, now=trigger.fired_at)
    half = prepared.model_copy(update={"runs": prepared.runs[1:]})
    assert not (await start_all(gateway.connection, half, trigger.fired_at)).replayed
    headers = {"idempotency-key": "fan-2"}
    rest = await gateway.post("fan", {"text": "one"}, headers=headers)
    assert "idempotency-replayed" not in rest.headers
    told = rest.json()
    assert told["firedAt"] == "2026-01-02T00:00:00Z"
    assert [run["id"] for run in told["runs"]] == [run.id for run in prepared.runs]
    again = await gateway.post("fan", {"text": "one"}, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (told, "true")


async def test_one_that_is_forbidden_to_overlap_waits_for_nobody(gateway: Gateway) -> None:
    slow = {"idempotency-key": "alone-1"}
    both = await asyncio.gather(
        gateway.post("alone", {"text": "be slow"}, headers=slow),
        gateway.post("alone", {"text": "be slow"}, headers={"idempotency-key": "alone-2"}),
    )
    assert sorted(each.status_code for each in both) == [200, 202]
    skipped = next(each for each in both if each.status_code == 200).json()
    assert skipped["fired"] is False
    assert "Forbid" in skipped["reason"]
    fired = next(each for each in both if each.status_code == 202)
    key = {"idempotency-key": "alone-1" if fired is both[0] else "alone-2"}
    again = await gateway.post("alone", {"text": "be slow"}, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    assert again.json() == fired.json()
    run = fired.json()["runs"][0]["id"]
    await gateway.ended(run)
    later = await gateway.post("alone", {"text": "be slow"}, headers=key)
    assert later.json() == fired.json()
    async with asyncio.timeout(20):
        while (await gateway.post("alone", {"text": "quick"}, headers={})).status_code != 202:
            await asyncio.sleep(0.1)
    assert len(await gateway.runs_of("alone", 2)) == 2


async def test_one_that_starts_alone_can_be_waited_for(gateway: Gateway) -> None:
    answer = await gateway.post("lonely", {"text": "ponds"}, headers={}, params={"mode": "sync"})
    assert answer.status_code == 200, answer.text
    assert "ponds" in answer.json()["output"]


async def test_what_does_not_fit_a_team_s_inputs_is_said(gateway: Gateway) -> None:
    answer = await gateway.post("counts", {"text": "x"}, headers={})
    assert answer.status_code == 400
    assert "count" in answer.json()["error"]


async def test_a_trace_goes_on(gateway: Gateway) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "tracestate": "x=1"}
    answer = await gateway.post("open", {"text": "x"}, headers=headers)
    record = await gateway.record(answer.json()["runs"][0]["id"])
    assert record.trace == trace
    answer = await gateway.post("open", {"text": "x"}, headers={"traceparent": "00-0-0-zz"})
    record = await gateway.record(answer.json()["runs"][0]["id"])
    assert len(record.trace) == 32
    assert record.trace != trace


async def test_too_many_calls_are_asked_to_come_again(gateway: Gateway) -> None:
    statuses = [(await gateway.post("limited", headers={})).status_code for _ in range(4)]
    assert statuses == [202, 202, 202, 429]
    refused = await gateway.post("limited", headers={})
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert (await gateway.post("open", headers={})).status_code == 202


async def test_a_call_that_waits_is_answered_with_the_result(gateway: Gateway) -> None:
    answer = await gateway.post("open", {"text": "lakes"}, headers={}, params={"mode": "sync"})
    told = answer.json()
    assert (answer.status_code, told["status"]) == (200, "succeeded")
    assert "lakes" in told["output"]
    assert told["durationMs"] > 0
    assert (await gateway.record(told["run"]["id"])).output == told["output"]


async def test_a_call_that_waits_hears_of_failures_and_of_people(gateway: Gateway) -> None:
    sync = {"mode": "sync"}
    failed = await gateway.post("open", {"text": "please fail"}, headers={}, params=sync)
    told = failed.json()
    assert (failed.status_code, told["status"]) == (500, "failed")
    assert told["error"]
    assert set(told) == {"status", "error", "type", "durationMs", "run"}
    waits = await gateway.post("asks", {"text": "x"}, headers={})
    told = waits.json()
    assert (waits.status_code, told["status"], told["awaiting"]) == (202, "waiting", ["writer#approval"])


async def test_a_call_that_is_told_again_hears_what_a_person_decided(gateway: Gateway) -> None:
    answers = [await gateway.post("asks", {"text": "x"}, headers={"idempotency-key": n}) for n in "ab"]
    for answer, signal in zip(answers, (REJECT_SIGNAL, APPROVE_SIGNAL), strict=True):
        assert answer.json()["status"] == "waiting"
        run = gateway.connection.client.get_workflow_handle(answer.json()["run"]["id"])
        (awaiting,) = (await gateway.record(run.id)).awaiting
        await run.signal(signal, {"digest": awaiting.digest, "by": "ann"})
        await gateway.ended(run.id)
    rejected, approved = [
        await gateway.post("asks", {"text": "x"}, headers={"idempotency-key": n}) for n in "ab"
    ]
    assert (rejected.status_code, rejected.json()["type"]) == (422, "Rejected")
    assert (approved.status_code, approved.json()["status"]) == (200, "succeeded")


async def test_an_answer_that_does_not_render_is_replaced_by_ours(gateway: Gateway) -> None:
    answer = await gateway.post("broken-answer", {"text": "x"}, headers={})
    assert (answer.status_code, answer.json()["fired"]) == (202, True)


async def test_a_call_waits_no_longer_than_it_says_and_the_run_goes_on(gateway: Gateway) -> None:
    key = {"idempotency-key": "slow-1"}
    asked = {"mode": "sync", "timeout": "300ms"}
    answer = await gateway.post("open", {"text": "be slow"}, headers=key, params=asked)
    told = answer.json()
    assert answer.status_code == 504
    assert 300 <= told["durationMs"] < 3000
    again = await gateway.post("open", {"text": "be slow"}, headers=key, params={"mode": "sync"})
    assert (again.status_code, again.json()["run"]) == (200, told["run"])
    assert again.headers["idempotency-replayed"] == "true"


async def test_who_goes_away_leaves_the_run_going_on(gateway: Gateway) -> None:
    body = json.dumps({"text": "be slow, please"}).encode()
    host, port = gateway.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        "POST /triggers/default/open/fire?mode=sync HTTP/1.1\r\nHost: localhost\r\n"
        f"Idempotency-Key: gone-1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await asyncio.sleep(0.7)
    writer.close()
    await writer.wait_closed()
    answer = await gateway.post("open", {"text": "x"}, headers={"idempotency-key": "gone-1"})
    assert answer.headers["idempotency-replayed"] == "true"
    record = await gateway.ended(answer.json()["runs"][0]["id"])
    assert "be slow, please" in record.output


@pytest.mark.parametrize(
    "asked", [{"mode": "later"}, {"mode": "sync", "timeout": "soon"}, {"mode": "sync", "timeout": "0"}]
)
async def test_a_mode_that_cannot_be_read_fires_nothing(gateway: Gateway, asked: dict[str, str]) -> None:
    assert (await gateway.post("open", headers={}, params=asked)).status_code == 400


async def test_only_one_target_can_be_waited_for(gateway: Gateway) -> None:
    before = len(await gateway.runs_of("fan", 0))
    answer = await gateway.post("fan", {"text": "x"}, headers={}, params={"mode": "sync"})
    assert answer.status_code == 400
    assert len(await gateway.runs_of("fan", 0)) == before
