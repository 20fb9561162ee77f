"""Rows about steps that are several tasks, or one of several roles."""

import asyncio
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.plan.record import Decision
from ark_temporal.plan.shapes import (
    CapabilityPlan,
    EnsemblePlan,
    LookupPlan,
    MapPlan,
    RoutingPlan,
    SwitchPlan,
)
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from ark_temporal.runs.decide import decide
from ark_temporal.runs.retry import read_origin, retry_run
from tests.integration.agents.crew import ended_alike
from tests.integration.agents.sink import Sink
from tests.integration.failures.cases import Case, asks, called, failing, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step

THREE: JsonValue = ["red", "green", "blue"]


def mapped(over: str = "{{ .input.list }}", **fields: Any) -> Any:
    """A step that does something with each of a list."""
    return step("each", "do {{ .item }}", map=MapPlan(over=over, **fields))


def joined(join: str, *roles: str, **fields: Any) -> Any:
    """A step that several roles do."""
    given = {"roles": roles or ("ann", "bob", "cyd"), "join": join, **fields}
    return step("both", role="ann", ensemble=EnsemblePlan.model_validate(given))


BAD_GREEN = {**failing("each"), "contains": "do green"}
ROUTED = RoutingPlan(router="router", capabilities=(CapabilityPlan(id="law", roles=("lawyer",)),))
LOST_TELLS = {"role": "router", "reply": {"capability": "cooking"}}

CASES = {
    "F601": Case(team(mapped()), given={"list": []}, phases={"each": "Succeeded"}),
    "F602": Case(
        team(mapped()), given={"list": {"a": 1}}, phases={"each": "Failed"}, told="gives dict and not a list"
    ),
    "F603": Case(
        team(mapped(max_items=2)),
        given={"list": THREE},
        phases={"each": "Failed"},
        told="3 items are more than its map.maxItems of 2",
    ),
    "F605": Case(
        team(mapped(on_failure="collect")),
        [BAD_GREEN],
        given={"list": THREE},
        called={"each[0]": 1, "each[1]": 1, "each[2]": 1},
        phases={"each": "Succeeded"},
        told="1 of 3 items were not done, and are null: Item 1:",
    ),
    "F606": Case(
        team(mapped(on_failure="collect")),
        [failing("each")],
        given={"list": THREE},
        called={"each[0]": 1, "each[1]": 1, "each[2]": 1},
        phases={"each": "Failed"},
        told="Not one of the 3 items",
    ),
    "F609": Case(
        team(joined("any")),
        [failing("*")],
        called={"both[0]": 1, "both[1]": 1, "both[2]": 1},
        phases={"both": "Failed"},
        told="3 of 3 roles",
    ),
    "F611": Case(
        team(joined("bestEffort")),
        [failing("*")],
        called={"both[0]": 1, "both[1]": 1, "both[2]": 1},
        phases={"both": "Failed"},
        told="3 of 3 roles",
    ),
    "F612": Case(
        team(joined("bestEffort")),
        [failing("bob")],
        called={"both[0]": 1, "both[1]": 1, "both[2]": 1},
        phases={"both": "Succeeded"},
    ),
    "F614": Case(
        team(joined("all", "ann", "bob", select="judge", judge="judge")),
        [{"role": "judge", "reply": {"choice": 9}}],
        called={"both[0]": 1, "both[1]": 1, "both[judge]": 1},
        phases={"both": "Failed"},
        told="chose 9, which is none of the answers",
    ),
    "F615": Case(
        team(step("ann", fallback=("bob",))),
        [failing("ann")],
        called={"ann[0]": 1, "ann[1]": 1},
        phases={"ann": "Succeeded"},
        told='Role "bob" did it after others had failed',
    ),
    "F616": Case(
        team(step("ann", fallback=("bob",))),
        [failing("*")],
        called={"ann[0]": 1, "ann[1]": 1},
        phases={"ann": "Failed"},
        told="2 of 2 roles",
    ),
    "F618": Case(
        team(step("ask", role="ann", switch=SwitchPlan(value="{{ .input.lang }}", cases={"en": "ann"}))),
        given={"lang": "fr"},
        phases={"ask": "Failed"},
        told='no case for "fr"',
    ),
    "F619": Case(
        team(step("ask", role="ann", lookup=LookupPlan(capability="law"))),
        phases={"ask": "Failed"},
        told='no agent that can do "law"',
    ),
    "F620": Case(
        team(step("route", role="lawyer", routing=ROUTED)),
        [LOST_TELLS],
        called={"route#route": 1},
        phases={"route": "Failed"},
        told='it named "cooking", which nobody can do',
    ),
    "F621": Case(
        team(step("route", role="lawyer", routing=ROUTED.model_copy(update={"fallback": "clerk"}))),
        [LOST_TELLS],
        called={"route#route": 1, "route": 1},
        phases={"route": "Succeeded"},
        told="The fallback agent was taken",
    ),
}


@proves(*CASES)
async def test_a_shape_that_goes_wrong(lab: Lab, row: Row) -> None:
    _, record = await CASES[row.id].run(lab)
    row.check(record)


async def test_what_is_there_instead_is_told(lab: Lab) -> None:
    _, empty = await CASES["F601"].run(lab)
    assert empty.step("each").data == []
    _, some = await CASES["F605"].run(lab)
    data = some.step("each").data
    assert isinstance(data, list)
    assert [value is None for value in data] == [False, True, False]
    _, enough = await CASES["F612"].run(lab)
    lost = enough.step("both[1]")
    assert (lost.phase, lost.error.type if lost.error else "") == ("Failed", "ModelBadRequest")
    _, second = await CASES["F615"].run(lab)
    assert second.step("ann").resolved_agent == "bob"
    _, routed = await CASES["F621"].run(lab)
    assert "cooking" in routed.step("route").routing_reason


async def test_a_router_that_cannot_be_asked_is_as_good_as_none(lab: Lab) -> None:
    case = CASES["F621"]
    await Case(case.plan, [failing("router")], case.called, case.phases, case.told).run(lab)


@proves("F604")
async def test_only_items_that_were_not_done_are_done_again(lab: Lab, row: Row) -> None:
    rules = [{**BAD_GREEN, "times": 1}, {"contains": "do blue", "times": 1, "delaySeconds": 20}]
    async with lab.working(script=script(*rules)):
        run = await lab.start(team(mapped(max_concurrency=2)), {"list": THREE})
        record = await ended_alike(run)
        row.check(record)
        done = {part.name: part.phase for part in record.step("each").branches}
        assert (done["each[0]"], done["each[1]"]) == ("Succeeded", "Failed")
        assert done.get("each[2]") in ("Cancelled", None)
        again = lab.run((await retry_run(lab.connection, await read_origin(lab.connection, run.id))).run.id)
        assert (await ended_alike(again)).phase == "Succeeded"
    assert set(await called(again)) == {"each[1]", "each[2]"}


@proves("F607")
async def test_a_whole_part_of_a_long_list_may_fail(lab: Lab, row: Row) -> None:
    """101 items are a part of 100 and a part of one."""
    plan = team(mapped(on_failure="collect", max_concurrency=200))
    given: dict[str, JsonValue] = {"list": [f"n{number}." for number in range(101)]}
    async with lab.working(script=script({**failing("each"), "contains": "do n100."})):
        run = await lab.start(plan, given)
        record = await ended_alike(run)
    row.check(record)
    data = record.step("each").data
    assert isinstance(data, list)
    assert [place for place, value in enumerate(data) if value is None] == [100]
    assert any("1 of 101 items" in told for told in record.step("each").warnings)


SLOW = {"role": "cyd", "delaySeconds": 60}
UNDER_WAY = {
    "F608": (joined("all"), [failing("bob"), SLOW], "Failed"),
    "F610": (joined("quorum", quorum=2), [failing("ann"), failing("bob"), SLOW], "Failed"),
    "F613": (joined("any"), [failing("ann"), SLOW], "Succeeded"),
}


@proves(*UNDER_WAY)
async def test_an_ensemble_that_is_decided_waits_for_nobody(lab: Lab, row: Row) -> None:
    made, rules, phase = UNDER_WAY[row.id]
    async with lab.working(script=script(*rules)), asyncio.timeout(20):
        run = await lab.start(team(made))
        record = await ended_alike(run)
    row.check(record)
    assert phases(record) == {"both": phase}
    assert record.step("both[2]").phase == "Cancelled"
    assert "both[2]" not in await called(run)


@pytest.mark.parametrize("park", [False, True])
async def test_a_failed_ensemble_is_tried_again_without_those_who_had_done_it(lab: Lab, park: bool) -> None:
    made = joined("all").model_copy(update={"on_failure": "park" if park else "fail"})
    rules = [{**failing("bob"), "times": 1}, {"role": "bob", "delaySeconds": 0.0}]
    slow = {"role": "bob", "times": 1, "fail": {"type": "ModelBadRequest"}, "delaySeconds": 1}
    async with lab.working(script=script(slow, *rules[1:])):
        run = await lab.start(team(made))
        if park:
            waits = await asks(run, "failed-step")
            await decide(lab.connection, run.id, Decision(id=waits.id, decision="retry"))
            assert (await ended_alike(run)).phase == "Succeeded"
            assert await called(run) == {"both[0]": 1, "both[1]": 1, "both[2]": 1, "both[1]~2": 1}
            return
        await ended_alike(run)
        again = lab.run((await retry_run(lab.connection, await read_origin(lab.connection, run.id))).run.id)
        assert (await ended_alike(again)).phase == "Succeeded"
    assert set(await called(again)) == {"both[1]"}


@proves("F617")
async def test_no_other_role_is_tried_against_a_persons_word(lab: Lab, row: Row) -> None:
    with Sink(delay=5) as sink:
        pay = ToolPlan(name="pay", effect="unsafe", webhook=WebhookPlan(url=sink.url), timeout_seconds=1)
        plan = team(step("ann", fallback=("bob",)), agents={"ann": {"tools": (pay,)}})
        async with lab.working(script=script({"role": "ann", "toolCalls": [{"name": "pay"}]})):
            run = await lab.start(plan)
            waits = await asks(run, "tool-outcome")
            await decide(lab.connection, run.id, Decision(id=waits.id, decision="reject", by="ada"))
            record = await ended_alike(run)
    row.check(record)
    assert set(await called(run)) == {"ann[0]", "ann[0]#tool-1.1"}
    assert [part.role for part in record.step("ann").branches] == ["ann"]
    assert len(sink.asked) == 1
