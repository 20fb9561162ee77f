"""Deciding over the API, in one's own name."""

import pytest

from tests.integration.api.place import Api, problem

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

GATE = "approvals/writer%23approval"


async def test_what_waits_is_listed_read_and_decided_in_ones_own_name(api: Api) -> None:
    run = await api.start("gated", "a letter")
    asked = await api.waits(run)
    await api.listed("/approvals", run, "viewer")
    page = await api.get("/approvals?team=gated&limit=100&mine=true", "ann")
    [question] = [each for each in page["items"] if each["run"] == run]
    assert question["awaiting"]["digest"] == asked["digest"]
    assert run not in (await api.ask("GET", "/approvals?mine=true", "viewer")).text
    assert run not in (await api.ask("GET", "/approvals", "pressman")).text
    assert await api.get(f"/runs/{run}/{GATE}", "viewer") == question

    path = f"/runs/{run}/{GATE}/decision"
    for body in (
        {"decision": "approve"},
        {"decision": "approve", "digest": "1234567"},
        {"decision": "approve", "digest": asked["digest"], "by": "bob"},
        {"decision": "fail", "digest": asked["digest"]},
    ):
        problem(await api.ask("POST", path, "ann", json=body), 422)
    stale = await api.ask("POST", path, "ann", json={"decision": "approve", "digest": "0" * 16})
    assert "was changed since" in problem(stale, 409)["detail"]
    wanted = {"decision": "approve", "digest": asked["digest"][:12], "comment": "fine"}
    problem(await api.ask("POST", path, "submitter", json=wanted), 403)
    first = await api.ask("POST", path, "ann", json=wanted)
    assert (first.status_code, first.json()["message"]) == (200, '"writer#approval" is approved.')
    again = await api.ask("POST", path, "bob", json=wanted)
    assert "was already approved by ann" in again.json()["message"]
    other = await api.ask("POST", path, "bob", json={**wanted, "decision": "reject"})
    assert "was already approved by ann" in problem(other, 409)["detail"]
    record = await api.ended(run)
    [decision] = record.decisions
    assert (decision.by, decision.comment, record.phase) == ("ann", "fine", "Succeeded")
    problem(await api.ask("GET", f"/runs/{run}/{GATE}"), 404)


async def test_an_admin_whom_the_gate_does_not_name_may_not_decide(api: Api) -> None:
    run = await api.start("gated")
    asked = await api.waits(run)
    wanted = {"decision": "approve", "digest": asked["digest"]}
    refused = await api.ask("POST", f"/runs/{run}/{GATE}/decision", "admin", json=wanted)
    assert "admin" in problem(refused, 409)["detail"]
    await api.ask("POST", f"/runs/{run}/cancel")


async def test_an_edit_is_what_runs_and_makes_the_old_digest_stale(api: Api) -> None:
    run = await api.start("gated", "first words")
    asked = await api.waits(run)
    path = f"/runs/{run}/{GATE}/decision"
    edit = {"decision": "edit", "digest": asked["digest"], "text": "other words"}
    assert (await api.ask("POST", path, "bob", json=edit)).status_code == 200
    late = {"decision": "approve", "digest": asked["digest"]}
    problem(await api.ask("POST", path, "ann", json=late), 409)
    record = await api.ended(run)
    assert record.steps[0].prompt == "other words"
    assert record.decisions[0].by == "bob"


async def test_a_step_that_failed_is_done_again_with_another_prompt(api: Api) -> None:
    run = await api.start("parked", "please fail")
    asked = await api.waits(run)
    await api.listed("/dead-letters", run)
    retry = {"decision": "retry", "digest": asked["digest"], "text": "do well"}
    path = f"/runs/{run}/approvals/{asked['id'].replace('#', '%23')}/decision"
    assert (await api.ask("POST", path, "ann", json=retry)).status_code == 200
    record = await api.ended(run)
    assert (record.phase, record.decisions[0].by) == ("Succeeded", "ann")


async def test_pages_of_what_waits_have_each_question_once(api: Api) -> None:
    runs = [await api.start("gated", str(number)) for number in range(5)]
    for run in runs:
        await api.waits(run)
        await api.listed("/approvals?limit=100", run)
    found: list[str] = []
    cursor = ""
    while True:
        page = await api.get(f"/approvals?limit=2&cursor={cursor}")
        found += [each["run"] for each in page["items"]]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
        later = await api.start("gated")
        await api.waits(later)
    assert set(runs) <= set(found)
    assert len(found) == len(set(found))
