"""Links in messages: where a run is looked at, and where each person decides."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from pydantic import JsonValue

from activities.links import GOOD_FOR, Links
from ark_temporal.plan.people import GatePlan
from ark_temporal.runs.approval_links import read_link
from tests.integration.agents.sink import Sink
from tests.integration.gates.asking import about, asking, ended, question, take
from tests.integration.lab import Lab
from tests.integration.notify.telling import SLACK, pager, sinks

KEY = "0123456789abcdef0123456789abcdef"
GATE: dict[str, JsonValue] = {"id": "cook#approval", "digest": "3fa9", "approvers": ["ann"]}


def nowhere(run: str) -> str | None:
    return None


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, ""),
        ({"ARK_GATEWAY_URL": "https://ark.example/"}, "https://ark.example/api/v1/runs/a%2Fb"),
        ({"ARK_UI_URL": "https://ui.example/"}, "https://ui.example/namespaces/prod/workflows/a%2Fb"),
        ({"ARK_UI_URL": "https://ark.example/?run={run}"}, "https://ark.example/?run=a%2Fb"),
    ],
)
def test_where_a_run_is_looked_at(environment: dict[str, str], url: str) -> None:
    assert Links.read(environment, nowhere, "prod").to_run("a/b") == url


def test_the_web_ui_that_is_known_is_taken_where_nothing_is_said() -> None:
    assert Links.read({}, "https://here/{}".format, "prod").to_run("a") == "https://here/a"


def test_a_link_is_for_one_person_and_ends_with_the_deadline() -> None:
    links = Links.read({"ARK_GATEWAY_URL": "https://ark.example/", "ARK_LINK_KEY": KEY}, nowhere, "x")
    until = datetime(2027, 1, 1, tzinfo=UTC)
    dated = links.to_decide("run-1", {**GATE, "deadline": until.isoformat()})
    link = read_link(KEY.encode(), urlsplit(dated["ann"]).path.rpartition("/")[2], until - timedelta(days=1))
    assert (link.run, link.approval, link.digest, link.by) == ("run-1", "cook#approval", "3fa9", "ann")
    assert link.expires == until.timestamp()
    [open_link] = links.to_decide("run-1", GATE).values()
    told = read_link(KEY.encode(), open_link.rpartition("/")[2], datetime.now(UTC))
    assert abs(told.expires - (datetime.now(UTC) + GOOD_FOR).timestamp()) < 60
    assert KEY not in repr(links)


@pytest.mark.parametrize("missing", ["ARK_GATEWAY_URL", "ARK_LINK_KEY"])
def test_without_a_gateway_or_a_key_there_are_no_links(missing: str) -> None:
    environment = {"ARK_GATEWAY_URL": "https://ark.example", "ARK_LINK_KEY": KEY}
    del environment[missing]
    assert Links.read(environment, nowhere, "x").to_decide("run-1", GATE) == {}


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="ARK_LINK_KEY has 5 characters"):
        Links.read({"ARK_LINK_KEY": "short"}, nowhere, "x")


async def test_each_approver_has_a_link_and_no_history_has_one(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARK_GATEWAY_URL", "https://ark.example")
    monkeypatch.setenv("ARK_LINK_KEY", KEY)
    worded = SLACK.model_copy(update={"template": "{{ .gate.url }} {{ toJson .gate.links }}"})
    notify = pager(SLACK, worded)
    with Sink() as sink:
        async with lab.working(secrets=sinks(slack=sink)):
            run = await lab.start(asking(GatePlan(approvers=("ann", "bob"), notify=notify)))
            waited = await question(run)
            await sink.until_asked(2)
            await take(lab, run, about(waited, "approve", "ann"))
            await ended(run)
        written = "".join([str(event) for event in await run.events()])
    ours, own = sorted((asked.json["text"] for asked in sink.asked), key=len, reverse=True)
    if "ApprovalRequested" not in ours:
        ours, own = own, ours
    url, _, links = own.partition(" ")
    by = json.loads(links)
    assert list(by) == ["ann", "bob"]
    assert url == by["ann"] != by["bob"]
    assert all(f"{who} decides: {link}" in ours for who, link in by.items())
    link = read_link(KEY.encode(), by["bob"].rpartition("/")[2], datetime.now(UTC))
    assert (link.run, link.approval, link.digest, link.by) == (run.id, waited.id, waited.digest, "bob")
    for secret in (KEY, *by.values(), "https://ark.example"):
        assert secret not in written
