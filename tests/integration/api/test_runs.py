"""Starting, reading and ending runs over the API."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ark_temporal.plan.causes import new_traceparent, trace_id
from tests.integration.api.place import Api, problem

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


async def test_a_run_is_started_read_and_waited_for(api: Api) -> None:
    parent = new_traceparent()
    wanted = {"team": "echo", "input": {"text": "rivers", "count": 3}}
    answer = await api.ask("POST", "/runs", "submitter", json=wanted, headers={"traceparent": parent})
    assert answer.status_code == 201
    told = answer.json()
    assert answer.headers["location"] == told["url"] == f"{api.url}/api/v1/runs/{told['id']}"
    result = await api.get(f"/runs/{told['id']}/result?wait=30", "viewer")
    assert (result["phase"], "rivers" in result["output"]) == ("Succeeded", True)
    record = await api.get(f"/runs/{told['id']}", "viewer")
    assert (record["submittedBy"], record["input"]["count"]) == ("submitter", 3)
    assert record["trace"] == trace_id(parent)
    assert record["output"] == result["output"]


async def test_an_agent_runs_by_itself(api: Api) -> None:
    answer = await api.ask("POST", "/runs", json={"agent": "clerk", "input": {"task": "add up"}})
    assert answer.status_code == 201, answer.text
    assert (await api.ended(answer.json()["id"])).phase == "Succeeded"


async def test_the_same_key_and_the_same_id_start_one_run(api: Api) -> None:
    for given in (
        {"headers": {"Idempotency-Key": "order-1"}, "json": {"team": "echo"}},
        {"json": {"team": "echo", "id": "mine"}},
    ):
        asked = [api.ask("POST", "/runs", "submitter", **given) for _ in range(8)]
        answers = await asyncio.gather(*asked)
        assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
        assert len({each.json()["id"] for each in answers}) == 1
    other = await api.ask("POST", "/runs", json={"team": "echo"}, headers={"Idempotency-Key": "order-2"})
    assert other.status_code == 201
    taken = await api.ask(
        "POST", "/runs", "pressman", json={"team": "secretive", "namespace": "press", "id": "mine"}
    )
    assert problem(taken, 409)["detail"] == "That id is taken; choose another."


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"team": "nix"}, 404, 'There is no team "nix" applied'),
        ({"agent": "nix"}, 404, 'There is no agent "nix" applied'),
        ({"team": "echo", "input": {"count": "many"}}, 422, "body.input"),
        ({"team": "echo", "agent": "clerk"}, 422, "Give `team` or `agent`"),
        ({}, 422, "Give `team` or `agent`"),
        ({"team": "echo", "id": "a/b"}, 422, "body.id"),
        ({"team": "echo", "more": 1}, 422, "body.more"),
        ({"team": 3}, 422, "body.team"),
        ({"team": "echo", "input": []}, 422, "body.input"),
        ([], 422, "body"),
    ],
)
async def test_what_cannot_be_started_is_said(api: Api, wanted: Any, status: int, said: str) -> None:
    answer = await api.ask("POST", "/runs", json=wanted)
    problem(answer, status)
    assert said in answer.text.replace('\\"', '"')


async def test_bodies_that_cannot_be_read_are_refused(api: Api) -> None:
    json_type = {"content-type": "application/json"}
    for body, status in ((b"{", 422), (b"", 422), (b"\xff\xfe", 422), (b" " * 5_000_000, 413)):
        answer = await api.ask("POST", "/runs", content=body, headers=json_type)
        problem(answer, status)

    async def endless() -> AsyncGenerator[bytes]:
        for _ in range(50):
            yield b" " * 100_000

    problem(await api.ask("POST", "/runs", content=endless(), headers=json_type), 413)
    deep = b"[" * 200_000
    assert (await api.ask("POST", "/runs", content=deep, headers=json_type)).status_code in (400, 422)
    strange = '{"team": "echo", "input": {"text": "\\ud800"}}'
    assert (await api.ask("POST", "/runs", content=strange, headers=json_type)).status_code == 422
    assert problem(await api.ask("PATCH", "/runs"), 405)
    allowed = (await api.ask("PATCH", "/runs")).headers["allow"]
    assert allowed == "GET, POST"
    problem(await api.ask("GET", "/nowhere"), 404)


async def test_a_run_is_cancelled_terminated_held_up_and_resumed(api: Api) -> None:
    run = await api.start("gated")
    await api.waits(run)
    paused = await api.ask("POST", f"/runs/{run}/pause", "submitter", json={"comment": "wait"})
    assert (paused.status_code, paused.json()) == (202, {"id": run, "runs": [run]})
    async with asyncio.timeout(20):
        while "pausedSince" not in await api.get(f"/runs/{run}"):
            await asyncio.sleep(0.05)
    assert (await api.ask("POST", f"/runs/{run}/resume", json={})).status_code == 202
    assert (await api.ask("POST", f"/runs/{run}/cancel", "submitter")).status_code == 202
    assert (await api.ended(run)).phase == "Cancelled"
    for action, body in (("cancel", None), ("terminate", {"reason": "x"}), ("pause", {}), ("resume", {})):
        problem(await api.ask("POST", f"/runs/{run}/{action}", json=body), 409)
    other = await api.start("gated")
    problem(await api.ask("POST", f"/runs/{other}/terminate", json={}), 422)
    ended = await api.ask("POST", f"/runs/{other}/terminate", json={"reason": "wrong account"})
    assert ended.status_code == 202
    record = await api.ended(other)
    assert record.phase == "Terminated"
    assert record.error is not None
    assert record.error.message == "The run was terminated: wrong account (by admin)"


async def test_a_failed_run_is_a_dead_letter_until_it_is_retried(api: Api) -> None:
    run = await api.start("echo", "please fail")
    assert (await api.ended(run)).phase == "Failed"
    result = await api.ask("GET", f"/runs/{run}/result")
    assert (result.status_code, result.json()["phase"]) == (200, "Failed")
    await api.listed("/dead-letters?team=echo", run)
    retried = await api.ask("POST", f"/runs/{run}/retry", "submitter", json={})
    assert (retried.status_code, retried.json()["id"]) == (201, f"{run}-retry-1")
    record = await api.ended(f"{run}-retry-1")
    assert record.submitted_by == "submitter"
    problem(await api.ask("POST", f"/runs/{run}/retry", json={"step": "nix"}), 404)
    good = await api.start("echo")
    await api.ended(good)
    problem(await api.ask("POST", f"/runs/{good}/retry", json={}), 409)
    assert (await api.ask("POST", f"/runs/{good}/retry", json={"step": "writer"})).status_code == 201


async def test_waiting_for_a_run_that_goes_on_ends_in_time(api: Api) -> None:
    run = await api.start("gated")
    await api.waits(run)
    answer = await api.ask("GET", f"/runs/{run}/result?wait=1")
    assert (answer.status_code, answer.json()["awaiting"]) == (202, ["writer#approval"])
    await api.ask("POST", f"/runs/{run}/cancel")


async def test_pages_have_each_run_once_while_others_start_and_end(api: Api) -> None:
    before = [await api.start("gated", str(number)) for number in range(3)]
    before += [await api.start("echo", str(number)) for number in range(9)]
    for run in before:
        await api.listed("/runs?limit=100", run)
    found: list[str] = []
    cursor, pages = "", 0
    while True:
        page = await api.get(f"/runs?limit=4&cursor={cursor}", "viewer")
        found += [each["id"] for each in page["items"]]
        pages += 1
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
        await api.start("echo", "another")
        if pages <= 3:
            await api.ask("POST", f"/runs/{before[pages - 1]}/cancel")
            await api.ended(before[pages - 1])
            await asyncio.sleep(0.5)
    assert len(found) == len(set(found))
    assert set(before) <= set(found)
    assert pages > 3


async def test_lists_are_narrowed(api: Api) -> None:
    run = await api.start("echo")
    await api.ended(run)
    await api.listed("/runs?team=echo&phase=Succeeded&namespace=default", run)
    for query in ("team=gated", "phase=Failed", "namespace=press", "trigger=nix"):
        assert run not in (await api.ask("GET", f"/runs?{query}&limit=100")).text
    for query in ("limit=0", "limit=101", "phase=Odd", "team=A%20B"):
        problem(await api.ask("GET", f"/runs?{query}"), 422)
    for cursor in ("x", "eyJ0Ijoi", "e30", "W10"):
        problem(await api.ask("GET", f"/runs?cursor={cursor}"), 404)


async def test_usage_is_summed_up(api: Api) -> None:
    run = await api.start("echo", "count me")
    record = await api.ended(run)
    await api.listed("/runs?phase=Succeeded&limit=100", run)
    told = await api.get("/usage", "viewer")
    assert told["complete"] is True
    [echo] = [each for each in told["groups"] if each["key"] == "default/echo"]
    assert echo["tokenUsage"]["totalTokens"] >= record.token_usage.total_tokens > 0
    by_agent = await api.get("/usage?by=agent&namespace=default")
    assert "default/echo-writer" in [each["key"] for each in by_agent["groups"]]
    assert (await api.get("/usage?by=namespace", "pressman"))["groups"] == []
    empty = await api.get("/usage?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z")
    assert (empty["runs"], empty["complete"]) == (0, True)
    problem(await api.ask("GET", "/usage?since=2030-01-01T00:00:00Z&until=2020-01-02T00:00:00Z"), 409)
    problem(await api.ask("GET", "/usage?since=2020-01-01T00:00:00"), 422)
