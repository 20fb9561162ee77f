"""Who may do what: roles, namespaces, and what is not shown to those who have none."""

from typing import Any

import pytest

from tests.integration.api.place import ROLES, Api, problem

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

DOCUMENT = {
    "apiVersion": "arkonis.dev/v1alpha1",
    "kind": "ArkAgent",
    "metadata": {"name": "tester"},
    "spec": {"model": "claude-haiku-4-5", "systemPrompt": "Test."},
}
AGENT = "/resources/ArkAgent/default/tester"
DECISION = {"decision": "approve", "digest": "0" * 16}

MATRIX: list[tuple[str, str, Any, str]] = [
    ("GET", "/runs/{run}", None, "viewer"),
    ("GET", "/runs/{run}/result", None, "viewer"),
    ("GET", "/runs/{run}/approvals/writer%23approval", None, "viewer"),
    ("POST", "/runs/{run}/approvals/writer%23approval/decision", DECISION, "approver"),
    ("POST", "/runs/{run}/pause", {}, "submitter"),
    ("POST", "/runs/{run}/resume", {}, "submitter"),
    ("POST", "/runs/{run}/retry", {}, "submitter"),
    ("POST", "/runs", {"team": "echo", "id": "matrix"}, "submitter"),
    ("PUT", AGENT, DOCUMENT, "admin"),
    ("GET", AGENT, None, "viewer"),
    ("GET", f"{AGENT}/history", None, "viewer"),
    ("GET", f"{AGENT}/status", None, "viewer"),
    ("POST", f"{AGENT}/rollback", {"to": 1}, "admin"),
    ("POST", "/events/default/hook/fire", {}, "submitter"),
    ("POST", "/services/default/desk/task?wait=0", {"prompt": "hi"}, "submitter"),
    ("DELETE", AGENT, None, "admin"),
    ("POST", "/runs/{run}/cancel", None, "submitter"),
    ("POST", "/runs/{run}/terminate", {"reason": "test"}, "admin"),
]
"""In this order, and by those who may not before those who may."""

HAVE = {
    "admin": {"viewer", "submitter", "approver", "admin"},
    "viewer": {"viewer"},
    "submitter": {"viewer", "submitter"},
    "ann": {"viewer", "approver"},
    "bob": {"viewer", "submitter", "approver"},
}


async def test_each_route_asks_for_its_role(api: Api) -> None:
    run = await api.start("gated")
    await api.waits(run)
    for method, path, body, role in MATRIX:
        for who in (*(each for each in ROLES if role not in HAVE.get(each, ())), "admin"):
            answer = await api.ask(method, path.format(run=run), who, json=body)
            about = (method, path, who, answer.status_code, answer.text)
            if who in ("pressman", "nobody"):
                assert answer.status_code in (403, 404), about
                assert answer.status_code == 404 or path == "/runs", about
            elif role not in HAVE[who]:
                assert answer.status_code == 403, about
                assert f'needs the role \\"{role}\\"' in answer.text, about
            else:
                assert answer.status_code not in (401, 403, 404), about


async def test_roles_that_are_documented_are_those_that_count(api: Api) -> None:
    document = (await api.client.get(f"{api.url}/api/v1/openapi.json")).json()
    told = {
        (method.upper(), path): each["x-ark-role"]
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    }
    known = {
        "{run}": "{id}",
        "writer%23approval": "{approval}",
        "ArkAgent/default/tester": "{kind}/{namespace}/{name}",
        "default/hook": "{namespace}/{name}",
        "default/desk": "{namespace}/{name}",
    }
    for method, path, _, role in MATRIX:
        address = path.partition("?")[0]
        for ours, theirs in known.items():
            address = address.replace(ours, theirs)
        assert told[method, f"/api/v1{address}"] == role, (method, path)


async def test_nothing_of_a_namespace_is_shown_to_those_without_a_role_in_it(api: Api) -> None:
    secret = await api.start("secretive", by="pressman", namespace="press")
    await api.ended(secret)
    for path in ("/runs?parts=true&limit=100", "/resources?limit=100", "/usage?by=namespace"):
        await api.listed(path, secret if "runs" in path else "press", "pressman")
        assert "press" not in (await api.ask("GET", path, "viewer")).text
        assert "default" not in (await api.ask("GET", path, "pressman")).text
        assert (await api.ask("GET", path, "nobody")).status_code == 200
    missing = await api.ask("GET", "/runs/no-such-run", "viewer")
    hidden = await api.ask("GET", f"/runs/{secret}", "viewer")
    assert hidden.text.replace(secret, "no-such-run") == missing.text
    problem(await api.ask("GET", f"/runs/{secret}/events", "viewer"), 404)
    missing = await api.ask("GET", "/resources/ArkTeam/press/nix", "viewer")
    hidden = await api.ask("GET", "/resources/ArkTeam/press/secretive", "viewer")
    assert hidden.text.replace("secretive", "nix") == missing.text
    there = await api.ask("GET", "/resources/ArkTeam/press/nix", "pressman")
    assert there.text == missing.text
    for namespace in ("press", "nowhere"):
        wanted = {"team": "x", "namespace": namespace}
        told = problem(await api.ask("POST", "/runs", "viewer", json=wanted), 403)
        assert told["detail"] == f'This needs the role "submitter" in the namespace "{namespace}".'


async def test_who_has_no_token_is_nobody(api: Api) -> None:
    good = api.tokens["viewer"]
    wrong = (f"Basic {good}", good, f"Bearer {good}x", f"Bearer {good[:-1]}", "Bearer ü", "Bearer a.b.c")
    for header in ("", "Bearer", *wrong):
        raw = [(b"authorization", header.encode())] if header else []
        answer = await api.client.get(f"{api.url}/api/v1/runs", headers=raw)
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    unread = await api.client.post(f"{api.url}/api/v1/runs", content=b"{" * 1000)
    problem(unread, 401)
    assert (await api.ask("GET", "/runs", "referred")).status_code == 200
    assert (await api.client.get(f"{api.url}/api/v1/openapi.json")).status_code == 200


async def test_tokens_come_and_go_without_a_restart(api: Api) -> None:
    file = api.options.access
    assert file is not None
    before = file.read_text()
    try:
        file.write_text(before.replace("name: viewer", "name: renamed"))
        run = await api.start("echo", by="submitter")
        assert (await api.ask("GET", f"/runs/{run}", "viewer")).status_code == 200
        file.write_text("tokens: [{name: x}]")
        assert (await api.ask("GET", f"/runs/{run}", "viewer")).status_code == 200
        file.write_text("tokens: []")
        problem(await api.ask("GET", f"/runs/{run}", "viewer"), 401)
    finally:
        file.write_text(before)
    assert (await api.ask("GET", f"/runs/{run}", "viewer")).status_code == 200


async def test_browsers_and_strangers_are_kept_off(api: Api) -> None:
    bearer = {"authorization": f"Bearer {api.tokens['viewer']}"}
    wrong = await api.client.get(f"{api.url}/api/v1/runs", headers={**bearer, "host": "evil.example"})
    problem(wrong, 421)
    for host in ("localhost:1", "127.0.0.1", "[::1]:8092"):
        assert (await api.client.get(f"{api.url}/healthz", headers={"host": host})).status_code == 200
    evil = {**bearer, "origin": "https://evil.example"}
    answer = await api.client.get(f"{api.url}/api/v1/runs", headers=evil)
    assert "access-control-allow-origin" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    for given, taken in (("abc-1", True), ("a b", False), ("x" * 65, False)):
        told = await api.client.get(f"{api.url}/healthz", headers={"x-request-id": given})
        assert (told.headers["x-request-id"] == given) is taken
    ready = await api.client.get(f"{api.url}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


async def test_requests_are_logged_without_what_is_secret(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "ark-temporal.gateway")
    await api.ask("GET", "/runs?cursor=secret-in-the-query", "viewer")
    await api.client.get(f"{api.url}/approve/secret-in-the-link")
    await api.client.get(f"{api.url}/nix%0Aforged")
    said = [each.getMessage() for each in caplog.records if each.name == "ark-temporal.gateway"]
    assert [" ".join(each.split()[1:4]) for each in said] == [
        "GET /api/v1/runs 404",
        "GET /approve/... 404",
        "GET /nix%0Aforged 404",
    ]
    assert said[0].endswith(" viewer")
    assert "secret" not in " ".join(said)
