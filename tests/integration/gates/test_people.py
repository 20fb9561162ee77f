"""Who decides: at the same instant, several of several, not oneself, groups; and what exactly."""

import asyncio
from io import StringIO

import pytest

from ark_temporal.manifests import load
from ark_temporal.plan.compile import compile_team, select_team
from ark_temporal.plan.gates import digest_of
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.record import DecisionTaken
from ark_temporal.runs.decide import DecisionRefusedError
from tests.integration.gates.asking import (
    AFTER,
    BEFORE,
    about,
    asking,
    asks,
    ended,
    question,
    refused,
    start_as,
    take,
)
from tests.integration.lab import Lab
from tests.integration.plans import chain

ROUNDS = 25
NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
BOARD = """
apiVersion: arkonis.dev/v1alpha1
kind: ArkTeam
metadata: {name: board}
spec:
  approverGroups: {leads: [ann, bob]}
  roles: [{name: cook, model: mock-small, systemPrompt: Cook.}]
  pipeline:
    - role: cook
      inputs: {task: Cook.}
      approval: {approvers: ["@leads", cat], quorum: 2, fourEyes: true}
"""


@pytest.mark.slow
@pytest.mark.parametrize("gate", [BEFORE, AFTER], ids=["before", "after"])
async def test_of_two_at_the_same_instant_one_decides_and_the_other_is_told_who(
    lab: Lab, gate: GatePlan
) -> None:
    async with lab.working():
        for _ in range(ROUNDS):
            run = await lab.start(asking(gate))
            waited = await question(run)
            told = await asyncio.gather(
                *(take(lab, run, about(waited, "approve", by)) for by in ("ann", "bob"))
            )
            record = await ended(run)
            [decided] = record.decisions
            other = {"ann": "bob", "bob": "ann"}[decided.by]
            by: dict[str, DecisionTaken] = dict(zip(("ann", "bob"), told, strict=True))
            assert by[decided.by].message == f'"{waited.id}" is approved.'
            assert by[other].message.startswith(f'"{waited.id}" was already approved by {decided.by} at ')
            assert [len(step.calls) for step in record.steps] == [1]


async def test_one_who_is_too_late_with_something_else_is_refused(lab: Lab) -> None:
    async with lab.working():
        for _ in range(5):
            run = await lab.start(asking(BEFORE))
            waited = await question(run)
            told = await asyncio.gather(
                take(lab, run, about(waited, "approve", "ann")),
                take(lab, run, about(waited, "reject", "bob")),
                return_exceptions=True,
            )
            record = await ended(run)
            [decided] = record.decisions
            [late] = [one for one in told if isinstance(one, BaseException)]
            assert isinstance(late, DecisionRefusedError)
            done = {"approve": "approved", "reject": "rejected"}[decided.decision]
            assert f"was already {done} by {decided.by} at" in str(late)
            assert (record.phase == "Succeeded") == (decided.decision == "approve")


async def test_two_of_three_who_speak_at_once(lab: Lab) -> None:
    people = ("ann", "bob", "cat")
    async with lab.working():
        for _ in range(5):
            run = await lab.start(asking(GatePlan(quorum=2, approvers=people)))
            waited = await question(run)
            told = await asyncio.gather(*(take(lab, run, about(waited, "approve", by)) for by in people))
            record = await ended(run)
            assert sorted(_kind(one) for one in told) == ["already", "closed", "open"]
            [decided] = record.decisions
            first, second = decided.votes
            assert (second.by, {first.by, second.by} < set(people)) == (decided.by, True)
            assert [len(step.calls) for step in record.steps] == [1]


def _kind(taken: DecisionTaken) -> str:
    if not taken.closed:
        return "open"
    return "already" if "already" in taken.message else "closed"


async def test_one_person_is_not_two(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(quorum=2)))
        waited = await question(run)
        once, again = [await take(lab, run, about(waited, "approve", "ann")) for _ in range(2)]
        assert (
            once
            == again
            == DecisionTaken(
                closed=False, message=f'"cook#approval" has 1 of 2 approvals of {waited.digest[:12]} by now.'
            )
        )
        more = about(waited, "approve", "ann", comment="really")
        assert "another person's approval is needed" in await refused(run, more)
        assert [vote.by for vote in (await question(run)).votes] == ["ann"]
        await take(lab, run, about(waited, "approve", "bob"))
        record = await ended(run)
    assert [vote.by for vote in record.decisions[0].votes] == ["ann", "bob"]


async def test_groups_quorum_and_four_eyes_of_a_manifest(lab: Lab) -> None:
    bundle = load(["-"], stdin=StringIO(BOARD))
    plan = compile_team(bundle, select_team(bundle, None), provider="mock").plan
    async with lab.working():
        run = await start_as(lab, plan, "ann")
        waited = await question(run)
        assert waited.approvers == ("ann", "bob", "cat")
        assert "ann submitted the run" in await refused(run, about(waited, "approve", "ann"))
        assert "ann submitted the run" in await refused(run, about(waited, "reject", "ann"))
        assert "these may: ann, bob, cat" in await refused(run, about(waited, "approve", "dan"))
        assert "give `by`" in await refused(run, about(waited, "approve", ""))
        await take(lab, run, about(waited, "approve", "bob"))
        await take(lab, run, about(waited, "approve", "cat"))
        record = await ended(run)
    assert (record.phase, record.submitted_by) == ("Succeeded", "ann")


async def test_four_eyes_need_to_know_who_submitted_the_run(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(four_eyes=True)))
        waited = await question(run)
        assert "the run does not say who that was" in await refused(run, about(waited, "approve"))
        await run.handle.terminate()


async def test_a_decision_about_what_is_not_there_any_more_is_refused(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(GatePlan(quorum=2), prompt="Cook soup."))
        seen = await question(run)
        await take(lab, run, about(seen, "edit", "ann", text="Cook stew."))
        stale = about(seen, "approve", "bob")
        assert f"its digest is {digest_of(seen.id, 'Cook stew.')[:12]} now" in await refused(run, stale)
        assert "does not wait" in await refused(run, stale.model_copy(update={"id": ""}))
        now = await question(run)
        assert (now.subject, now.edited, [vote.by for vote in now.votes]) == ("Cook stew.", True, ["ann"])
        await take(lab, run, about(now, "approve", "bob"))
        record = await ended(run)
    assert record.steps[0].prompt == "Cook stew."
    edited, approved = record.decisions
    assert (edited.decision, edited.by, approved.decision, approved.by) == ("edit", "ann", "approve", "bob")
    assert (approved.subject, [vote.by for vote in approved.votes]) == ("Cook stew.", ["ann", "bob"])


async def test_an_edit_that_does_not_fit_changes_nothing(lab: Lab) -> None:
    async with lab.working():
        run = await lab.start(asking(AFTER, output_schema=NUMBER))
        seen = await question(run)
        wrong = await refused(run, about(seen, "edit", value={"n": "many"}))
        assert wrong == (
            "What you give does not match the schema that it must: $.n: 'many' is not of type 'integer'."
        )
        assert "is not of type 'object'" in await refused(run, about(seen, "edit", text="stew"))
        assert "The edit is empty" in await refused(run, about(seen, "edit"))
        await take(lab, run, about(seen, "edit", value={"n": 7}))
        record = await ended(run)
    assert (record.steps[0].data, record.output) == ({"n": 7}, '{"n": 7}')


async def test_what_is_approved_of_two_steps_is_each_its_own(lab: Lab) -> None:
    plan = chain("a", "b", case=None)
    gated = [step.model_copy(update={"gates": (BEFORE,), "depends_on": ()}) for step in plan.steps]
    async with lab.working():
        run = await lab.start(plan.model_copy(update={"steps": tuple(gated)}))
        first, second = await asks(run, 2)
        crossed = about(first, "approve").model_copy(update={"digest": second.digest})
        assert "was changed since" in await refused(run, crossed)
        await take(lab, run, about(second, "approve"))
        assert (await question(run)).id == first.id
        await take(lab, run, about(first, "approve"))
        record = await ended(run)
    assert [one.step for one in record.decisions] == ["b", "a"]
