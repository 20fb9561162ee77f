"""Dead letters: what is one, and what becomes of it when it is replayed or discarded."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from ark_temporal.plan.model import Plan
from ark_temporal.runs.dead_letters import Letter, list_letters
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.replay import Mend, Replayed, discard_letters, replay_letters
from ark_temporal.runs.retry import read_origin, retry_run
from tests.e2e.command import Command
from tests.integration.lab import Lab, Run
from tests.integration.llm.stub_server import Match, Reply, Rule, StubServer
from tests.integration.plans import chain, keys
from tests.integration.test_retry_and_fork import failed_run

BROKEN = Rule(match=Match(substring="b, please"), reply=Reply(status=400))


def doing(team: str, *, parks: bool = False) -> Plan:
    """Two steps, the second of which fails while the server says so; a team of its own, for searches."""
    made = chain("a", "b", team=team)
    steps = [each.model_copy(update={"on_failure": "park" if parks else "fail"}) for each in made.steps]
    return made.model_copy(update={"steps": tuple(steps)})


@pytest.fixture
def team(lab: Lab) -> str:
    return f"team-{lab.queue}"


async def letters(
    lab: Lab, team: str, wanted: Callable[[Mapping[str, Letter]], bool]
) -> Mapping[str, Letter]:
    """A team's dead letters by run, once the index knows what is wanted."""
    found: Mapping[str, Letter] = {}
    async with asyncio.timeout(90):  # Temporal deletes in its own time
        while True:
            found = {each.run: each async for each in list_letters(lab.connection, team=team)}
            if wanted(found):
                return found
            await asyncio.sleep(0.1)


async def gone(lab: Lab, team: str) -> None:
    """Wait until a team has no dead letters."""
    await letters(lab, team, lambda found: not found)


async def outcomes(told: AsyncIterator[Replayed]) -> dict[str, Replayed]:
    return {each.run: each async for each in told}


async def parked_run(lab: Lab, team: str) -> Run:
    run = await lab.start(doing(team, parks=True))
    async with asyncio.timeout(20):
        while not (await run.record()).awaiting:
            await asyncio.sleep(0.05)
    return run


@pytest.mark.slow
async def test_a_failed_run_is_listed_until_it_is_replayed(lab: Lab, team: str) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, doing(team))
            letter = (await letters(lab, team, lambda found: run.id in found))[run.id]
            assert (letter.state, letter.step, letter.attempts) == ("failed", "b", 1)
            assert letter.error == (await run.record()).error
            stub.rules, stub.requests = (), []
            told = await outcomes(replay_letters(lab.connection, [run.id], Mend(by="ada"), at_once=2))
            assert told[run.id].model_dump(exclude={"run"}) == {
                "step": "b",
                "done": "retried",
                "new": f"{run.id}-retry-1",
                "kept": ("a",),
            }
            record = await lab.run(f"{run.id}-retry-1").ended()
            assert (record.phase, record.submitted_by, len(stub.requests)) == ("Succeeded", "ada", 1)
            await gone(lab, team)
            again = await outcomes(replay_letters(lab.connection, [run.id], Mend(), at_once=2))
            assert (again[run.id].done, again[run.id].new) == ("before", f"{run.id}-retry-1")
            told = await outcomes(discard_letters(lab.connection, [run.id], "ada", at_once=1))
            assert f"it was replayed, as {run.id}-retry-1" in told[run.id].message
    assert len(stub.requests) == 1


async def test_a_replay_that_fails_is_a_letter_in_place_of_the_first(lab: Lab, team: str) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, doing(team))
            await letters(lab, team, lambda found: run.id in found)
            await outcomes(replay_letters(lab.connection, [run.id], Mend(), at_once=1))
            first = lab.run(f"{run.id}-retry-1")
            assert (await first.ended()).phase == "Failed"
            assert set(await letters(lab, team, lambda found: first.id in found)) == {first.id}
            mend = Mend(prompt="instead of {{ .steps.a.output }}", model="another")
            told = await outcomes(replay_letters(lab.connection, [first.id], mend, at_once=1))
            record = await lab.run(told[first.id].new).ended()
            await gone(lab, team)
    assert told[first.id].new == f"{run.id}-retry-2"
    assert (record.phase, record.step("b").calls[0].model) == ("Succeeded", "another")
    assert record.step("b").prompt.startswith("task: instead of")
    assert record.step("a").output in record.step("b").prompt


async def test_a_retry_that_somebody_ended_leaves_the_letter(lab: Lab, team: str) -> None:
    hangs = Rule(match=Match(substring="b, please", nth=2), reply=Reply(behaviour="hang"))
    with StubServer([hangs, BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            run = await failed_run(lab, doing(team))
            first = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
            await lab.run(first.run.id).handle.terminate()
            await letters(lab, team, lambda found: run.id in found)
            stub.rules = ()
            told = await outcomes(replay_letters(lab.connection, [run.id], Mend(), at_once=1))
            assert (told[run.id].done, told[run.id].new) == ("retried", f"{run.id}-retry-2")
            assert (await lab.run(f"{run.id}-retry-2").ended()).phase == "Succeeded"


async def test_a_parked_step_goes_on_in_its_run(lab: Lab, team: str) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            run = await parked_run(lab, team)
            letter = (await letters(lab, team, lambda found: run.id in found))[run.id]
            assert (letter.state, letter.step) == ("parked", "b")
            assert letter.error.type == "ModelBadRequest"
            refused = await outcomes(
                replay_letters(lab.connection, [run.id], Mend(prompt="{{ .input }}"), at_once=1)
            )
            assert "it can hold no template" in refused[run.id].message
            mend = Mend(prompt="the mended prompt", by="ada")
            told = await outcomes(replay_letters(lab.connection, [run.id], mend, at_once=1))
            assert (told[run.id].done, told[run.id].new) == ("decided", run.id)
            record = await run.ended()
            await gone(lab, team)
    assert record.phase == "Succeeded"
    assert "the mended prompt" in json.dumps(stub.requests[-1].body)
    assert [(each.decision, each.by) for each in record.decisions] == [("retry", "ada")]


@pytest.mark.slow
async def test_what_is_discarded_is_gone(lab: Lab, team: str) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            parked, failed = await parked_run(lab, team), await failed_run(lab, doing(team))
            await letters(lab, team, lambda found: failed.id in found)
            await outcomes(replay_letters(lab.connection, [failed.id], Mend(), at_once=1))
            again = lab.run(f"{failed.id}-retry-1")
            await again.ended()
            await letters(lab, team, lambda found: {parked.id, again.id} == set(found))
            told = await outcomes(
                discard_letters(lab.connection, [parked.id, again.id, "nowhere"], "ada", at_once=2)
            )
            assert {run: each.done for run, each in told.items()} == {
                parked.id: "rejected",
                again.id: "deleted",
                "nowhere": "refused",
            }
            record = await parked.ended()
            assert record.phase == "Failed"
            assert [(each.decision, each.by) for each in record.decisions] == [("reject", "ada")]
            await outcomes(discard_letters(lab.connection, [parked.id], "ada", at_once=2))
            await gone(lab, team)
    for run in (failed, again):
        with pytest.raises(RunNotFoundError):
            await run.record()


async def test_what_succeeded_is_no_letter_and_is_not_deleted(lab: Lab, team: str) -> None:
    async with lab.working():
        run = await lab.start(chain("a", case=None, team=team))
        assert (await run.ended()).phase == "Succeeded"
        told = await outcomes(discard_letters(lab.connection, [run.id], "ada", at_once=1))
        assert "is no dead letter: Succeeded" in told[run.id].message
        assert (await run.record()).phase == "Succeeded"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_hundred_failed_runs_are_replayed_at_once(lab: Lab, team: str, tmp_path: Path) -> None:
    with StubServer([BROKEN]) as stub:
        async with lab.working(keys(stub.url)):
            runs = await asyncio.gather(*(lab.start(doing(team)) for _ in range(100)))
            assert {(await run.ended(90)).phase for run in runs} == {"Failed"}
            await letters(lab, team, lambda found: len(found) == 100)
            stub.rules, stub.requests = (), []
            words = ("dlq", "replay", "--query", f"ArkTeam = '{team}'", "--address", lab.connection.address)
            words += ("--storage", str(lab.directory))
            command = Command(tmp_path)
            unsure = await asyncio.to_thread(command.run, *words)
            assert (unsure.code, unsure.out) == (2, "")
            assert "100 runs: add --yes" in unsure.err
            both = await asyncio.gather(
                *(asyncio.to_thread(command.run, *words, "--yes", "-o", "json") for _ in range(2))
            )
            retries = [lab.run(f"{run.id}-retry-1") for run in runs]
            records = [await retry.ended(90) for retry in retries]
    assert [ended.code for ended in both] == [0, 0], both
    done = [each["done"] for ended in both for each in json.loads(ended.out)]
    assert done.count("retried") == 100
    assert set(done) <= {"retried", "before"}
    assert {record.phase for record in records} == {"Succeeded"}
    assert {record.step("a").reused_from for record in records} == {run.id for run in runs}
    assert len(stub.requests) == 100
