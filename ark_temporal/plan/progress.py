"""What a run does next, as a function of its plan and of what happened so far.

No clock, no I/O, no engine: the workflow carries out what is decided here, and reading a history replays it.
Both therefore arrive at the same record.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from ark_temporal.plan import gates
from ark_temporal.plan.accounting import note_answer, note_child, note_request
from ark_temporal.plan.announcing import Announcer
from ark_temporal.plan.beginning import record_of
from ark_temporal.plan.budget import Budget
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    Event,
    ItemResult,
    ModelCall,
    ModelOutcome,
    Notification,
    Request,
    ToolDiscovery,
    ToolList,
)
from ark_temporal.plan.errors import too_large
from ark_temporal.plan.model import Plan
from ark_temporal.plan.prompts import render_result
from ark_temporal.plan.readiness import Readiness
from ark_temporal.plan.record import Control, Decision, DecisionTaken, RunError, RunPhase, RunReason
from ark_temporal.plan.scope import Scope
from ark_temporal.plan.start import PipelineInput
from ark_temporal.plan.state import ProgressState
from ark_temporal.plan.steps.agent_task import AgentTask
from ark_temporal.plan.steps.step import Step
from ark_temporal.templates import TemplateError

_BUDGET_USED_UP = "The run's token budget was used up."
_MOST_REFUSED = 20


class Progress:
    """A run in motion.

    Attributes:
        plan: What runs.
        record: What happened; complete after every call.
        deadline: When the run's time is up; None where it has no end.
        can_continue: Whether it is the moment to continue as new.
    """

    def __init__(self, start: PipelineInput, state: ProgressState) -> None:
        self.plan: Plan = start.plan
        self.record = state.record
        self.deadline = _deadline(start, self.record.start_time)
        self.can_continue = False
        self._payload_limit = start.payload_limit_bytes
        self._readiness = Readiness(self.plan, self.record)
        self._scope = Scope(
            self.plan,
            state,
            payload_limit=start.payload_limit_bytes,
            depth=start.depth,
            page=start.page,
            abandon=self._abandon,
        )
        self._budget = Budget(self.plan.max_tokens, start.max_tokens)
        is_root = start.depth == 0 and start.page is None
        self._announcer = Announcer(self.plan, self.record, is_root=is_root, announced=state.announced)
        self._open: dict[str, Request] = {}
        self._over_budget = state.over_budget
        self._too_large_to_carry = False
        loops = {loop.step: loop for loop in state.loops}
        for step, record in zip(self.plan.steps, self.record.steps, strict=True):
            self._scope.steps[step.name] = Step(self._scope, self, step, record)
        for step in list(self._scope.steps.values()):
            step.resume(loops, self._scope.due)

    @classmethod
    def begin(cls, start: PipelineInput, *, run_id: str, now: datetime) -> "Progress":
        """Start a run, or go on with one that continues as new.

        Raises:
            InputError: The input does not fit the plan.
        """
        state = start.state or ProgressState(record=record_of(start, run_id=run_id, now=now))
        return cls(start, state)

    @property
    def open_calls(self) -> frozenset[str]:
        """Ids of the requests that were handed out and have not come back."""
        return frozenset(self._open)

    @property
    def items(self) -> list[ItemResult]:
        """What came of the items, where the run does a part of a map."""
        return self._scope.items

    @property
    def alarm(self) -> datetime | None:
        """When the run wants to be told how late it is; None where it waits for no time."""
        if self.record.ended:
            return None
        times = [time for time in (self.deadline, gates.alarm(self.record)) if time is not None]
        return min(times, default=None)

    def request(self, id: str) -> Request | None:
        """What was handed out under an id and has not come back."""
        return self._open.get(id)

    def state(self) -> ProgressState:
        """What to carry over when the run continues as new; only while nothing is under way."""
        assert not self._open, "requests are under way"
        loops = [loop for step in self.plan.steps for loop in self._scope.steps[step.name].loops()]
        state = self._scope.state(loops, self._over_budget)
        state.announced = list(self._announcer.announced)
        return state

    def take_announcements(self) -> list[Notification]:
        """What people are to be told about the run by others, who it does not wait for; given out once."""
        return self._announcer.take()

    def advance(self, now: datetime, *, hold: bool = False) -> list[Request]:
        """Start whatever can start, finish what is finished, and hand out what is to be asked.

        Args:
            now: The workflow's time.
            hold: Hand out nothing, so that the run can continue as new as soon as nothing is under way. A
                run whose state is too large for that goes on as it is.
        """
        due = self._scope.due
        self.can_continue = False
        if self.record.paused_since is None:
            if self._over_budget is None:
                self._start_ready(now)
            else:
                self._drop_due(now)
            if not (self.record.ended or self._is_waiting() or due or self.record.awaiting):
                self._finish(now)
        if self.record.ended:
            due.clear()
        if hold and not self._too_large_to_carry and not self._open and not self.record.ended:
            size = len(self.state().model_dump_json().encode())
            self._too_large_to_carry = size > self._payload_limit
            self.can_continue = not self._too_large_to_carry
        if hold and not self._too_large_to_carry:
            return []
        return self._hand_out(now)

    def take_in(self, events: Sequence[tuple[str, Event]], now: datetime) -> None:
        """Take in what became of requests and what people want, in the order in which it came."""
        for id, event in events:
            if self.record.ended:
                return
            if isinstance(event, Decision):
                self.decide(event, now)
            elif isinstance(event, Control):
                since = self.record.paused_since or now
                self.record.paused_since = since if event.action == "pause" else None
            elif (request := self._open.pop(id, None)) is not None:
                self._take(request, event, now)

    def refuse(self, decision: Decision) -> str:
        """Why a decision cannot be taken now; empty when it can."""
        return gates.refusal(self.record, decision) or gates.content_refusal(self.record, decision)

    def decide(self, decision: Decision, now: datetime) -> DecisionTaken:
        """Take in what a person decided; what cannot be taken is noted, since a signal is told nothing."""
        if problem := gates.refusal(self.record, decision):
            note = f"{decision.decision} by {decision.by or 'somebody'}: {problem}"
            self.record.refused = [*self.record.refused, note][-_MOST_REFUSED:]
            return DecisionTaken(closed=False, message=problem)
        waited = gates.find_question(self.record, decision)
        assert waited is not None, "what is not refused is about something"
        taken = gates.take(self.record, waited, decision, now)
        if taken.closed:
            self._scope.steps[waited.step].decide(waited, decision, now)
        return taken

    def wake(self, now: datetime) -> None:
        """Some time has passed: end what is late, remind and escalate, unless the run has ended."""
        if self.record.ended:
            return
        if self._is_late(now):
            self._expire(now)
            return
        for awaiting in list(self.record.awaiting):
            events, verdict = gates.wake(awaiting, now)
            for event in events:
                self._scope.tell(event, awaiting)
            if verdict is not None and awaiting in self.record.awaiting:
                gates.let_time_decide(self.record, awaiting, verdict, now)
                self._scope.steps[awaiting.step].let_time_decide(awaiting, verdict, now)

    def cancel(self, now: datetime) -> None:
        """Someone asked the run to stop; a run that has ended stays as it is."""
        if not self.record.ended:
            error = RunError(type="Cancelled", message="The run was cancelled.")
            self.close("Cancelled", "Cancelled", error, now)

    def close(self, phase: RunPhase, reason: RunReason, error: RunError, now: datetime) -> None:
        """End the run without success; what still runs is cancelled."""
        for step in self.plan.steps:
            if self._scope.steps[step.name].record.phase == "Running":
                self._scope.steps[step.name].cancel(f"The run ended first: {reason}.", now)
        self.record.phase, self.record.reason, self.record.error = phase, reason, error
        self.record.completion_time = now
        self.record.awaiting.clear()
        self._open.clear()

    # What steps say

    def settled(self, step: Step, now: datetime) -> None:
        """A step has succeeded or was skipped: others may start."""
        self._readiness.settle(step.plan.name)

    def failed(self, step: Step, error: RunError, now: datetime) -> None:
        """A step has failed, and with it the run."""
        self.close("Failed", "StepFailed", error, now)

    def _start_ready(self, now: datetime) -> None:
        """Start or skip every step whose dependencies are done; one that is skipped may set others free."""
        while not self.record.ended and (ready := self._readiness.take()):
            for plan in ready:
                self._scope.steps[plan.name].start(now)
                if self.record.ended:
                    return

    def _hand_out(self, now: datetime) -> list[Request]:
        due, held = self._scope.due, list[Request]()
        if self.record.paused_since is not None:  # people are told all the same
            held = [one for one in due if not isinstance(one, Notification)]
            due = [one for one in due if isinstance(one, Notification)]
        out, waiting = self._budget.hand_out(due, self.record.token_usage.total_tokens)
        self._scope.due[:] = [*held, *waiting]
        for place, request in enumerate(out):
            if isinstance(request, ChildRun):
                out[place] = request = request.model_copy(update={"deadline": self.deadline})
            self._open[request.id] = request
            note_request(self.record.step(request.step), request, now)
        return out

    def _is_waiting(self) -> bool:
        """Whether something is under way that the run's end waits for; people who are told may learn late."""
        return any(not isinstance(request, Notification) for request in self._open.values())

    def _abandon(self, step: str) -> None:
        """Nobody waits for what a step has asked any more."""
        for id, request in list(self._open.items()):
            if request.step == step and not isinstance(request, Notification):
                del self._open[id]
                self._budget.take_back(id)
        due = self._scope.due
        due[:] = [one for one in due if one.step != step or isinstance(one, Notification)]
        self.record.awaiting[:] = [one for one in self.record.awaiting if one.step != step]

    def _drop_due(self, now: datetime) -> None:
        """With the budget used up, what was about to be asked is not, and nobody is waited for."""
        dropped = [*self._scope.due, *self.record.awaiting]
        for name in dict.fromkeys(one.step for one in dropped):
            if (step := self._scope.steps.get(name)) is not None and step.record.phase == "Running":
                step.cancel(_BUDGET_USED_UP, now, abandons=False)
        self._scope.due.clear()
        self.record.awaiting.clear()

    def _take(self, request: Request, outcome: Event, now: datetime) -> None:
        step = self._scope.steps.get(request.step)
        if isinstance(request, ModelCall) and isinstance(outcome, CallFailure):
            self._announcer.failed(request, outcome, now)
        if isinstance(request, ChildRun):
            self._budget.take_back(request.id)
        if step is None:  # a part of a step that has ended: people were told too late
            return
        self._account(step, request, outcome, now)
        if isinstance(outcome, ChildOutcome) and outcome.error is not None and self._is_late(now):
            self._expire(now)  # what is below has the same deadline, and may be the first to tell
            return
        if isinstance(request, ToolDiscovery) and isinstance(outcome, ToolList | CallFailure):
            self._scope.lists[request.id] = outcome if isinstance(outcome, ToolList) else ToolList()
        if isinstance(request, Notification) or self._over_budget is not None:
            step.note(request, outcome, now)
            if step.record.phase == "Running" and self._over_budget is not None:
                step.cancel(_BUDGET_USED_UP, now, abandons=False)
            return
        step.take(request, outcome, now)
        if isinstance(request, ToolDiscovery):
            for other in list(self._scope.steps.values()):
                if isinstance(other.body, AgentTask):
                    other.body.discovered(request, now)

    def _account(self, step: Step, request: Request, outcome: Event, now: datetime) -> None:
        match request, outcome:
            case ModelCall(), ModelOutcome():
                note_answer(self.record, step.record, request, outcome, now)
            case ChildRun(), ChildOutcome():
                note_child(self.record, step.record, outcome)
            case _:
                return
        spent = self.record.token_usage.total_tokens
        if self._over_budget is None and self._budget.is_used_up(spent):
            limit, inherited = self._budget.limit, self._budget.limit != self.plan.max_tokens
            whose = "what the run above left it:" if inherited else "its maxTokens of"
            message = f"The run used {spent} tokens, more than {whose} {limit}."
            self._over_budget = RunError(
                type="BudgetExceeded", message=message, step=step.record.name, call=request.id
            )
        if self._over_budget is None:
            self._announcer.spent(self._budget.limit, now)

    def _is_late(self, now: datetime) -> bool:
        return self.deadline is not None and now >= self.deadline

    def _expire(self, now: datetime) -> None:
        """The run's deadline has passed.

        One that waited for its last calls with its budget used up ends for that.
        """
        if self._over_budget is not None:
            self.close("Failed", "BudgetExceeded", self._over_budget, now)
            return
        waiting = ", ".join(step.name for step in self.record.steps if step.phase == "Running") or "none"
        own = self.plan.timeout_seconds
        is_own = own is not None and self.deadline == self.record.start_time + timedelta(seconds=own)
        bound = f"its timeoutSeconds of {own}" if is_own else "the time that the run above it has left"
        message = f"The run was not done within {bound}; running then: {waiting}."
        self.close("Failed", "TimedOut", RunError(type="TimedOut", message=message), now)

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
        size += sum(len(item.model_dump_json().encode()) for item in self._scope.items)
        if size > self._payload_limit:
            self.close("Failed", "OutputFailed", too_large("The result", size, self._payload_limit), now)
            return
        self.record.phase, self.record.completion_time = "Succeeded", now


def _deadline(start: PipelineInput, began: datetime) -> datetime | None:
    own = start.plan.timeout_seconds
    times = [began + timedelta(seconds=own)] if own is not None else []
    return min([*times, *([start.deadline] if start.deadline is not None else [])], default=None)
