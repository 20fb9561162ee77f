"""Lists, ensembles, chains and choices on a real Temporal."""

import asyncio
import time
from typing import Any

import pytest
from pydantic import JsonValue

from ark_temporal.plan.model import InputPlan, Plan, StepPlan
from ark_temporal.plan.record import Decision
from ark_temporal.plan.shapes import (
    CapabilityPlan,
    EnsemblePlan,
    LookupPlan,
    MapPlan,
    RoutingPlan,
    SwitchPlan,
)
from ark_temporal.plan.start import Seed
from ark_temporal.runs.decide import decide
from ark_temporal.runs.submit import submit
from tests.integration.agents.crew import ended_alike
from tests.integration.lab import Lab, Run
from tests.integration.plans import step
from tests.integration.teams.squads import children, ended, script, squad

ECHO = script({"role": "never", "reply": ""})


def each(**fields: Any) -> StepPlan:
    """A step that is done for every item of the input `items`."""
    known = {name: fields.pop(name) for name in list(fields) if name in MapPlan.model_fields}
    mapped = MapPlan.model_validate({"over": "{{ .input.items }}", **known})
    return step("each", "<{{ .index }}={{ .item }}>", map=mapped, **fields)


def listed(count: int) -> dict[str, JsonValue]:
    return {"items": [f"i{number}" for number in range(count)]}


def assert_in_order(data: JsonValue, count: int) -> None:
    assert isinstance(data, list)
    assert len(data) == count
    for place, value in enumerate(data):
        assert f"<{place}=i{place}>" in str(value)


async def test_items_are_done_at_once_and_stand_in_their_order(lab: Lab) -> None:
    slow = script({"contains": "<0=", "delaySeconds": 1})
    record = await ended(lab, squad(each()), slow, listed(12))
    assert_in_order(record.step("each").data, 12)
    parts = record.step("each").branches
    assert sum(part.token_usage.total_tokens for part in parts) == record.token_usage.total_tokens > 0


async def test_a_list_of_250_is_done_in_three_runs_below(lab: Lab) -> None:
    async with lab.working(script=ECHO):
        run = await lab.start(squad(each(max_concurrency=100)), listed(250))
        record = await ended_alike(run, 100)
        below = [await ended_alike(lab.run(id)) for id in await children(run)]
    assert_in_order(record.step("each").data, 250)
    assert [len(one.steps[0].branches) for one in below] == [100, 100, 50]
    assert record.token_usage.total_tokens == sum(one.token_usage.total_tokens for one in below)


@pytest.mark.parametrize(
    ("items", "type"), [("no list", "NotAList"), ([1, 2, 3], "TooManyItems")], ids=["no list", "too long"]
)
async def test_what_cannot_be_done_begins_nothing(lab: Lab, items: JsonValue, type: str) -> None:
    record = await ended(lab, squad(each(max_items=2)), ECHO, {"items": items})
    assert record.error is not None
    assert (record.reason, record.error.type) == ("StepFailed", type)
    assert record.token_usage.total_tokens == 0


async def test_an_empty_list_is_done(lab: Lab) -> None:
    record = await ended(lab, squad(each()), ECHO, {"items": []})
    assert (record.phase, record.output) == ("Succeeded", "[]")


REFUSES = script({"contains": "<1=", "fail": {"type": "ModelBadRequest", "message": "Not this one."}})


async def test_one_item_that_fails_fails_the_step_or_is_left_empty(lab: Lab) -> None:
    failed = await ended(lab, squad(each()), REFUSES, listed(3))
    assert failed.error is not None
    assert failed.error.message == "Item 1: Not this one."
    collected = await ended(lab, squad(each(on_failure="collect")), REFUSES, listed(3))
    assert collected.phase == "Succeeded"
    assert isinstance(collected.step("each").data, list)
    assert [value is None for value in collected.step("each").data] == [False, True, False]  # pyright: ignore


async def test_items_may_be_objects_and_a_role_a_team(lab: Lab) -> None:
    firm = squad(step("inner", "name: {{ .input.task }}"), team="firm", inputs=(InputPlan(name="task"),))
    mapped = step(
        "firm", "{{ .item.name }}", map=MapPlan(over="{{ .steps.find.data }}"), after=["find"]
    )
    schema: JsonValue = {"type": "array", "items": {"type": "object"}}
    mock = script(
        {"role": "find", "reply": [{"name": "ann"}, {"name": "bob"}]},
        {"role": "inner", "contains": "ann", "reply": "hello ann", "delaySeconds": 1},
        {"role": "inner", "contains": "bob", "reply": "hello bob"},
    )
    plan = squad(step("find", output_schema=schema), mapped, teams={"firm": firm})
    record = await ended(lab, plan, mock)
    assert record.step("firm").data == ["hello ann", "hello bob"]


async def test_a_parked_list_is_retried_for_what_was_not_done(lab: Lab) -> None:
    once = script(
        {"contains": "<1=", "times": 1, "fail": {"type": "ModelBadRequest"}},
        {"contains": "<1=", "reply": "mended"},
    )
    parked = each(max_concurrency=1).model_copy(update={"on_failure": "park"})
    async with lab.working(script=once):
        run = await lab.start(squad(parked), listed(3))
        waited = await asked(run)
        await decide(lab.connection, run.id, Decision(id=waited, decision="retry", by="ann"))
        record = await ended_alike(run)
    data = record.step("each").data
    assert isinstance(data, list)
    assert (data[1], len(data)) == ("mended", 3)
    assert [part.restarts for part in record.step("each").branches] == [0, 1, 1]


async def asked(run: Run) -> str:
    """The id of what a run waits for, once it does."""
    async with asyncio.timeout(30):
        while not (waiting := (await run.record()).awaiting):
            await asyncio.sleep(0.05)
    return waiting[0].id


async def test_a_new_run_takes_over_the_items_that_were_done(lab: Lab) -> None:
    async with lab.working(script=REFUSES):
        first = await ended_alike(await lab.start(squad(each(max_concurrency=1)), listed(3)))
    async with lab.working(script=ECHO):
        submitted = await submit(
            lab.connection,
            squad(each(max_concurrency=1)),
            listed(3),
            task_queue=lab.queue,
            seed=Seed(run=first.id, steps=tuple(first.steps)),
        )
        record = await ended_alike(lab.run(submitted.id))
    assert_in_order(record.step("each").data, 3)
    assert [bool(part.calls) for part in record.step("each").branches] == [True, True, True]
    asked_again = record.token_usage.total_tokens
    assert asked_again == sum(part.token_usage.total_tokens for part in record.step("each").branches[1:])


# Several at once


def together(*roles: str, **fields: Any) -> Plan:
    ensemble = EnsemblePlan.model_validate({"roles": roles, **fields})
    return squad(step("pair", role=roles[0], ensemble=ensemble))


SAYS: list[dict[str, Any]] = [
    {"role": "ann", "reply": "yes"},
    {"role": "bob", "reply": "no"},
    {"role": "cy", "reply": "Yes"},
    {"role": "zoe", "reply": {"choice": 2, "reason": "It is shorter."}},
]
REFUSING: dict[str, Any] = {"role": "bob", "fail": {"type": "ModelBadRequest", "message": "No."}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({"select": "concat"}, "## ann\n\nyes\n\n## bob\n\nno\n\n## cy\n\nYes\n"),
        ({"select": "vote"}, "yes"),
        ({"select": "judge", "judge": "zoe"}, "no"),
        ({"join": "quorum", "quorum": 2, "select": "vote"}, "yes"),
    ],
    ids=["concat", "vote", "judge", "quorum of votes"],
)
async def test_answers_of_several_become_one(lab: Lab, fields: dict[str, Any], output: str) -> None:
    record = await ended(lab, together("ann", "bob", "cy", **fields), script(*SAYS))
    assert (record.phase, record.output) == ("Succeeded", output)


@pytest.mark.parametrize("join", ["bestEffort", "quorum"])
async def test_who_fails_does_not_count(lab: Lab, join: str) -> None:
    record = await ended(lab, together("ann", "bob", "cy", join=join, quorum=2), script(REFUSING, *SAYS))
    assert (record.phase, record.output) == ("Succeeded", "## ann\n\nyes\n\n## cy\n\nYes\n")


async def test_where_all_must_succeed_one_who_fails_fails_it(lab: Lab) -> None:
    record = await ended(lab, together("ann", "bob", "cy"), script(REFUSING, *SAYS))
    assert record.error is not None
    assert (record.reason, record.error.type) == ("StepFailed", "ModelBadRequest")


async def test_votes_that_differ_fail_the_step_and_not_the_workflow_task(lab: Lab) -> None:
    record = await ended(lab, together("ann", "bob", join="quorum", quorum=2, select="vote"), script(*SAYS))
    assert record.error is not None
    assert (record.phase, record.error.type) == ("Failed", "NoQuorum")


@pytest.mark.parametrize("select", ["first", "concat"])
async def test_the_first_is_enough_and_the_others_are_cancelled(lab: Lab, select: str) -> None:
    slow = {"role": "bob", "reply": "late", "delaySeconds": 60}
    plan = together("bob", "ann", "bob", join="any", select=select)
    began = time.monotonic()
    async with lab.working(script=script(slow, *SAYS)):
        run = await lab.start(plan)
        record = await ended_alike(run, 20)
        events = await run.events()
    assert time.monotonic() - began < 20, "the worker waited for the slow ones"
    assert record.output == "yes"
    assert [part.phase for part in record.step("pair").branches] == ["Cancelled", "Succeeded", "Cancelled"]
    asked_to_stop = [one for one in events if one.HasField("activity_task_cancel_requested_event_attributes")]
    assert len(asked_to_stop) == 2


# One after the other, one of many


async def test_the_next_role_does_what_the_one_before_could_not(lab: Lab) -> None:
    plan = squad(step("bob", fallback=("ann",)))
    record = await ended(lab, plan, script(REFUSING, *SAYS))
    whole = record.step("bob")
    assert (record.output, whole.role, whole.routing_reason) == ("yes", "ann", "No.")


async def test_when_nobody_can_the_step_fails(lab: Lab) -> None:
    plan = squad(step("bob", fallback=("bob",)))
    record = await ended(lab, plan, script(REFUSING))
    assert record.error is not None
    assert '2 of 2 roles of step "bob" failed' in record.error.message


@pytest.mark.parametrize(
    ("area", "default", "role"), [("bills", "", "ann"), ("other", "cy", "cy"), ("other", "", None)]
)
async def test_a_switch_chooses(lab: Lab, area: str, default: str, role: str | None) -> None:
    choice = SwitchPlan(value="{{ .input.area }}", cases={"bills": "ann", "files": "bob"}, default=default)
    record = await ended(lab, squad(step("answer", role="ann", switch=choice)), script(*SAYS), {"area": area})
    if role is None:
        assert record.error is not None
        assert record.error.type == "NoCase"
    else:
        assert (record.phase, record.step("answer").role) == ("Succeeded", role)


@pytest.mark.parametrize("strategy", ["least-busy", "round-robin", "random"])
async def test_a_registry_finds_somebody(lab: Lab, strategy: Any) -> None:
    lookup = LookupPlan(roles=("ann", "bob", "cy"), strategy=strategy, capability="sum")
    record = await ended(lab, squad(step("add", role="ann", lookup=lookup)), script(*SAYS))
    whole = record.step("add")
    assert whole.resolved_agent in ("lab-ann", "lab-bob", "lab-cy")
    assert (whole.selected_capability, whole.routing_reason) == ("sum", strategy)


def routed(fallback: str) -> Plan:
    capabilities = (
        CapabilityPlan(id="bills", description="Knows bills.", roles=("ann",)),
        CapabilityPlan(id="files", description="Knows files.", roles=("bob",)),
    )
    routing = RoutingPlan(router="router", capabilities=capabilities, fallback=fallback)
    return squad(step("route", "My file is gone.", role="ann", routing=routing))


async def test_a_router_chooses_the_agent(lab: Lab) -> None:
    choice = {"purpose": "route", "reply": {"capability": "files", "reason": "A file is gone."}}
    async with lab.working(script=script(choice, *SAYS)):
        run = await lab.start(routed(""))
        record = await ended_alike(run)
        assert (await run.handle.describe()).workflow_type == "Router"
    whole = record.step("route")
    assert (whole.resolved_agent, whole.selected_capability) == ("lab-bob", "files")
    assert (whole.routing_reason, record.output) == ("A file is gone.", "no")


@pytest.mark.parametrize("reply", ["Let me think.", {"capability": "cooking"}], ids=["prose", "unknown"])
@pytest.mark.parametrize("fallback", ["cy", ""])
async def test_nonsense_takes_the_fallback_or_fails(lab: Lab, reply: JsonValue, fallback: str) -> None:
    record = await ended(lab, routed(fallback), script({"purpose": "route", "reply": reply}, *SAYS))
    if fallback:
        assert (record.output, record.step("route").resolved_agent) == ("Yes", "lab-cy")
        assert "of no use" in record.step("route").warnings[0]
    else:
        assert record.error is not None
        assert (record.phase, record.error.type) == ("Failed", "NoAgentFound")
