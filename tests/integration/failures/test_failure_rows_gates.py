"""Rows about what people decide."""

from typing import Any

import pytest

from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import Decision, RunRecord, Said
from ark_temporal.plan.shapes import EnsemblePlan
from ark_temporal.runs.decide import DecisionRefusedError, decide
from ark_temporal.runs.names import APPROVE_SIGNAL
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import NUMBER, Case, asks, called, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab, Run
from tests.integration.plans import step


def gated(*, schema: Any = None, more: dict[str, Any] | None = None, **gate: Any) -> Any:
    """A step, and one after it with a gate."""
    made = step("write", after=["find"], gates=(GatePlan(**gate),), output_schema=schema, **(more or {}))
    return team(step("find"), made)


FOUND = {"find": 1}
HALF = {"find": "Succeeded", "write": "Failed"}
BOTH = {"find": "Succeeded", "write": "Succeeded"}
TIERS = (EscalationPlan(approvers=("bob",), timeout_seconds=1),)

CASES = {
    "F804": Case(gated(timeout_seconds=1), [], FOUND, HALF, told="Nobody decided in time"),
    "F805": Case(gated(timeout_seconds=1, on_timeout="approve"), [], {"find": 1, "write": 1}, BOTH),
    "F806": Case(gated(timeout_seconds=1, on_timeout="fail"), [], FOUND, HALF, told="Nobody decided"),
    "F807": Case(
        gated(approvers=("ann",), timeout_seconds=1, on_timeout="escalate", escalation=TIERS, at_last="fail"),
        [],
        FOUND,
        HALF,
        told="Nobody decided",
    ),
    "F808": Case(
        gated(timeout_seconds=1, on_timeout="approve", asks=True), [], {"find": 1, "write": 1}, BOTH
    ),
    "F815": Case(gated(condition="{{ fail 1 }}"), [], FOUND, HALF, told="approval.if"),
}


@proves(*CASES)
async def test_time_decides_or_a_gate_is_broken(lab: Lab, row: Row) -> None:
    _, record = await CASES[row.id].run(lab)
    row.check(record)
    assert [one.by for one in record.decisions] == ([] if row.id == "F815" else [""])
    assert record.step("write").answer is None


async def test_a_message_that_does_not_render_opens_no_gate(lab: Lab) -> None:
    _, record = await Case(gated(message="{{ fail 1 }}"), [], FOUND, HALF, told="approval.message").run(lab)
    assert record.error is not None
    assert record.error.type == "TemplateError"


async def waiting(lab: Lab, plan: Any, by: str = "") -> tuple[Run, RunRecord]:
    """A run that waits at its gate."""
    run = await lab.start(plan)
    await asks(run)
    record = await run.record()
    assert await run.asked() == record
    return run, record


@proves("F801")
async def test_a_gate_without_time_waits(lab: Lab, row: Row) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated())
        await run.handle.terminate()
    row.check(record)
    assert phases(record) == {"find": "Succeeded", "write": "Running"}
    assert await called(run) == FOUND


REJECTED = {
    "F802": (gated(), FOUND),
    "F803": (gated(when="after"), {"find": 1, "write": 1}),
}
STUBBORN = {
    "park": {"on_failure": "park"},
    "fallback": {"fallback": ("find",)},
    "ensemble": {"ensemble": EnsemblePlan(roles=("find", "write"))},
}


@proves(*REJECTED)
async def test_a_person_rejects(lab: Lab, row: Row) -> None:
    plan, asked = REJECTED[row.id]
    async with lab.working():
        run, record = await waiting(lab, plan)
        await decide(lab.connection, run.id, Decision(id=record.awaiting[0].id, decision="reject", by="ada"))
        record = await ended_alike(run)
    row.check(record)
    assert (phases(record), await called(run)) == (HALF, asked)
    assert [(one.decision, one.by) for one in record.decisions] == [("reject", "ada")]
    assert bool(record.step("write").output) == (row.id == "F803")


@pytest.mark.parametrize("shape", STUBBORN)
@proves("F809")
async def test_nobody_is_asked_once_more_after_a_rejection(lab: Lab, row: Row, shape: str) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated(more=STUBBORN[shape]))
        await decide(lab.connection, run.id, Decision(id=record.awaiting[0].id, decision="reject", by="ada"))
        record = await ended_alike(run)
    row.check(record)
    assert (phases(record), await called(run)) == (HALF, FOUND)


def approval(record: RunRecord, **said: Any) -> Decision:
    waits = record.awaiting[0]
    given: dict[str, Any] = {"id": waits.id, "decision": "approve", "digest": waits.digest}
    return Decision(**(given | said))


REFUSED: dict[str, list[tuple[Any, dict[str, Any], str]]] = {
    "F810": [(gated(), {"digest": "0" * 12}, "it was changed since")],
    "F811": [
        (gated(approvers=("ann",)), {"by": "eve"}, "eve may not decide"),
        (gated(approvers=("ann",)), {}, "wants to know who decides"),
        (gated(four_eyes=True), {"by": "ann"}, "the run does not say who that was"),
    ],
    "F812": [
        (
            gated(when="after", schema=NUMBER),
            {"decision": "edit", "text": "many"},
            "does not match the schema",
        )
    ],
}


@proves(*REFUSED)
async def test_a_decision_that_is_refused_changes_nothing(lab: Lab, row: Row) -> None:
    for plan, said, why in REFUSED[row.id]:
        async with lab.working():
            run, before = await waiting(lab, plan)
            with pytest.raises(DecisionRefusedError, match=why):
                await decide(lab.connection, run.id, approval(before, **said))
            after = await run.record()
            assert after == before == await run.asked()
            await run.handle.terminate()
        [waits] = after.awaiting
        assert [after.phase, waits.kind] == row.words


async def test_one_person_is_no_quorum(lab: Lab) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated(quorum=2))
        first = await decide(lab.connection, run.id, approval(record, by="ann"))
        assert (first.closed, "1 of 2 approvals" in first.message) == (False, True)
        with pytest.raises(DecisionRefusedError, match="another person's approval is needed"):
            await decide(lab.connection, run.id, approval(record, by="ann", comment="again"))
        await decide(lab.connection, run.id, approval(record, by="bob"))
        assert (await ended_alike(run)).phase == "Succeeded"


async def test_an_approval_of_what_was_edited_since_is_refused(lab: Lab) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated(quorum=2))
        edit = approval(record, decision="edit", text="task: write less", by="ann")
        await decide(lab.connection, run.id, edit)
        with pytest.raises(DecisionRefusedError, match="it was changed since"):
            await decide(lab.connection, run.id, approval(record, by="bob"))
        await decide(lab.connection, run.id, approval(await run.record(), by="bob"))
        record = await ended_alike(run)
    assert (record.phase, record.step("write").prompt) == ("Succeeded", "task: write less")


@proves("F813")
async def test_what_is_decided_twice_is_done_once(lab: Lab, row: Row) -> None:
    async with lab.working(script=script({"role": "write", "delaySeconds": 1})):
        run, record = await waiting(lab, gated())
        await decide(lab.connection, run.id, approval(record, by="ann"))
        told = await decide(lab.connection, run.id, approval(record, by="bob"))
        assert "already approved by ann" in told.message
        with pytest.raises(DecisionRefusedError, match="already approved by ann"):
            await decide(lab.connection, run.id, approval(record, decision="reject", by="bob"))
        record = await ended_alike(run)
    row.check(record)
    assert await called(run) == {"find": 1, "write": 1}
    assert [(one.decision, one.by) for one in record.decisions] == [("approve", "ann")]


@proves("F816")
async def test_a_decision_that_comes_too_late_is_refused(lab: Lab, row: Row) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated(timeout_seconds=1, on_timeout="approve"))
        ended = await ended_alike(run)
        with pytest.raises(DecisionRefusedError, match="has ended already: Succeeded"):
            await decide(lab.connection, run.id, approval(record, decision="reject"))
    assert await run.record() == ended
    assert (row.code, row.words) == (1, [])


@proves("F814")
async def test_a_signal_that_cannot_be_taken_is_kept(lab: Lab, row: Row) -> None:
    async with lab.working():
        run, record = await waiting(lab, gated(approvers=("ann",)))
        waits = record.awaiting[0]
        await run.handle.signal(APPROVE_SIGNAL, Said(id=waits.id, digest=waits.digest, by="eve"))
        record = await run.asked()
        assert await run.record() == record
        await run.handle.terminate()
    row.check(record)
    [refused] = record.refused
    assert "eve may not decide" in refused
    assert await called(run) == FOUND
