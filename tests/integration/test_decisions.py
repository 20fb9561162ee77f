"""What runs wait for people to decide, and what becomes of the decision."""

import asyncio
import json

import pytest

from ark_temporal.plan.model import Plan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import Awaiting, Decision, Verdict
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.tools import ToolPlan, WebhookPlan
from ark_temporal.runs.connection import ConnectionFailedError
from ark_temporal.runs.decide import DecisionRefusedError, decide
from ark_temporal.runs.end import cancel_run, terminate_run
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.inbox import RunsBelow, list_awaiting
from ark_temporal.runs.names import PIPELINE
from ark_temporal.runs.questions import Question
from tests.integration.agents.scripts import agent_plan, calling
from tests.integration.agents.sink import Sink
from tests.integration.lab import Lab, Run
from tests.integration.plans import NAMESPACE, chain, plan, step
from tests.integration.test_public_names import temporal

PAY = calling({"name": "pay", "arguments": {"sum": 9}})


def paying(sink: Sink) -> ToolPlan:
    """A tool that changes something, and that is not waited for as long as it takes."""
    return ToolPlan(
        name="pay", effect="unsafe", webhook=WebhookPlan(url=f"{sink.url}/pay"), timeout_seconds=1
    )


def decision(awaiting: Awaiting, verdict: Verdict, **more: str) -> Decision:
    return Decision.model_validate({"id": awaiting.id, "decision": verdict, "by": "ada", **more})


async def asks(run: Run) -> Awaiting:
    """Wait until a run waits for a person."""
    async with asyncio.timeout(20):
        while not (awaiting := (await run.record()).awaiting):
            await asyncio.sleep(0.05)
    return awaiting[0]


async def waiting(lab: Lab, *ids: str) -> set[str]:
    """Which of these runs are listed as waiting, once the index has had time to know."""
    found: set[str] = set()
    async with asyncio.timeout(30):
        while not found >= set(ids):
            found = {each.run async for each in list_awaiting(lab.connection)}
            await asyncio.sleep(0.1)
    return found


async def test_a_retry_calls_again_with_the_same_key_and_counts_once(lab: Lab) -> None:
    with Sink(delay=2) as sink:
        async with lab.working(script=PAY):
            run = await lab.start(agent_plan(paying(sink)))
            asked = await asks(run)
            sink.delay = 0
            await decide(lab.connection, run.id, decision(asked, "retry"))
            await decide(lab.connection, run.id, decision(asked, "retry"))
            record = await run.ended()
            await decide(lab.connection, run.id, decision(asked, "retry"))
            with pytest.raises(DecisionRefusedError, match="has ended already: Succeeded"):
                await decide(lab.connection, run.id, decision(asked, "reject"))
    assert (record.phase, record.output) == ("Succeeded", "All done.")
    assert record.step("desk").warnings == [f"Tool call {asked.id}: retry was decided by ada."]
    [first, second] = sink.asked
    assert first.key == second.key


async def test_what_waits_is_listed_whoever_started_it(lab: Lab) -> None:
    with Sink(delay=2) as sink:
        paid = agent_plan(paying(sink))
        async with lab.working(script=PAY):
            run, foreign = await lab.start(paid), lab.run(f"foreign-{lab.queue}")
            client = lab.connection.client
            await client.start_workflow(
                PIPELINE, PipelineInput(plan=paid), id=foreign.id, task_queue=lab.queue
            )
            calm = await lab.start(chain("a", case=None))
            asked = [await asks(run), await asks(foreign)]
            assert calm.id not in await waiting(lab, run.id, foreign.id)
            [question] = [each async for each in list_awaiting(lab.connection) if each.run == run.id]
            assert question.awaiting == asked[0]
            assert question.tool_call is not None
            assert (question.tool_call.tool, question.tool_call.arguments) == ("pay", '{"sum": 9}')
            for each, about in zip((run, foreign), asked, strict=True):
                await decide(lab.connection, each.id, decision(about, "answer", text="paid by hand"))
                record = await each.ended()
                [call] = record.step("desk").tool_calls
                assert (record.phase, call.result, call.is_error) == ("Succeeded", "paid by hand", False)
            left = {each.run async for each in list_awaiting(lab.connection)}
            assert not left & {run.id, foreign.id}


async def test_the_plain_command_decides(lab: Lab) -> None:
    with Sink(delay=2) as sink:
        async with lab.working(script=PAY):
            run = await lab.start(agent_plan(paying(sink)))
            asked = await asks(run)
            words = ("workflow", "update", "execute", "--workflow-id", run.id, "--name", "decide", "--input")
            with pytest.raises(AssertionError, match=r"Input should be 'retry', 'answer', 'reject'"):
                await asyncio.to_thread(temporal, lab, *words, json.dumps({"id": asked.id, "decision": "go"}))
            said = json.dumps({"id": asked.id, "decision": "reject", "by": "ops", "comment": "paid twice"})
            await asyncio.to_thread(temporal, lab, *words, said)
            record = await run.ended()
    assert record.error is not None
    assert (record.phase, record.reason, record.error.type) == ("Failed", "StepFailed", "ToolOutcomeUnknown")
    assert record.step("desk").warnings == [f"Tool call {asked.id}: reject was decided by ops: paid twice"]


GATE = GatePlan(message="Go on?")
GATED = plan(step("desk", gates=(GATE,)), case=None, team="below")
ABOVE = Plan(team="above", namespace=NAMESPACE, teams={"desk": GATED}, steps=(step("desk", gates=(GATE,)),))


async def asked_below(below: RunsBelow) -> Question:
    """Wait until a run below waits for a person; and once it is listed so, it stays so."""
    async with asyncio.timeout(20):
        while not (found := await below.look()):
            await asyncio.sleep(0.1)
    assert await below.look() == found
    [question] = found
    return question


async def test_what_runs_below_wait_for_is_found_from_the_top(lab: Lab) -> None:
    async with lab.working():
        run, other = await lab.start(ABOVE), await lab.start(GATED)
        below = RunsBelow(lab.connection, run.id)
        asked = await asks(run)
        assert await below.look() == []
        await decide(lab.connection, run.id, decision(asked, "approve", digest=asked.digest))
        question = await asked_below(below)
        assert (question.run, question.team) == (f"{run.id}-desk-1", "below")
        assert await waiting(lab, question.run, other.id) >= {question.run, other.id}
        [own] = [each async for each in list_awaiting(lab.connection, team="below") if each.run == other.id]
        answers = await asyncio.gather(
            *(
                decide(
                    lab.connection,
                    question.run,
                    decision(question.awaiting, "approve", digest=question.awaiting.digest, by=name),
                )
                for name in ("ann", "bob", "cem")
            )
        )
        assert sum("was already approved by " in each.message for each in answers) == 2
        assert (await run.ended()).phase == "Succeeded"
        assert await below.look() == []
        [record] = await below.records()
        assert [each.decision for each in record.decisions] == ["approve"]
        late = decision(question.awaiting, "reject", digest=question.awaiting.digest)
        with pytest.raises(DecisionRefusedError, match="has ended already: Succeeded"):
            await decide(lab.connection, question.run, late)
        again = decision(question.awaiting, "approve", digest=question.awaiting.digest[:8], by="dan")
        assert "was already approved by " in (await decide(lab.connection, question.run, again)).message
        stale = decision(own.awaiting, "approve", digest="0" * 64)
        with pytest.raises(DecisionRefusedError, match="Look at it again"):
            await decide(lab.connection, other.id, stale)
    await other.handle.terminate()


async def test_a_decision_that_cannot_be_taken_says_why(lab: Lab) -> None:
    with Sink(delay=2) as sink:
        async with lab.working(script=PAY):
            run = await lab.start(agent_plan(paying(sink)))
            asked = await asks(run)
            about_another = decision(asked.model_copy(update={"id": "desk#tool-7.7"}), "retry")
            with pytest.raises(DecisionRefusedError, match=f"it waits for: {asked.id}"):
                await decide(lab.connection, run.id, about_another)
            with pytest.raises(RunNotFoundError, match='no run "nobody"'):
                await decide(lab.connection, "nobody", decision(asked, "retry"))
    await run.handle.terminate()


@pytest.mark.slow
async def test_without_a_worker_a_decision_does_not_wait_for_ever(lab: Lab) -> None:
    with Sink(delay=2) as sink:
        async with lab.working(script=PAY):
            run = await lab.start(agent_plan(paying(sink)))
            asked = await asks(run)
        with pytest.raises(ConnectionFailedError, match=r"within 15 seconds|No worker"):
            await decide(lab.connection, run.id, decision(asked, "answer", text="paid"))
        async with lab.working(script=PAY):
            await decide(lab.connection, run.id, decision(asked, "answer", text="paid"))
            record = await run.ended()
    assert record.phase == "Succeeded"


async def test_ending_a_run_that_has_ended_changes_nothing(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(chain("a", case=None))
        await run.ended()
    assert not await cancel_run(lab.connection, run.id)
    assert not await terminate_run(lab.connection, run.id, "why")
    assert (await run.record()).phase == "Succeeded"
    with pytest.raises(RunNotFoundError):
        await cancel_run(lab.connection, "nobody")
    foreign = f"foreign-{lab.queue}"
    await lab.connection.client.start_workflow("Stranger", id=foreign, task_queue=lab.queue)
    with pytest.raises(RunNotFoundError, match='its type is "Stranger"'):
        await terminate_run(lab.connection, foreign, None)
    await lab.run(foreign).handle.terminate()
