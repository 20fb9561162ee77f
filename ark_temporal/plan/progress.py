"""What a run does next, as a function of its plan and of what happened so far.

No clock, no I/O, no engine: the workflow carries out what is decided here, and reading a history replays it.
Both therefore arrive at the same record.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from ark_temporal.plan.accounting import note_answer, note_request
from ark_temporal.plan.calls import Event, ModelCall, ModelOutcome, Request, ToolDiscovery
from ark_temporal.plan.errors import too_large
from ark_temporal.plan.inputs import resolve_input
from ark_temporal.plan.model import Plan
from ark_temporal.plan.prompts import render_result
from ark_temporal.plan.readiness import Readiness
from ark_temporal.plan.record import Decision, RunError, RunPhase, RunReason, RunRecord, StepRecord
from ark_temporal.plan.scope import Scope
from ark_temporal.plan.start import DEFAULT_PAYLOAD_LIMIT, PipelineInput
from ark_temporal.plan.state import ProgressState
from ark_temporal.plan.step_progress import StepProgress
from ark_temporal.templates import TemplateError

_BUDGET_USED_UP = "The run's token budget was used up."


class Progress:
    """A run in motion.

    Attributes:
        plan: What runs.
        record: What happened; complete after every call.
        can_continue: Whether it is the moment to continue as new.
    """

    def __init__(
        self,
        plan: Plan,
        state: ProgressState,
        *,
        payload_limit: int = DEFAULT_PAYLOAD_LIMIT,
        depth: int = 0,
    ) -> None:
        self.plan = plan
        self.record = state.record
        self._payload_limit = payload_limit
        self._readiness = Readiness(plan, self.record)
        self._scope = Scope(
            plan,
            state,
            payload_limit=payload_limit,
            depth=depth,
            settle=self._readiness.settle,
            fail=self._fail,
        )
        self._steps = {
            step.name: StepProgress(self._scope, step, record)
            for step, record in zip(plan.steps, self.record.steps, strict=True)
        }
        self._open: dict[str, Request] = {}
        self._over_budget = state.over_budget
        self._too_large_to_carry = False
        self.can_continue = False
        for loop in state.loops:
            self._steps[loop.step].resume(loop)

    @classmethod
    def begin(cls, start: PipelineInput, *, run_id: str, now: datetime) -> "Progress":
        """Start a run, or go on with one that continues as new.

        Raises:
            InputError: The input does not fit the plan.
        """
        plan, state = start.plan, start.state
        if state is None:
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
            state = ProgressState(record=record)
        return cls(plan, state, payload_limit=start.payload_limit_bytes, depth=start.depth)

    @property
    def open_calls(self) -> frozenset[str]:
        """Ids of the requests that were handed out and have not come back."""
        return frozenset(self._open)

    def request(self, id: str) -> Request | None:
        """What was handed out under an id and has not come back."""
        return self._open.get(id)

    def state(self) -> ProgressState:
        """What to carry over when the run continues as new; only while nothing is under way."""
        assert not self._open, "requests are under way"
        loops = [step.loop.carried() for step in self._steps.values() if step.loop is not None]
        return self._scope.state(loops, self._over_budget)

    def advance(self, now: datetime, *, hold: bool = False) -> list[Request]:
        """Start whatever can start, finish what is finished, and hand out what is to be asked.

        Args:
            now: The workflow's time.
            hold: Hand out nothing, so that the run can continue as new as soon as nothing is under way. A
                run whose state is too large for that goes on as it is.
        """
        due = self._scope.due
        self.can_continue = False
        if self._over_budget is None:
            self._start_ready(now)
        else:
            self._drop_due(now)
        if not (self.record.ended or self._open or due or self.record.awaiting):
            self._finish(now)
        if self.record.ended:
            due.clear()
        if hold and not self._too_large_to_carry and not self._open and not self.record.ended:
            size = len(self.state().model_dump_json().encode())
            self._too_large_to_carry = size > self._payload_limit
            self.can_continue = not self._too_large_to_carry
        if hold and not self._too_large_to_carry:
            return []
        handed_out = list(due)
        due.clear()
        for request in handed_out:
            self._open[request.id] = request
            note_request(self._steps[request.step].record, request, now)
        return handed_out

    def take_in(self, events: Sequence[tuple[str, Event]], now: datetime) -> None:
        """Take in what became of requests and what people decided, in the order in which it came."""
        for id, event in events:
            if self.record.ended:
                return
            if isinstance(event, Decision):
                if not self.refuse(event):
                    self._decide(event, now)
            elif (request := self._open.pop(id, None)) is not None:
                self._take(request, event, now)

    def refuse(self, decision: Decision) -> str:
        """Why a decision cannot be taken now; empty when it can."""
        waits = [one for one in self.record.awaiting if one.id == decision.id]
        if not waits:
            known = ", ".join(one.id for one in self.record.awaiting) or "nothing"
            return f'The run does not wait for a decision about "{decision.id}"; it waits for: {known}.'
        if decision.decision not in waits[0].decisions:
            return f'"{decision.decision}" is no answer here; one of: {", ".join(waits[0].decisions)}.'
        return ""

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
        if not self.record.ended:
            error = RunError(type="Cancelled", message="The run was cancelled.")
            self.close("Cancelled", "Cancelled", error, now)

    def close(self, phase: RunPhase, reason: RunReason, error: RunError, now: datetime) -> None:
        """End the run without success; what still runs is cancelled."""
        for step in self._steps.values():
            if step.record.phase == "Running":
                step.cancel(f"The run ended first: {reason}.", now)
        self.record.phase, self.record.reason, self.record.error = phase, reason, error
        self.record.completion_time = now
        self.record.awaiting.clear()
        self._open.clear()

    def _start_ready(self, now: datetime) -> None:
        """Start or skip every step whose dependencies are done; one that is skipped may set others free."""
        while not self.record.ended and (ready := self._readiness.take()):
            for plan in ready:
                self._steps[plan.name].start(now)
                if self.record.ended:
                    return

    def _drop_due(self, now: datetime) -> None:
        """With the budget used up, what was about to be asked is not, and nobody is waited for."""
        dropped = [*self._scope.due, *self.record.awaiting]
        for name in dict.fromkeys(one.step for one in dropped):
            self._steps[name].cancel(_BUDGET_USED_UP, now)
        self._scope.due.clear()
        self.record.awaiting.clear()

    def _take(self, request: Request, outcome: Event, now: datetime) -> None:
        step = self._steps[request.step]
        if isinstance(request, ModelCall) and isinstance(outcome, ModelOutcome):
            self._account(step.record, request, outcome, now)
        if self._over_budget is None:
            step.take(request, outcome, now)
            if isinstance(request, ToolDiscovery):
                for other in self._steps.values():
                    other.discovered(request, now)
            return
        step.note(request, outcome, now)
        if step.record.phase == "Running":
            step.cancel(_BUDGET_USED_UP, now)

    def _decide(self, decision: Decision, now: datetime) -> None:
        waited = next(one for one in self.record.awaiting if one.id == decision.id)
        self.record.awaiting.remove(waited)
        self._steps[waited.step].decide(waited, decision, now)

    def _account(self, step: StepRecord, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        note_answer(self.record, step, call, outcome, now)
        limit, spent = self.plan.max_tokens, self.record.token_usage.total_tokens
        if limit is not None and spent > limit and self._over_budget is None:
            message = f"The run used {spent} tokens, more than its maxTokens of {limit}."
            self._over_budget = RunError(type="BudgetExceeded", message=message, step=step.name, call=call.id)

    def _fail(self, error: RunError, now: datetime) -> None:
        self.close("Failed", "StepFailed", error, now)

    def _finish(self, now: datetime) -> None:
        """Nothing runs and nothing can start: the run is over."""
        if self._over_budget is not None:
            self.close("Failed", "BudgetExceeded", self._over_budget, now)
            return
        try:
            self.record.output = render_result(self.plan, self.record, self._scope.view)
        except TemplateError as error:
            message = f'The output template of team "{self.plan.team}" does not render: {error}.'
            self.close("Failed", "OutputFailed", RunError(type="TemplateError", message=message), now)
            return
        size = len(json.dumps(self.record.output, ensure_ascii=False).encode())
        if size > self._payload_limit:
            self.close("Failed", "OutputFailed", too_large("The result", size, self._payload_limit), now)
            return
        self.record.phase, self.record.completion_time = "Succeeded", now
