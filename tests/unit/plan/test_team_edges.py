"""Where teams meet their bounds: deadlines, names that two have, runs that continue as new."""

from datetime import timedelta
from typing import Any

from ark_temporal.plan.calls import ChildRun
from tests.unit.plan.crews import CrewRun, crew, step
from tests.unit.plan.driving import OBJECT, START


def hand(role: str) -> tuple[str, dict[str, Any]]:
    return ("delegate", {"role": role, "prompt": "Do it."})


def test_tasks_that_are_about_to_be_handed_on_stay_so_where_the_run_continues_as_new() -> None:
    run = CrewRun(crew(step("lead"), roles=["scribe"], hands={"lead": ["scribe"]}, entry="lead"))
    run.holds = True
    run.wants("lead", hand("scribe"), hand("scribe"))
    run.holds = False
    ids = run.continue_as_new()
    assert ids == ["crew-1-scribe-1", "crew-1-scribe-2"]
    assert [type(run.progress.request(id)) for id in ids] == [ChildRun, ChildRun]


def test_a_run_below_that_meets_the_common_deadline_first_lets_the_run_time_out() -> None:
    run = CrewRun(crew(step("firm"), teams={"firm": crew(step("inner"))}, timeout_seconds=5))
    run.now = START + timedelta(seconds=5)
    run.breaks("crew-1-firm-1", "TimedOut", "Its time was up.")
    assert run.record.reason == "TimedOut"


def test_what_a_role_was_handed_does_not_hide_the_step_of_its_name() -> None:
    plan = crew(
        step("scribe", output_schema=OBJECT),
        step("lead", depends_on=("scribe",)),
        step("end", "{{ .steps.scribe.data.n }}", depends_on=("lead",)),
        hands={"lead": ["scribe"]},
    )
    run = CrewRun(plan)
    run.answer("scribe", '{"n": 7}')
    run.wants("lead", hand("scribe"))
    run.returns("crew-1-scribe-1", "other")
    run.answer("lead#turn-2")
    assert run.call("end").prompt == "task: 7\n"


def test_templates_know_what_a_role_was_handed_after_the_run_continued_as_new() -> None:
    plan = crew(
        step("lead"),
        roles=["scribe"],
        hands={"lead": ["scribe"]},
        entry="lead",
        output="{{ .steps.scribe.output }}",
    )
    run = CrewRun(plan)
    run.wants("lead", hand("scribe"))
    run.holds = True
    run.returns("crew-1-scribe-1", "Old pond")
    run.holds = False
    run.continue_as_new()
    run.answer("lead#turn-2")
    assert run.record.output == "Old pond"
