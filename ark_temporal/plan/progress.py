"""What a run does next, as a function of its plan and of what happened so far.

No clock, no I/O, no engine: the workflow carries out what is decided here, and reading a history replays it.
Both therefore arrive at the same record.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from ark_temporal.plan.asking import feedback, judge_call, task_call
from ark_temporal.plan.calls import CallFailure, Exchange, ModelCall, ModelOutcome
from ark_temporal.plan.errors import template_failed, too_large
from ark_temporal.plan.inputs import resolve_input
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.output import NoJsonError, extract_json, read_verdict
from ark_temporal.plan.prompts import TemplateView, is_truthy, render_prompt, render_result, render_text
from ark_temporal.plan.readiness import Readiness
from ark_temporal.plan.record import CallRecord, Purpose, RunError, RunPhase, RunReason, RunRecord, StepRecord
from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineInput
from ark_temporal.templates import TemplateError

SCHEMA_REPAIRS = 2
"""How often a model is asked to mend an answer that does not match its step's `outputSchema`."""

_BUDGET_USED_UP = "The run's token budget was used up."


@dataclass
class _Cursor:
    """Where a running step stands between two of its calls."""

    exchanges: list[Exchange] = field(default_factory=list[Exchange])
    retries: int = 0


class Progress:
    """A run in motion.

    Attributes:
        plan: What runs.
        record: What happened; complete after every call.
    """

    def __init__(self, plan: Plan, record: RunRecord, *, payload_limit: int = DEFAULT_PAYLOAD_LIMIT) -> None:
        self.plan = plan
        self.record = record
        self._payload_limit = payload_limit
        self._plans = {step.name: step for step in plan.steps}
        self._steps = {step.name: step for step in record.steps}
        self._view = TemplateView(record)
        self._readiness = Readiness(plan, record)
        self._open: dict[str, ModelCall] = {}
        self._due: list[ModelCall] = []
        self._cursors: dict[str, _Cursor] = {}
        self._asked: Counter[tuple[str, Purpose]] = Counter()
        self._over_budget: RunError | None = None

    @classmethod
    def begin(cls, start: PipelineInput, *, run_id: str, now: datetime) -> "Progress":
        """Start a run.

        Raises:
            InputError: The input does not fit the plan.
        """
        plan = start.plan
        record = RunRecord(
            id=run_id,
            team=plan.team,
            namespace=plan.namespace,
            plan=plan.digest(),
            phase="Running",
            input=resolve_input(plan, start.input),
            start_time=now,
            steps=[StepRecord(name=step.name, role=step.role) for step in plan.steps],
        )
        return cls(plan, record, payload_limit=start.payload_limit_bytes)

    @property
    def open_calls(self) -> frozenset[str]:
        """Ids of the calls that were handed out and have not come back."""
        return frozenset(self._open)

    def advance(self, now: datetime) -> list[ModelCall]:
        """Start whatever can start, finish what is finished, and hand out the calls to make."""
        if self._over_budget is None:
            self._start_ready(now)
        else:
            self._drop_due(now)
        if not self.record.ended and not self._open and not self._due:
            self._finish(now)
        if self.record.ended:
            self._due.clear()
        due, self._due = self._due, []
        for call in due:
            self._open[call.id] = call
            step = self._steps[call.step]
            step.calls.append(
                CallRecord(id=call.id, purpose=call.purpose, iteration=call.iteration, start_time=now)
            )
        return due

    def take_in(self, results: Sequence[tuple[str, ModelOutcome | CallFailure]], now: datetime) -> None:
        """Take in what became of calls, in the order in which it came."""
        for call_id, result in results:
            if isinstance(result, CallFailure):
                self.fail(call_id, result, now)
            else:
                self.answer(call_id, result, now)

    def answer(self, call_id: str, outcome: ModelOutcome, now: datetime) -> None:
        """Take in a call's answer."""
        call = self._open.pop(call_id, None)
        if call is None or self.record.ended:
            return
        step = self._steps[call.step]
        self._account(call, outcome, now)
        if self._over_budget is not None:
            self._cancel_step(step, _BUDGET_USED_UP, now)
        elif call.purpose == "validate":
            self._judge(call, outcome, now)
        else:
            self._check(call, outcome, now)

    def fail(self, call_id: str, failure: CallFailure, now: datetime) -> None:
        """Take in that a call gave no answer after all its attempts: its step and the run fail.

        A run whose budget is used up already ends for that.
        """
        call = self._open.pop(call_id, None)
        if call is None or self.record.ended:
            return
        step = self._steps[call.step]
        error = RunError(
            type=failure.type, message=failure.message, step=step.name, call=call_id, attempt=failure.attempt
        )
        record = _call_record(step, call_id)
        record.completion_time, record.attempts, record.error = now, failure.attempt, error
        if self._over_budget is not None:
            self._cancel_step(step, _BUDGET_USED_UP, now)
        else:
            self._fail_step(step, error, now)

    def expire(self, now: datetime) -> None:
        """The run's deadline has passed; a run that has just ended stays as it is.

        One that waited for its last calls with its budget used up ends for that.
        """
        if self.record.ended:
            return
        if self._over_budget is not None:
            self.close("Failed", "BudgetExceeded", self._over_budget, now)
            return
        seconds = self.plan.timeout_seconds
        waiting = ", ".join(step.name for step in self.record.steps if step.phase == "Running") or "none"
        message = f"The run was not done within its timeoutSeconds of {seconds}; running then: {waiting}."
        self.close("Failed", "TimedOut", RunError(type="TimedOut", message=message), now)

    def cancel(self, now: datetime) -> None:
        """Someone asked the run to stop; a run that has ended stays as it is."""
        if self.record.ended:
            return
        self.close(
            "Cancelled", "Cancelled", RunError(type="Cancelled", message="The run was cancelled."), now
        )

    def close(self, phase: RunPhase, reason: RunReason, error: RunError, now: datetime) -> None:
        """End the run without success; what still runs is cancelled."""
        for step in self.record.steps:
            if step.phase == "Running":
                self._cancel_step(step, f"The run ended first: {reason}.", now)
        self.record.phase, self.record.reason, self.record.error = phase, reason, error
        self.record.completion_time = now
        self._open.clear()

    # What can start

    def _start_ready(self, now: datetime) -> None:
        """Start or skip every step whose dependencies are done; one that is skipped may set others free."""
        while not self.record.ended and (ready := self._readiness.take()):
            for plan in ready:
                self._start(plan, self._steps[plan.name], now)
                if self.record.ended:
                    return

    def _drop_due(self, now: datetime) -> None:
        """With the budget used up, what was about to be asked is not."""
        for call in self._due:
            self._cancel_step(self._steps[call.step], _BUDGET_USED_UP, now)
        self._due.clear()

    def _start(self, plan: StepPlan, step: StepRecord, now: datetime) -> None:
        step.start_time = now
        if plan.condition is not None:
            verdict = self._render(step, "if", plan.condition, now)
            if verdict is None:
                return
            if not is_truthy(verdict):
                step.phase, step.completion_time = "Skipped", now
                step.message = f"Its condition `if` was {verdict.strip()!r}."
                self._readiness.settle(step.name)
                return
        step.phase = "Running"
        self._iterate(plan, step, now)

    def _iterate(self, plan: StepPlan, step: StepRecord, now: datetime) -> None:
        """Ask for the step's task, for the first time or once more."""
        try:
            prompt = render_prompt(plan, self._view)
        except TemplateError as error:
            self._fail_step(step, template_failed(step.name, "inputs", error), now)
            return
        step.iterations += 1
        step.prompt, step.model = prompt, self.plan.agents[plan.role].model
        self._cursors[step.name] = _Cursor()
        self._ask(plan, step, "task", now)

    def _ask(self, plan: StepPlan, step: StepRecord, purpose: Purpose, now: datetime) -> None:
        agent, cursor = self.plan.agents[plan.role], self._cursors[step.name]
        number = self._asked[(agent.role, purpose)]
        self._asked[(agent.role, purpose)] += 1
        if purpose == "validate":
            call = judge_call(
                plan, step, agent, namespace=self.plan.namespace, retries=cursor.retries, number=number
            )
        else:
            call = task_call(
                plan,
                step,
                agent,
                namespace=self.plan.namespace,
                exchanges=cursor.exchanges,
                retries=cursor.retries,
                number=number,
            )
        size = len(call.model_dump_json().encode())
        if size > self._payload_limit:
            error = too_large(f'What step "{step.name}" asks its model', size, self._payload_limit)
            self._fail_step(step, error, now)
        else:
            self._due.append(call)

    # What an answer means

    def _account(self, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        step = self._steps[call.step]
        record = _call_record(step, call.id)
        record.completion_time = now
        record.attempts = outcome.attempt
        record.model, record.provider = outcome.model, outcome.provider
        record.request_id, record.stop_reason = outcome.request_id, outcome.stop_reason
        record.problems = list(outcome.problems)
        record.cost_usd = outcome.cost_usd
        for usage in (record.token_usage, step.token_usage, self.record.token_usage):
            usage.add(outcome.usage)
        if outcome.cost_usd is not None:
            step.cost_usd = (step.cost_usd or 0.0) + outcome.cost_usd
            self.record.cost_usd = (self.record.cost_usd or 0.0) + outcome.cost_usd
            self.record.prices_as_of = outcome.prices_as_of
        step.warnings.extend(warning for warning in outcome.warnings if warning not in step.warnings)
        limit, spent = self.plan.max_tokens, self.record.token_usage.total_tokens
        if limit is not None and spent > limit and self._over_budget is None:
            message = f"The run used {spent} tokens, more than its maxTokens of {limit}."
            self._over_budget = RunError(type="BudgetExceeded", message=message, step=step.name, call=call.id)

    def _check(self, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        """An answer to the task came: accept it, have it judged, ask again, or fail."""
        step, plan = self._steps[call.step], self._plans[call.step]
        step.model, step.output, step.data = outcome.model, outcome.text, None
        if outcome.stop_reason == "refusal":
            message = f'The model {outcome.model} refused to answer step "{step.name}".'
            self._fail_step(step, RunError(type="ModelRefused", message=message, step=step.name), now)
            return
        if plan.output_schema is not None or plan.validation is not None:
            step.validation_attempts += 1
        if outcome.problems:
            self._reject(step, " ".join(outcome.problems), schema_problem=outcome.schema_problem, now=now)
            return
        step.data = _parse_data(plan, outcome.text)
        if outcome.stop_reason == "max_tokens":
            warning = f"The answer was cut off at maxTokensPerCall ({call.max_output_tokens} tokens)."
            step.warnings.extend({warning}.difference(step.warnings))
        if plan.validation is not None and plan.validation.semantic is not None:
            self._ask(plan, step, "validate", now)
        else:
            self._accept(step, now)

    def _judge(self, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        """The semantic validator spoke."""
        step = self._steps[call.step]
        passed, reason = read_verdict(outcome.text)
        if passed:
            self._accept(step, now)
            return
        _call_record(step, call.id).problems = [reason]
        self._reject(step, f"It did not pass validation: {reason}", schema_problem=False, now=now)

    def _reject(self, step: StepRecord, problem: str, *, schema_problem: bool, now: datetime) -> None:
        """Ask the model to mend its answer while the step's bounds allow it, else fail the step."""
        plan, cursor = self._plans[step.name], self._cursors[step.name]
        allowed = _allowed_retries(plan, schema_problem=schema_problem)
        if cursor.retries < allowed:
            cursor.retries += 1
            cursor.exchanges = [feedback(step.output, problem)]
            self._ask(plan, step, "repair", now)
            return
        tries = cursor.retries + 1
        asked = "the only answer" if tries == 1 else f"the last of {tries} answers"
        error = RunError(
            type="OutputInvalid" if schema_problem else "ValidationFailed",
            message=f'Step "{step.name}": {asked} was not acceptable. {problem}',
            step=step.name,
            attempt=tries,
        )
        self._fail_step(step, error, now)

    def _accept(self, step: StepRecord, now: datetime) -> None:
        """The answer stands: go round the loop once more, or be done."""
        plan = self._plans[step.name]
        self._view.show(step)
        if plan.loop is not None and step.iterations <= plan.loop.max_iterations:
            verdict = self._render(step, "loop.condition", plan.loop.condition, now)
            if verdict is None:
                return
            if is_truthy(verdict):
                self._iterate(plan, step, now)
                return
        step.phase, step.completion_time = "Succeeded", now
        self._readiness.settle(step.name)

    # How things end

    def _render(self, step: StepRecord, place: str, template: str, now: datetime) -> str | None:
        """A condition's text; None when it did not render and the step has failed for it."""
        try:
            return render_text(template, self._view)
        except TemplateError as error:
            self._fail_step(step, template_failed(step.name, place, error), now)
            return None

    def _fail_step(self, step: StepRecord, error: RunError, now: datetime) -> None:
        step.phase, step.completion_time = "Failed", now
        step.error, step.message = error, error.message
        self.close("Failed", "StepFailed", error, now)

    def _cancel_step(self, step: StepRecord, message: str, now: datetime) -> None:
        step.phase, step.completion_time, step.message = "Cancelled", now, message

    def _finish(self, now: datetime) -> None:
        """Nothing is under way and nothing can start."""
        if self._over_budget is not None:
            self.close("Failed", "BudgetExceeded", self._over_budget, now)
            return
        try:
            self.record.output = render_result(self.plan, self.record, self._view)
        except TemplateError as error:
            message = f'The output template of team "{self.plan.team}" does not render: {error}.'
            self.close("Failed", "OutputFailed", RunError(type="TemplateError", message=message), now)
            return
        size = len(json.dumps(self.record.output, ensure_ascii=False).encode())
        if size > self._payload_limit:
            self.close("Failed", "OutputFailed", too_large("The result", size, self._payload_limit), now)
            return
        self.record.phase, self.record.completion_time = "Succeeded", now


def _call_record(step: StepRecord, call_id: str) -> CallRecord:
    return next(call for call in reversed(step.calls) if call.id == call_id)


def _allowed_retries(plan: StepPlan, *, schema_problem: bool) -> int:
    validation = plan.validation
    retries = validation.max_retries if validation and validation.on_failure == "retry" else 0
    return max(SCHEMA_REPAIRS, retries) if schema_problem else retries


def _parse_data(plan: StepPlan, text: str) -> JsonValue:
    """The answer's JSON where a schema asked for one; the worker has checked it against that schema."""
    validation = plan.validation
    if plan.output_schema is None and (validation is None or validation.json_schema is None):
        return None
    try:
        return extract_json(text)
    except NoJsonError:  # a schema such as `true` accepts text that is not JSON
        return None
