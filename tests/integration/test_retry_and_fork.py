"""Runs that start where others ended: what was done is not asked for again."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from ark_temporal.plan.model import Plan
from ark_temporal.plan.record import Control
from ark_temporal.plan.shapes import MapPlan
from ark_temporal.runs.find import RunNotFoundError, list_runs
from ark_temporal.runs.pause import control_run
from ark_temporal.runs.retry import Changes, RetryRefusedError, fork_run, read_origin, retry_run
from ark_temporal.runs.seeds import Edit, SeedError
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys, plan, step

NAMES = tuple(f"part{number:02}" for number in range(1, 11))
BROKEN = Rule(match=Match(substring="the broken prompt"), reply=Reply(status=400))


def ten(prompt: str) -> Plan:
    """Ten steps in a row, of which the seventh is asked this."""
    whole = chain(*NAMES)
    steps = [
        each.model_copy(update={"inputs": (each.inputs[0].model_copy(update={"template": prompt}),)})
        if each.name == "part07"
        else each
        for each in whole.steps
    ]
    return whole.model_copy(update={"steps": tuple(steps)})


def asked(stub: StubServer) -> list[str]:
    """The steps that the model was asked for, in order: prompts begin with their step's name, but one."""
    starts = [str(request.body["messages"][-1]["content"])[:20] for request in stub.requests]
    return [next((name for name in NAMES if name in start), "part07") for start in starts]


async def failed_run(lab: Lab, made: Plan, id: str | None = None) -> Run:
    run = await lab.start(made, id=id)
    assert (await run.ended()).phase == "Failed"
    return run


@pytest.mark.slow
async def test_a_failed_run_of_ten_steps_goes_on_from_the_seventh_with_a_better_prompt(lab: Lab) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, ten("the broken prompt"))
            assert asked(stub) == list(NAMES[:7])
            stub.requests.clear()
            origin = await read_origin(lab.connection, run.id)
            changes = Changes(plan=ten("the mended prompt"), by="ada")
            resumed = await retry_run(lab.connection, origin, changes=changes)
            retry = lab.run(resumed.run.id)
            record = await retry.ended()
            live = await retry.asked()
    assert (resumed.run.id, resumed.kept, resumed.changed) == (f"{run.id}-retry-1", NAMES[:6], ())
    assert asked(stub) == list(NAMES[6:])
    assert (record.phase, record.submitted_by, record.reused_from) == ("Succeeded", "ada", run.id)
    assert [each.reused_from for each in record.steps] == [run.id] * 6 + [""] * 4
    assert record.token_usage.total_tokens == 4 * 17
    assert live == record
    old = await run.record()
    assert [each.output for each in record.steps[:6]] == [each.output for each in old.steps[:6]]


@pytest.mark.slow
async def test_a_retry_that_is_asked_for_twice_is_one(lab: Lab) -> None:
    rules = [BROKEN, Rule(match=Match(substring="the slow prompt"), reply=Reply(delay=2))]
    with StubServer(rules) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, ten("the broken prompt"))
            origin = await read_origin(lab.connection, run.id)
            slow = Changes(plan=ten("the slow prompt"))
            first, second = await asyncio.gather(
                *(retry_run(lab.connection, origin, changes=slow) for _ in range(2))
            )
            assert {first.run.id, second.run.id} == {f"{run.id}-retry-1"}
            assert [first.run.existed, second.run.existed].count(True) == 1
            assert (await lab.run(first.run.id).ended()).phase == "Succeeded"
            again = await retry_run(lab.connection, origin)
            assert (again.run.id, again.run.existed) == (f"{run.id}-retry-2", False)
            assert (await lab.run(again.run.id).ended()).phase == "Failed"
            third = await read_origin(lab.connection, again.run.id)
            last = await retry_run(lab.connection, third, changes=Changes(plan=ten("the mended prompt")))
            assert last.run.id == f"{run.id}-retry-3"
            record = await lab.run(last.run.id).ended()
    assert record.phase == "Succeeded"
    assert {each.reused_from for each in record.steps[:6]} == {run.id}


async def test_what_cannot_be_retried_is_said(lab: Lab) -> None:
    made = chain("a", "b", case=None)
    async with lab.working():
        done = await lab.start(made)
        assert (await done.ended()).phase == "Succeeded"
        origin = await read_origin(lab.connection, done.id)
        with pytest.raises(RetryRefusedError, match="name one with --from"):
            await retry_run(lab.connection, origin)
        with pytest.raises(SeedError, match=r'no step "bb"\. Did you mean "b"'):
            await retry_run(lab.connection, origin, step="bb")
        again = await retry_run(lab.connection, origin, step="b")
        record = await lab.run(again.run.id).ended()
    assert [bool(each.reused_from) for each in record.steps] == [True, False]
    open_run = await lab.start(made)
    with pytest.raises(RetryRefusedError, match="has not ended"):
        await retry_run(lab.connection, await read_origin(lab.connection, open_run.id))
    await open_run.handle.terminate()
    with pytest.raises(RunNotFoundError):
        await read_origin(lab.connection, "nowhere")


@pytest.mark.slow
async def test_a_terminated_run_keeps_what_it_had_done(lab: Lab) -> None:
    hangs = Rule(match=Match(substring="c, please", nth=1), reply=Reply(behaviour="hang"))
    with StubServer([hangs]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("a", "b", "c"), {"topic": "tea"})
            await run.until_running("c")
            await run.handle.terminate(reason="enough")
            origin = await read_origin(lab.connection, run.id)
            resumed = await retry_run(lab.connection, origin, changes=Changes(input={"more": 1}))
            record = await lab.run(resumed.run.id).ended()
    assert resumed.kept == ("a", "b")
    assert (record.phase, record.input) == ("Succeeded", {"topic": "tea", "more": 1})


async def test_a_fork_goes_on_with_another_result(lab: Lab) -> None:
    with StubServer() as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("a", "b", "c"))
            before = await run.ended()
            stub.requests.clear()
            origin = await read_origin(lab.connection, run.id)
            edits = [Edit("b", "output", "ANOTHER RESULT")]
            forked = await fork_run(lab.connection, origin, step="c", edits=edits)
            with pytest.raises(SeedError, match="the step is done again"):
                await fork_run(lab.connection, origin, step="b", edits=edits)
            record = await lab.run(forked.run.id).ended()
    assert forked.run.id.startswith(f"{run.id}-fork-")
    [request] = stub.requests
    assert "ANOTHER RESULT" in json.dumps(request.body)
    assert [each.output for each in record.steps[:2]] == [before.step("a").output, "ANOTHER RESULT"]
    assert "edited" in record.step("b").warnings[0]
    assert (await run.record()) == before


def mapped(items: Sequence[str]) -> Plan:
    over = json.dumps(list(items))
    return plan(
        step("each", "work on {{ .item }}", map=MapPlan(over=over, on_failure="fail", max_concurrency=1))
    )


async def test_of_a_step_in_parts_only_those_are_done_again_that_were_not(lab: Lab) -> None:
    bad = Rule(match=Match(substring="work on cherry", nth=1), reply=Reply(status=400))
    with StubServer([bad]) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, mapped(["apple", "banana", "cherry", "date"]))
            stub.requests.clear()
            resumed = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
            record = await lab.run(resumed.run.id).ended()
    assert (resumed.kept, resumed.partly) == ((), ("each",))
    assert record.phase == "Succeeded"
    told = [json.dumps(request.body) for request in stub.requests]
    assert ["cherry" in told[0], "date" in told[1], len(told)] == [True, True, 2]


async def test_a_paused_run_starts_nothing_until_it_is_let_go(lab: Lab) -> None:
    slow = Rule(match=Match(substring="a, please", nth=1), reply=Reply(delay=1))
    with StubServer([slow]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(chain("a", "b"))
            await run.until_running("a")
            assert await control_run(lab.connection, run.id, Control(by="ada")) == [run.id]
            async with asyncio.timeout(20):
                while (record := await run.record()).step("a").phase != "Succeeded":
                    await asyncio.sleep(0.1)
            assert record.paused_since is not None
            await asyncio.sleep(0.5)
            assert len(stub.requests) == 1
            assert await control_run(lab.connection, run.id, Control(action="resume")) == [run.id]
            assert (await run.ended()).phase == "Succeeded"
            assert await control_run(lab.connection, run.id, Control()) == []
    with pytest.raises(RunNotFoundError):
        await control_run(lab.connection, "nowhere", Control())


async def test_a_run_is_paused_with_those_below_it(lab: Lab) -> None:
    slow = Rule(match=Match(substring="a, please", nth=1), reply=Reply(delay=1.5))
    nested = Plan(team="lab", steps=(step("both", role="inner"),), teams={"inner": chain("a", "b")})
    with StubServer([slow]) as stub:
        async with lab.working(keys(stub.url)):
            run = await lab.start(nested)
            await asyncio.to_thread(stub.await_requests, 1)
            parts = [each.id async for each in list_runs(lab.connection, parts=True) if each.parent == run.id]
            told = await control_run(lab.connection, run.id, Control(by="ada"))
            assert (told, len(parts)) == ([run.id, *parts], 1)
            below = lab.run(parts[0])
            async with asyncio.timeout(20):
                while (await below.record()).step("a").phase != "Succeeded":
                    await asyncio.sleep(0.1)
            assert (await below.record()).paused_since is not None
            assert len(stub.requests) == 1
            assert await control_run(lab.connection, below.id, Control(action="resume")) == [below.id]
            assert (await below.ended()).phase == "Succeeded"
            assert await control_run(lab.connection, run.id, Control(action="resume")) == [run.id]
            assert (await run.ended()).phase == "Succeeded"
    roots = [each.id async for each in list_runs(lab.connection)]
    assert (run.id in roots, below.id in roots) == (True, False)
