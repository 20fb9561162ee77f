"""Rows about steps of a pipeline: conditions, templates, loops, failures, and steps that wait parked."""

from ark_temporal.plan.model import LoopPlan
from ark_temporal.plan.record import Decision, RunRecord, Verdict
from ark_temporal.runs.decide import decide
from ark_temporal.runs.retry import Changes, read_origin, retry_run
from tests.integration.agents.crew import ended_alike
from tests.integration.failures.cases import Case, asks, called, failing, phases, script, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab, Run
from tests.integration.plans import step

BROKEN = "{{ fail 1 }}"

CASES = {
    "F501": Case(
        team(
            step("find", condition='{{ eq .input.find "yes" }}'),
            step("write", 'about "{{ .steps.find.output }}"', after=["find"]),
        ),
        called={"write": 1},
        phases={"find": "Skipped", "write": "Succeeded"},
        given={"find": "no"},
    ),
    "F502": Case(
        team(step("find"), step("write", BROKEN, after=["find"])),
        called={"find": 1},
        phases={"find": "Succeeded", "write": "Failed"},
        told='The template in `inputs` of step "write" does not render',
    ),
    "F503": Case(
        team(step("find"), step("write", condition=BROKEN, after=["find"])),
        called={"find": 1},
        phases={"find": "Succeeded", "write": "Failed"},
        told='The template in `if` of step "write" does not render',
    ),
    "F504": Case(
        team(
            step("find", loop=LoopPlan(condition="{{ true }}", max_iterations=2)),
            step("write", after=["find"]),
        ),
        [{"role": "find", "call": 2, "reply": "the third"}],
        called={"find": 1, "find#2": 1, "find#3": 1, "write": 1},
        phases={"find": "Succeeded", "write": "Succeeded"},
    ),
    "F510": Case(
        team(step("find"), output=BROKEN),
        called={"find": 1},
        phases={"find": "Succeeded"},
        told='The output template of team "lab" does not render',
    ),
}


@proves(*CASES)
async def test_a_step_that_goes_wrong(lab: Lab, row: Row) -> None:
    _, record = await CASES[row.id].run(lab)
    row.check(record)


async def test_a_broken_loop_condition_fails_the_step(lab: Lab) -> None:
    loop = team(step("find", loop=LoopPlan(condition=BROKEN)))
    _, record = await Case(loop, called={"find": 1}, phases={"find": "Failed"}, told="loop.condition").run(
        lab
    )
    assert record.error is not None
    assert record.error.type == "TemplateError"


async def test_what_a_loop_leaves_is_its_last_answer(lab: Lab) -> None:
    _, record = await CASES["F504"].run(lab)
    assert (record.step("find").output, record.step("find").iterations) == ("the third", 3)


async def test_a_better_output_template_costs_no_model_call(lab: Lab) -> None:
    run, before = await CASES["F510"].run(lab)
    mended = team(step("find"), output="{{ .steps.find.output }}")
    async with lab.working():
        again = await retry_run(
            lab.connection, await read_origin(lab.connection, run.id), changes=Changes(plan=mended)
        )
        record = await ended_alike(lab.run(again.run.id))
    assert (record.phase, record.output) == ("Succeeded", before.step("find").output)
    assert await called(lab.run(again.run.id)) == {}


@proves("F505")
async def test_a_failure_ends_what_runs(lab: Lab, row: Row) -> None:
    plan = team(step("find"), step("bad", after=["find"]), step("slow"), step("never", after=["bad"]))
    rules = [{**failing("bad"), "times": 1}, {"role": "slow", "times": 1, "delaySeconds": 20}]
    async with lab.working(script=script(*rules)):
        run = await lab.start(plan)
        record = await ended_alike(run)
        row.check(record)
        assert phases(record) == {
            "find": "Succeeded",
            "bad": "Failed",
            "slow": "Cancelled",
            "never": "Pending",
        }
        again = await retry_run(lab.connection, await read_origin(lab.connection, run.id))
        retried = lab.run(again.run.id)
        assert (await ended_alike(retried)).phase == "Succeeded"
        assert await called(retried) == {"bad": 1, "slow": 1, "never": 1}


PARKED = team(
    step("find"), step("bad", on_failure="park"), step("write", after=["bad"]), step("also", after=["find"])
)
BAD = {**failing("bad"), "times": 1}


async def parked(lab: Lab) -> tuple[Run, RunRecord]:
    """A run whose step has failed and waits, once the others are done."""
    run = await lab.start(PARKED)
    await asks(run, "failed-step")
    while phases(record := await run.record())["also"] != "Succeeded":
        assert not record.ended
    assert await run.asked() == record
    return run, record


@proves("F506")
async def test_a_parked_step_waits_and_the_others_go_on(lab: Lab, row: Row) -> None:
    async with lab.working(script=script(BAD)):
        run, record = await parked(lab)
        await run.handle.terminate()
    row.check(record)
    assert phases(record) == {
        "find": "Succeeded",
        "bad": "Running",
        "write": "Pending",
        "also": "Succeeded",
    }
    [waits] = record.awaiting
    assert waits.decisions == ("retry", "answer", "reject")
    assert await called(run) == {"find": 1, "bad": 1, "also": 1}


AFTER: dict[str, tuple[Verdict, dict[str, int], str]] = {
    "F507": ("retry", {"bad~2": 1, "write": 1}, "Succeeded"),
    "F508": ("reject", {}, "Failed"),
    "F509": ("answer", {"write": 1}, "Succeeded"),
}


@proves(*AFTER)
async def test_what_people_decide_about_a_parked_step(lab: Lab, row: Row) -> None:
    verdict, more, phase = AFTER[row.id]
    text = "By hand." if verdict == "answer" else ""
    async with lab.working(script=script(BAD)):
        run, before = await parked(lab)
        decision = Decision(id=before.awaiting[0].id, decision=verdict, text=text, by="ada")
        await decide(lab.connection, run.id, decision)
        record = await ended_alike(run)
    row.check(record)
    assert await called(run) == {"find": 1, "bad": 1, "also": 1, **more}
    if verdict == "reject":
        assert record.error == before.step("bad").error
    assert (record.step("bad").phase, record.step("also").phase) == (phase, "Succeeded")
    assert [(one.decision, one.by) for one in record.decisions] == [(verdict, "ada")]
    if verdict == "answer":
        assert record.step("bad").output == "By hand."
