"""What holds for every plan in every world."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from ark_temporal.plan.calls import CallFailure, ModelCall, ModelOutcome
from ark_temporal.plan.judging import SCHEMA_REPAIRS
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.progress import Progress
from ark_temporal.plan.record import RunRecord, TokenUsage
from ark_temporal.plan.start import PipelineInput
from tests.unit.plan.driving import START
from tests.unit.plan.worlds import Turn, plans, reply, worlds

Stop = tuple[Literal["cancel", "expire"], int] | None
stops = st.none() | st.tuples(st.sampled_from(["cancel", "expire"]), st.integers(0, 6))
CALM = Turn(pick=0, kinds=("good",), number=0, words="VALID", tokens=1)


class Observed:
    """A run that is watched while a world answers it: what must hold at every moment is checked then."""

    def __init__(self, plan: Plan, world: Sequence[Turn], stop: Stop = None) -> None:
        self.plan = plan
        self.now = START
        start = PipelineInput(plan=plan, input={"topic": "tides", "flag": False})
        self.progress = Progress.begin(start, run_id="desk-run-1", now=self.now)
        self.calls: list[ModelCall] = []
        self.succeeded: set[str] = set()
        self.spent_at_hand_out: list[int] = []
        self._world = world
        self._stop = stop

    @property
    def record(self) -> RunRecord:
        return self.progress.record

    def run(self) -> "Observed":
        self._advance()
        turn = 0
        while not self.record.ended:
            if self._stop is not None and turn == self._stop[1]:
                self._end_early(self._stop[0])
                break
            # Past its turns the world stays as the last one was, so that loops and repairs meet their bounds.
            self._answer(self._world[min(turn, len(self._world) - 1)])
            turn += 1
            assert turn <= bound(self.plan), "the run goes on past the bound of its calls"
        self._after_the_end()
        return self

    def _advance(self) -> None:
        open_steps = {call.step for call in self.calls if call.id in self.progress.open_calls}
        known = {call.id for call in self.calls}
        due = [call for call in self.progress.advance(self.now) if isinstance(call, ModelCall)]
        for call in due:
            assert call.id not in known, "a call's id came twice"
            assert call.step not in open_steps, "a step has two calls in flight"
            assert call.step not in self.succeeded, "a step that had succeeded runs again"
            for name in self.plan.step(call.step).depends_on:
                assert self.record.step(name).phase in ("Succeeded", "Skipped")
            known.add(call.id)
            open_steps.add(call.step)
            self.spent_at_hand_out.append(self.record.token_usage.total_tokens)
        self.calls += due
        assert self.record.ended or self.progress.open_calls == self._under_way()
        self.succeeded |= {step.name for step in self.record.steps if step.phase == "Succeeded"}

    def _under_way(self) -> set[str]:
        """Ids of the calls that the record shows as not done."""
        calls = [call for step in self.record.steps for call in step.calls]
        return {call.id for call in calls if call.completion_time is None}

    def _answer(self, turn: Turn) -> None:
        open_calls = [call for call in self.calls if call.id in self.progress.open_calls]
        assert open_calls, "a run that has not ended waits for nothing"
        start = turn.pick % len(open_calls)
        picked = open_calls[start:] + open_calls[:start]
        results: list[tuple[str, ModelOutcome | CallFailure]] = [
            (call.id, reply(call, turn, kind)) for call, kind in zip(picked, turn.kinds, strict=False)
        ]
        self.now += timedelta(seconds=1)
        self.progress.take_in(results, self.now)
        self._advance()

    def _end_early(self, how: Literal["cancel", "expire"]) -> None:
        if how == "cancel":
            self.progress.cancel(self.now)
        else:
            self.progress.wake(self.now + timedelta(days=1))
        assert self.record.ended

    def _after_the_end(self) -> None:
        """Whatever still arrives changes nothing."""
        before = self.record.model_dump_json()
        late = [(call.id, reply(call, CALM, "good")) for call in self.calls]
        self.progress.take_in(late, self.now + timedelta(hours=1))
        self.progress.wake(self.now + timedelta(days=1))
        self.progress.cancel(self.now + timedelta(hours=1))
        assert self.progress.advance(self.now) == []
        assert self.progress.open_calls == frozenset()
        assert self.record.model_dump_json() == before


def bound(plan: Plan) -> int:
    """The most calls that a plan can ever make."""
    return sum(_bound_of_step(step) for step in plan.steps)


def _bound_of_step(step: StepPlan) -> int:
    rounds = 1 + (step.loop.max_iterations if step.loop else 0)
    validation = step.validation
    retries = validation.max_retries if validation and validation.on_failure == "retry" else 0
    if step.output_schema is not None:
        retries = max(retries, SCHEMA_REPAIRS)
    judged = 2 if validation and validation.semantic else 1
    return rounds * (1 + retries) * judged


def total(usages: Sequence[TokenUsage]) -> list[int]:
    return [
        sum(values)
        for values in zip(
            *((usage.input_tokens, usage.output_tokens, usage.total_tokens) for usage in usages), strict=True
        )
    ] or [0, 0, 0]


@settings(max_examples=200, deadline=None)
@given(plans(), worlds, stops)
def test_a_run_ends_within_its_bound_and_its_record_is_sound(
    plan: Plan, world: list[Turn], stop: Stop
) -> None:
    observed = Observed(plan, world, stop).run()
    record = observed.record
    for step in plan.steps:
        assert len(record.step(step.name).calls) <= _bound_of_step(step)
    _check_phases(record)
    _check_usage(record)
    _check_times(record)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record


def _check_phases(record: RunRecord) -> None:
    phases = {step.phase for step in record.steps}
    failed = [step for step in record.steps if step.error is not None]
    assert [step for step in record.steps if step.phase == "Failed"] == failed
    assert "Running" not in phases
    if record.phase == "Succeeded":
        assert phases <= {"Succeeded", "Skipped"}
        assert record.error is None
        assert record.reason == ""
        return
    assert record.error is not None
    if record.reason == "StepFailed":
        assert [step.error for step in failed] == [record.error]
        assert record.error.step == failed[0].name
    else:
        assert not failed
        assert record.reason in ("Cancelled", "TimedOut", "BudgetExceeded")


def _check_usage(record: RunRecord) -> None:
    calls = [call for step in record.steps for call in step.calls]
    run = total([record.token_usage])
    assert run == total([step.token_usage for step in record.steps])
    assert run == total([call.token_usage for call in calls])
    assert (record.cost_usd or 0) == sum(call.cost_usd or 0 for call in calls)
    assert (record.cost_usd or 0) == sum(step.cost_usd or 0 for step in record.steps)


def _check_times(record: RunRecord) -> None:
    assert record.completion_time is not None
    for step in record.steps:
        if step.phase == "Pending":
            assert (step.start_time, step.completion_time, step.calls) == (None, None, [])
        else:
            assert step.start_time is not None
            assert step.completion_time is not None
            assert record.start_time <= step.start_time <= step.completion_time <= record.completion_time


@settings(max_examples=120, deadline=None)
@given(plans(), st.integers(5, 100), worlds)
def test_a_run_over_its_budget_ends_for_that_and_asks_nothing_more(
    unbounded: Plan, limit: int, world: list[Turn]
) -> None:
    observed = Observed(unbounded.model_copy(update={"max_tokens": limit}), world).run()
    record = observed.record
    assert all(spent <= limit for spent in observed.spent_at_hand_out)
    assert (record.reason == "BudgetExceeded") == (record.token_usage.total_tokens > limit)


@settings(max_examples=60, deadline=None)
@given(plans(), worlds, stops)
def test_the_same_answers_in_the_same_order_give_the_same_run(
    plan: Plan, world: list[Turn], stop: Stop
) -> None:
    once, again = Observed(plan, world, stop).run(), Observed(plan, world, stop).run()
    assert once.record == again.record
    assert once.calls == again.calls


@settings(max_examples=60, deadline=None)
@given(plans())
def test_a_plan_survives_json_with_its_digest(plan: Plan) -> None:
    copy = Plan.model_validate_json(plan.model_dump_json())
    assert copy == plan
    assert copy.digest() == plan.digest()
