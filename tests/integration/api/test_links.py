"""Links in messages that let one person decide one thing."""

import base64
import html
import json
from datetime import UTC, datetime, timedelta

import pytest

from ark_temporal.runs.approval_links import link_key, read_link, sign_link
from tests.integration.api.place import LINK_KEY, Api

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

HOUR = timedelta(hours=1)


async def asked(api: Api, by: str = "ann", text: str = "hello", lasts: timedelta = HOUR) -> tuple[str, str]:
    """A run that waits, and a link to decide about it."""
    run = await api.start("gated", text)
    waits = await api.waits(run)
    until = datetime.now(UTC) + lasts
    return run, sign_link(LINK_KEY, api.url, run, waits["id"], waits["digest"], by, until)


async def test_a_link_shows_what_is_asked_and_decides_once(api: Api) -> None:
    run, link = await asked(api, text="<script>alert(1)</script>")
    for _ in range(3):  # as programs do that look at links in messages
        assert (await api.client.get(link)).status_code == 200
        await api.client.head(link)
    page = await api.client.get(link)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    waits = await api.waits(run)
    assert "<script>" not in page.text
    assert "<b>it</b>" not in page.text
    for told in (waits["subject"], waits["message"], waits["digest"], run, "ann", "default/gated"):
        assert html.escape(told) in page.text
    done = await api.client.post(link, data={"decision": "approve", "comment": "looks <good>"})
    assert (done.status_code, "writer#approval&quot; is approved." in done.text) == (200, True)
    record = await api.ended(run)
    assert record.phase == "Succeeded"
    [decision] = record.decisions
    assert (decision.by, decision.comment, decision.digest) == ("ann", "looks <good>", waits["digest"])
    for again in (
        await api.client.get(link),
        await api.client.post(link, data={"decision": "approve"}),
        await api.client.post(link, data={"decision": "reject"}),
    ):
        assert again.status_code == 200
        assert "was already approved by ann" in again.text
        assert "<form" not in again.text
    assert len((await api.ended(run)).decisions) == 1


async def test_a_link_rejects(api: Api) -> None:
    run, link = await asked(api, "bob")
    assert (await api.client.post(link, data={"decision": "reject"})).status_code == 200
    record = await api.ended(run)
    assert (record.phase, record.decisions[0].by) == ("Failed", "bob")


async def test_links_that_are_not_good_decide_nothing(api: Api) -> None:
    run, link = await asked(api)
    base, _, token = link.rpartition("/")
    payload, _, signature = token.partition(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "by": "bob"}).encode()).rstrip(b"=").decode()
    other = sign_link(
        b"x" * 32, api.url, run, said["approval"], said["digest"], "ann", datetime.now(UTC) + HOUR
    )
    late = sign_link(LINK_KEY, api.url, run, said["approval"], said["digest"], "ann", datetime.now(UTC))
    stranger = sign_link(
        LINK_KEY, api.url, run, said["approval"], said["digest"], "mallory", datetime.now(UTC) + HOUR
    )
    gone = sign_link(
        LINK_KEY, api.url, "nix", said["approval"], said["digest"], "ann", datetime.now(UTC) + HOUR
    )
    for bad, status in (
        (f"{base}/{forged}.{signature}", 404),
        (f"{base}/{payload}.{signature[:-2]}AA", 404),
        (f"{base}/{payload}", 404),
        (f"{base}/{payload}.{signature}.", 404),
        (f"{base}/{'x' * 5001}", 422),
        (f"{base}/ü.ü", 404),
        (other, 404),
        (late, 410),
        (stranger, 409),
        (gone, 404),
    ):
        answer = await api.client.post(bad, data={"decision": "approve"})
        assert answer.status_code == status, (bad, answer.text)
    for form in ({}, {"decision": "edit"}, {"decision": "approve", "comment": "x" * 2001}):
        assert (await api.client.post(link, data=form)).status_code == 422
    assert (await api.client.post(link, content=b"x" * 70_000)).status_code == 413
    assert not (await api.get(f"/runs/{run}")).get("decisions")
    await api.ask("POST", f"/runs/{run}/cancel")


async def test_a_link_is_good_for_what_was_shown_alone(api: Api) -> None:
    run, link = await asked(api)
    waits = await api.waits(run)
    stale = sign_link(LINK_KEY, api.url, run, waits["id"], "0" * 64, "ann", datetime.now(UTC) + HOUR)
    for answer in (await api.client.get(stale), await api.client.post(stale, data={"decision": "reject"})):
        assert (answer.status_code, "was changed since" in answer.text) == (409, True)
    edit = {"decision": "edit", "digest": waits["digest"], "text": "other words"}
    await api.ask("POST", f"/runs/{run}/approvals/writer%23approval/decision", "bob", json=edit)
    late = await api.client.post(link, data={"decision": "approve"})
    assert "was already edited and approved by bob" in late.text
    record = await api.ended(run)
    assert [each.by for each in record.decisions] == ["bob"]


async def test_keys_and_times_that_are_no_good_are_refused() -> None:
    until = datetime.now(UTC) + HOUR
    with pytest.raises(ValueError, match="needs 32"):
        sign_link(b"short", "http://x", "r", "a", "d", "ann", until)
    with pytest.raises(ValueError, match="time zone"):
        sign_link(LINK_KEY, "http://x", "r", "a", "d", "ann", until.replace(tzinfo=None))
    with pytest.raises(ValueError, match="openssl rand"):
        link_key({"ARK_LINK_KEY": "short"})
    assert link_key({}) is None
    link = sign_link(LINK_KEY, "http://x/", "r", "a#b", "d" * 64, "ann", until)
    assert link.startswith("http://x/approve/")
    assert read_link(LINK_KEY, link.rpartition("/")[2], datetime.now(UTC)).approval == "a#b"
