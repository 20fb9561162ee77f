"""Rows about tools and memory."""

from datetime import timedelta
from typing import Any

import pytest

from ark_temporal.plan.model import AgentPlan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Decision, Verdict
from ark_temporal.plan.tools import MemoryPlan, ToolPlan, WebhookPlan
from ark_temporal.runs.decide import decide
from tests.integration.agents.crew import ended_alike
from tests.integration.agents.sink import Sink
from tests.integration.failures.cases import Case, asks, called, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import step
from tests.integration.processes import free_port
from tests.unit.plan.driving import Run as DrivenRun
from tests.unit.plan.driving import plan as driven_plan
from tests.unit.plan.driving import step as driven_step

TOOLS = "tests.integration.agents.desk_tools"


def desk(*tools: ToolPlan, **agent: Any) -> Any:
    """One step, of an agent with these tools."""
    return team(step("desk"), agents={"desk": {"tools": tools, "timeout_seconds": 600, **agent}})


def wants(name: str, turns: int = 1, **call: Any) -> list[dict[str, Any]]:
    """Rules of a model that calls a tool, and then says that it is done."""
    return [{"toolCalls": [{"name": name, **call}], "turns": turns}, {"reply": "Done."}]


def python(name: str, **fields: Any) -> ToolPlan:
    return ToolPlan(type="python", name=name, **fields)


def hook(url: str, **fields: Any) -> ToolPlan:
    """A webhook tool that is not waited for long."""
    given: dict[str, Any] = {"name": "pay", "webhook": WebhookPlan(url=url), "timeout_seconds": 1, **fields}
    return ToolPlan(**given)


def gated(**gate: Any) -> ToolPlan:
    return python("add", gate=GatePlan(**gate))


ONE = {"desk": 1, "desk#turn-2": 1}
FOUND = {"desk#tools": 1, **ONE}
DONE = {"desk": "Succeeded"}
LATE = gated(timeout_seconds=1, on_timeout="fail")

CASES = {
    "F301": (Case(desk(python("broken")), wants("broken"), FOUND | {"desk#tool-1.1": 1}, DONE), "stuck"),
    "F307": (Case(desk(python("add")), wants("subtract"), FOUND, DONE), "The tools are: add."),
    "F308": (
        Case(
            desk(python("add")),
            wants("add", arguments={"a": "x"}),
            FOUND | {"desk#tool-1.1": 1},
            DONE,
        ),
        "integer",
    ),
    "F309": (
        Case(
            desk(python("add"), max_turns=2),
            wants("add", turns=9, arguments={"a": 1}),
            {"desk#tools": 1, "desk": 1, "desk#tool-1.1": 1, "desk#turn-2": 1},
            {"desk": "Failed"},
            told="still calls tools",
        ),
        "1",
    ),
    "F313": (
        Case(
            desk(python("fly")),
            wants("fly"),
            FOUND | {"desk#tool-1.1": 1},
            DONE,
            told='Python tool "fly" is not on this worker',
        ),
        "This worker has no Python tool",
    ),
    "F316": (Case(desk(gated(condition="{{ fail 1 }}")), wants("add"), FOUND, DONE), "does not render"),
    "F318": (
        Case(desk(gated(timeout_seconds=1)), wants("add", arguments={"a": 1}), FOUND, DONE),
        "Not called",
    ),
    "F317": (
        Case(
            desk(LATE),
            wants("add", arguments={"a": 1}),
            {"desk#tools": 1, "desk": 1},
            {"desk": "Failed"},
            told="Nobody decided",
        ),
        "",
    ),
}


@proves(*CASES)
async def test_a_tool_that_goes_wrong(lab: Lab, row: Row) -> None:
    case, result = CASES[row.id]
    _, record = await case.run(lab, tools=[TOOLS])
    row.check(record)
    calls = record.step("desk").tool_calls
    assert all(result in call.result for call in calls)
    if row.id not in ("F309", "F317"):
        assert [call.is_error for call in calls] == [True]
        assert record.output == "Done."


@proves("F314")
async def test_the_model_repeats_what_is_too_much(lab: Lab, row: Row) -> None:
    rules = wants("add", repeat=130, arguments={"a": "$n"})
    async with lab.working(script=script(*rules), tools=[TOOLS]):
        run = await lab.start(desk(python("add")))
        record = await ended_alike(run)
    row.check(record)
    calls = record.step("desk").tool_calls
    assert len(calls) == 130
    assert [call.result for call in calls if call.is_error] == [
        "Not done: at most 128 tools are called in one turn. Call it again."
    ] * 2
    assert sum("#tool-" in id for id in await called(run)) == 128


@pytest.mark.slow
@proves("F302")
async def test_a_tool_that_is_not_there_is_tried_four_times(lab: Lab, row: Row) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    case = Case(desk(hook(gone, effect="idempotent")), wants("pay"), ONE | {"desk#tool-1.1": 4}, DONE)
    _, record = await case.run(lab)
    row.check(record)
    [call] = record.step("desk").tool_calls
    assert (call.is_error, call.attempts) == (True, 4)


@proves("F305")
async def test_what_was_never_sent_needs_nobody(lab: Lab, row: Row) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    case = Case(desk(hook(gone, effect="unsafe")), wants("pay"), ONE | {"desk#tool-1.1": 1}, DONE)
    _, record = await case.run(lab)
    row.check(record)
    assert (record.decisions, record.step("desk").tool_calls[0].is_error) == ([], True)


@proves("F304")
async def test_an_unknown_outcome_waits_for_a_person(lab: Lab, row: Row) -> None:
    with Sink(delay=5) as sink:
        async with lab.working(script=script(*wants("pay"))):
            run = await lab.start(desk(hook(sink.url, effect="unsafe")))
            await asks(run, "tool-outcome")
            waiting = await run.record()
            assert await run.asked() == waiting
            row.check(waiting)
            assert len(sink.asked) == 1
            sink.delay = 0
            again = Decision(id=waiting.awaiting[0].id, decision="retry", by="ada")
            await decide(lab.connection, run.id, again)
            record = await ended_alike(run)
    assert record.phase == "Succeeded"
    first, second = sink.asked
    assert first.key == second.key


async def decided(lab: Lab, plan: Any, kind: str, verdict: Verdict, rules: Any) -> Any:
    """A run about whose tool call a person decides: how it ended."""
    async with lab.working(script=script(*rules), tools=[TOOLS]):
        run = await lab.start(plan)
        waits = await asks(run, kind)
        said = Decision(id=waits.id, decision=verdict, by="ada", comment="not today")
        await decide(lab.connection, run.id, said)
        return run, await ended_alike(run)


@proves("F306")
async def test_a_rejected_unknown_outcome_fails_the_step(lab: Lab, row: Row) -> None:
    with Sink(delay=5) as sink:
        plan = desk(hook(sink.url, effect="unsafe"))
        run, record = await decided(lab, plan, "tool-outcome", "reject", wants("pay"))
        assert len(sink.asked) == 1
    row.check(record)
    assert [one.comment for one in record.decisions] == ["not today"]
    assert await called(run) == {"desk": 1, "desk#tool-1.1": 1}


@proves("F311")
async def test_a_rejected_call_is_the_models_to_know(lab: Lab, row: Row) -> None:
    with Sink() as sink:
        plan = desk(hook(sink.url, effect="unsafe", gate=GatePlan()))
        run, record = await decided(lab, plan, "tool", "reject", wants("pay"))
        assert sink.asked == []
    row.check(record)
    [call] = record.step("desk").tool_calls
    assert call.is_error
    assert all(part in call.result for part in ("Not called", "ada", "not today"))
    assert await called(run) == ONE


@proves("F310", how="progress")
def test_the_agents_own_time_is_bounded(row: Row) -> None:
    """A server adds nothing but the time."""
    worker = AgentPlan(role="worker", agent="w", model="m", timeout_seconds=60, tools=(hook("http://x"),))
    run = DrivenRun(driven_plan(driven_step("desk"), agent=worker))
    run.wants("desk", ("pay", {}))
    run.now += timedelta(seconds=61)
    assert run.brings("desk#tool-1.1") == []
    row.check(run.record)


@proves("F401", "F402")
async def test_an_agent_works_without_its_memory(lab: Lab, row: Row) -> None:
    """Nobody listens where its Redis is said to be."""
    memory = MemoryPlan(name="notes", backend="redis", secret="memory")
    rules = wants("search_memory", arguments={"query": "vault"})
    gone = {"memory": {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}}
    async with lab.working(script=script(*rules), secrets=gone):
        run = await lab.start(desk(memory=memory))
        record = await ended_alike(run)
    row.check(record)
    made = await called(run)
    assert (made["desk"], made["desk#turn-2"], made["desk#tool-1.1"]) == (1, 1, 1)
    read, written = record.step("desk").warnings
    assert read.startswith('Memory "notes": nothing is recalled.')
    assert written.startswith('Memory "notes": the result is not kept.')
    [search] = record.step("desk").tool_calls
    assert (search.is_error, "cannot be reached" in search.result) == (True, True)
