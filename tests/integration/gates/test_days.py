"""Gates that stay open for a month, on a real Temporal whose time is skipped."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from ark_temporal.plan.people import EscalationPlan, GatePlan
from ark_temporal.plan.record import RunRecord
from tests.integration.agents.sink import Sink
from tests.integration.days import lab_of_days, skip
from tests.integration.gates.asking import HOOK, PAGER, about, asking, ended, question, refused, take, until
from tests.integration.lab import Lab, Run

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)

MONTH = GatePlan(
    message="Soup?",
    approvers=("ann",),
    timeout_seconds=10 * 86_400,
    on_timeout="escalate",
    escalation=(
        EscalationPlan(approvers=("lead",), timeout_seconds=10 * 86_400),
        EscalationPlan(approvers=("boss",), timeout_seconds=10 * 86_400),
    ),
    at_last="approve",
    reminder_seconds=7 * 86_400,
    notify=PAGER,
)
"""Thirty days: ten for each tier, and people are reminded every week."""

THROUGH_THE_MONTH = [
    "ApprovalRequested",
    "ApprovalReminder",  # day 7
    "ApprovalEscalated",
    "ApprovalReminder",  # day 14
    "ApprovalEscalated",
    "ApprovalReminder",  # day 21
    "ApprovalReminder",  # day 28
]


@pytest.fixture
async def days(home: Path) -> AsyncGenerator[Lab]:
    async with lab_of_days(home) as lab:
        yield lab


def told(sink: Sink) -> list[str]:
    return [asked.json["event"] for asked in sink.asked]


async def tier(run: Run, number: int) -> RunRecord:
    """The record, once that tier may decide."""
    return await until(run, lambda record: bool(record.awaiting) and record.awaiting[0].tier == number)


async def test_a_month_of_reminders_and_tiers_ends_with_the_default(days: Lab) -> None:
    with Sink() as sink:
        secrets = {HOOK: {"url": f"{sink.url}/hook"}}
        async with days.working(secrets=secrets):
            run = await days.start(asking(MONTH))
            waited = await question(run)
            assert waited.deadline == waited.since + 10 * DAY
            assert await skip(days, run.id, 9 * DAY)
            assert (await question(run)).approvers == ("ann",)
            assert told(sink) == THROUGH_THE_MONTH[:2]

        # Nobody works while the first tier's time comes to its end.
        late = asyncio.create_task(skip(days, run.id, 5 * DAY))
        await asyncio.sleep(3)
        assert not late.done()
        async with days.working(secrets=secrets):
            assert await late
            second = (await tier(run, 1)).awaiting[0]
            assert second.approvers == ("ann", "lead")
            assert second.deadline == waited.since + 20 * DAY
            assert "these may: ann, lead" in await refused(run, about(second, "approve", "boss"))

            assert await skip(days, run.id, 10 * DAY)
            third = (await tier(run, 2)).awaiting[0]
            assert (third.approvers, third.deadline) == (("ann", "lead", "boss"), waited.since + 30 * DAY)
            assert third.digest == waited.digest

            assert not await skip(days, run.id, 7 * DAY)
            record = await ended(run)
    [decided] = record.decisions
    assert (record.phase, decided.decision, decided.by) == ("Succeeded", "approve", "")
    assert 30 * DAY <= decided.at - waited.since < 30 * DAY + timedelta(minutes=1)
    assert told(sink) == THROUGH_THE_MONTH


async def test_a_boss_decides_on_the_twenty_fifth_day(days: Lab) -> None:
    with Sink() as sink:
        async with days.working(secrets={HOOK: {"url": f"{sink.url}/hook"}}):
            run = await days.start(asking(MONTH))
            waited = await question(run)
            assert await skip(days, run.id, 25 * DAY)
            await tier(run, 2)
            await take(days, run, about(waited, "approve", "boss"))
            record = await ended(run)
    [decided] = record.decisions
    assert (record.phase, decided.decision, decided.by) == ("Succeeded", "approve", "boss")
    assert 25 * DAY <= decided.at - waited.since < 25 * DAY + timedelta(minutes=1)
