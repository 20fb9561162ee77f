"""Manifests, events and services over the API."""

import asyncio
from typing import Any

import pytest

from tests.integration.api.place import Api, manifest, problem, team

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

AGENT = "/resources/ArkAgent/default/poet"


def agent(prompt: str, name: str = "poet") -> dict[str, Any]:
    return manifest("ArkAgent", name, {"model": "claude-haiku-4-5", "systemPrompt": prompt})


async def test_a_document_is_applied_read_rolled_back_and_deleted(api: Api) -> None:
    dry = await api.ask("PUT", f"{AGENT}?dryRun=true", json=agent("Rhyme."))
    assert (dry.status_code, dry.json()) == (200, {"revision": 0, "change": "created"})
    problem(await api.ask("GET", AGENT), 404)
    first = await api.ask("PUT", f"{AGENT}?comment=try", json=agent("Rhyme."))
    assert (first.status_code, first.json()) == (201, {"revision": 1, "change": "created"})
    assert first.headers["location"] == f"{api.url}/api/v1{AGENT}"
    same = await api.ask("PUT", AGENT, json=agent("Rhyme."))
    assert (same.status_code, same.json()) == (200, {"revision": 1, "change": "unchanged"})
    second = await api.ask("PUT", f"{AGENT}?onlyAfter=1", json=agent("Do not rhyme."))
    assert (second.status_code, second.json()["revision"]) == (200, 2)
    problem(await api.ask("PUT", f"{AGENT}?onlyAfter=1", json=agent("Or do.")), 409)

    view = await api.get(AGENT, "viewer")
    assert (view["number"], view["by"], view["manifest"]["spec"]["systemPrompt"]) == (
        2,
        "admin",
        "Do not rhyme.",
    )
    assert (await api.get(f"{AGENT}?revision=1", "viewer"))["comment"] == "try"
    problem(await api.ask("GET", f"{AGENT}?revision=9"), 404)
    back = await api.ask("POST", f"{AGENT}/rollback", json={"to": 1})
    assert back.json() == {"revision": 3, "change": "configured"}
    problem(await api.ask("POST", f"{AGENT}/rollback", json={"to": 77}), 409)
    history = (await api.get(f"{AGENT}/history", "viewer"))["items"]
    assert [(each["number"], each.get("fromRevision")) for each in history] == [(3, 1), (2, None), (1, None)]
    assert all("manifest" not in each for each in history)
    status = await api.get(f"{AGENT}/status", "viewer")
    assert [each["status"] for each in status["conditions"]] == ["True", "True"]

    await api.listed("/resources?kind=ArkAgent&limit=100", "poet")
    assert (await api.ask("DELETE", AGENT)).status_code == 204
    problem(await api.ask("DELETE", AGENT), 404)
    problem(await api.ask("GET", AGENT), 404)


async def test_what_is_wrong_with_a_document_is_said_with_its_place(api: Api) -> None:
    bad = agent("Rhyme.")
    bad["spec"]["modle"] = bad["spec"].pop("model")
    told = problem(await api.ask("PUT", AGENT, json=bad), 422)
    assert told["detail"] == "The document cannot be applied; nothing was changed."
    assert any(each["place"] == "spec.modle" and "model" in each["hint"] for each in told["errors"])
    event = manifest("ArkEvent", "x", {"source": {"type": "webhook"}, "targets": [{"team": "nix"}]})
    told = problem(await api.ask("PUT", "/resources/ArkEvent/default/x", json=event), 422)
    assert told["errors"][0]["place"] == "spec.targets[0].team"
    for document, path in (
        (agent("x"), "/resources/ArkAgent/default/other"),
        (agent("x"), "/resources/ArkTeam/default/poet"),
        ({}, AGENT),
        ({"kind": "ArkAgent", "metadata": "poet"}, AGENT),
    ):
        problem(await api.ask("PUT", path, json=document), 422)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    problem(await api.ask("PUT", "/resources/Secret/default/s", json=secret), 422)


async def test_fifty_at_once_make_one_sequence(api: Api) -> None:
    path = "/resources/ArkAgent/default/crowd"
    asked = [api.ask("PUT", path, json=agent(f"Say {number}.", "crowd")) for number in range(50)]
    answers = await asyncio.gather(*asked)
    assert sorted(each.json()["revision"] for each in answers) == list(range(1, 51))
    assert sorted(each.status_code for each in answers) == [200] * 49 + [201]
    await api.ask("DELETE", path)


async def test_new_runs_use_what_is_in_force(api: Api) -> None:
    path = "/resources/ArkTeam/default/fresh"
    plans: set[str] = set()
    for prompt in ("Write.", "Rhyme."):
        assert (await api.ask("PUT", path, json=team("fresh", prompt=prompt))).status_code < 300
        await api.listed("/resources?kind=ArkTeam&limit=100", "fresh")
        await asyncio.sleep(1.1)
        run = await api.start("fresh")
        record = await api.ended(run)
        assert record.phase == "Succeeded"
        plans.add(record.plan)
    assert len(plans) == 2


async def test_lists_of_resources_have_pages(api: Api) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        page = await api.get(f"/resources?limit=3&cursor={cursor}", "viewer")
        assert len(page["items"]) <= 3
        found += [f"{each['kind']}/{each['name']}" for each in page["items"]]
        if "nextCursor" not in page:
            break
        cursor = page["nextCursor"]
    assert len(found) == len(set(found))
    assert {"ArkTeam/echo", "ArkEvent/hook", "ArkService/desk"} <= set(found)
    problem(await api.ask("GET", "/resources?cursor=nonsense"), 404)
    problem(await api.ask("GET", "/resources?kind=Secret"), 422)


async def test_events_are_listed_and_fired_by_hand(api: Api) -> None:
    items = {each["name"]: each for each in (await api.get("/events", "viewer"))["items"]}
    assert items["hook"]["source"] == "webhook"
    assert items["hook"]["status"]["webhookURL"] == "/triggers/default/hook/fire"
    assert items["nightly"]["suspended"] is True
    status = await api.get("/resources/ArkEvent/default/hook/status", "viewer")
    assert status["webhookURL"] == "/triggers/default/hook/fire"
    key = {"Idempotency-Key": "by-hand-1"}
    body = {"body": {"text": "from a hand"}}
    first = await api.ask("POST", "/events/default/hook/fire", "submitter", json=body, headers=key)
    assert first.status_code == 200
    [run] = first.json()["runs"]
    again = await api.ask("POST", "/events/default/hook/fire", "submitter", json=body, headers=key)
    assert again.json() == first.json()
    record = await api.ended(run)
    assert (record.submitted_by, record.input["text"]) == ("submitter", "from a hand")
    assert record.cause is not None
    assert (record.cause.event, record.cause.source) == ("hook", "manual")
    other = await api.ask("POST", "/events/default/hook/fire", json={})
    assert other.json()["runs"] != [run]
    problem(await api.ask("POST", "/events/default/nix/fire", json={}), 404)


async def test_services_give_agents_tasks(api: Api) -> None:
    for service in ("desk", "pen"):
        wanted = {"prompt": "Sum up.", "meta": {"ticket": "4711"}}
        answer = await api.ask("POST", f"/services/default/{service}/task", "submitter", json=wanted)
        assert (answer.status_code, answer.json()["phase"]) == (200, "Succeeded"), answer.text
        record = await api.get(answer.headers["location"].partition("/api/v1")[2])
        assert record["input"] == {"task": "Sum up.", "meta": {"ticket": "4711"}}
    later = await api.ask("POST", "/services/default/desk/task?wait=0", json={"prompt": "be slow"})
    assert later.status_code == 202
    assert (await api.get(f"/runs/{later.json()['id']}/result?wait=30"))["phase"] == "Succeeded"
    failed = await api.ask("POST", "/services/default/desk/task", json={"prompt": "please fail"})
    assert "did not succeed" in problem(failed, 409)["detail"]
    problem(await api.ask("POST", "/services/default/nix/task", json={"prompt": "x"}), 404)
    problem(await api.ask("POST", "/services/default/desk/task", json={"prompt": ""}), 422)
    key, once = {"Idempotency-Key": "task-1"}, {"prompt": "once"}
    path = "/services/default/desk/task"
    asked = [api.ask("POST", path, headers=key, json=once) for _ in range(4)]
    assert len({each.json()["id"] for each in await asyncio.gather(*asked)}) == 1
