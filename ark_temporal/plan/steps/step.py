"""One step of a run in motion: from its condition to a result that stands, whatever does its work."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

from ark_temporal.plan import gates
from ark_temporal.plan.accounting import warn
from ark_temporal.plan.asking import step_id
from ark_temporal.plan.calls import Event, Request
from ark_temporal.plan.errors import template_failed
from ark_temporal.plan.judging import parse_data
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.people import GatePlan
from ark_temporal.plan.prompts import TemplateView, is_truthy, render_text
from ark_temporal.plan.record import Awaiting, AwaitingKind, Decision, RunError, StepRecord
from ark_temporal.plan.scope import Scope
from ark_temporal.plan.steps.body import Body, NotReadyError
from ark_temporal.plan.steps.child import ChildStep
from ark_temporal.plan.steps.choice import body_for, resumed_body
from ark_temporal.plan.steps.noting import note
from ark_temporal.plan.steps.wording import QUESTIONS, rejected, timed_out
from ark_temporal.templates import TemplateError

_FINAL = frozenset({"Rejected", "ApprovalTimedOut", "ToolOutcomeUnknown", "BudgetExceeded", "TimedOut"})
"""Failures that people or bounds have decided on: neither a fallback nor a person is asked after them."""


class Owner(Protocol):
    """Who is told what becomes of a step: the run, or the step that it is a part of."""

    def settled(self, step: "Step", now: datetime) -> None:
        """It has succeeded or was skipped."""
        ...

    def failed(self, step: "Step", error: RunError, now: datetime) -> None:
        """It has failed for good."""
        ...


class Step:
    """A step in motion.

    Attributes:
        run: The run, as its steps see it.
        plan: The step as planned.
        record: What it did.
        view: What its templates see.
        body: Who does the work; None while nobody does.
        is_part: Whether it is a part of another step.
    """

    def __init__(
        self,
        run: Scope,
        owner: Owner,
        plan: StepPlan,
        record: StepRecord,
        *,
        view: TemplateView | None = None,
    ) -> None:
        self.run = run
        self.plan = plan
        self.record = record
        self.view = view or run.view
        self.is_part = view is not None
        self.body: Body | None = None
        self._owner = owner
        self._is_restarting = False

    def start(self, now: datetime, body: Body | None = None) -> None:
        """Begin, or skip it.

        Args:
            now: The run's time.
            body: Who does the work, where that is known already.
        """
        self.record.start_time = now
        if self.plan.condition is not None:
            verdict = self.render("if", self.plan.condition, now)
            if verdict is None:
                return
            if not is_truthy(verdict):
                self.record.phase, self.record.completion_time = "Skipped", now
                self.record.message = f"Its condition `if` was {verdict.strip()!r}."
                self._owner.settled(self, now)
                return
        self.record.phase = "Running"
        self.body = body
        if not self._held_before(now):
            self._iterate(now)

    def resume(self, loops: Mapping[str, LoopState], due: Iterable[Request]) -> None:
        """Go on with what was under way when the run continued as new."""
        if self.record.phase == "Running" and not self._awaits(
            "approval", "question", "output", "failed-step"
        ):
            self.body = resumed_body(self, loops, due)

    def loops(self) -> list[LoopState]:
        """The tasks to carry over when the run continues as new."""
        return list(self.body.loops()) if self.body is not None else []

    def cancel(self, message: str, now: datetime, *, abandons: bool = True) -> None:
        """Stop, for no fault of the step's own.

        Args:
            message: Why.
            now: The run's time.
            abandons: Whether nobody waits any more for what is under way.
        """
        self._leave(message, now, abandons=abandons)
        self.record.phase, self.record.completion_time, self.record.message = "Cancelled", now, message

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in what became of a request."""
        self.note(request, outcome, now)
        if self.body is not None:
            self.body.take(request, outcome, now)

    def note(self, request: Request, outcome: Event, now: datetime) -> None:
        """Put into the record how a request came out, which changes nothing any more."""
        note(self.record, request, outcome, now)

    # What people decide

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Carry out what a person decided."""
        verdict = decision.decision
        match waited.kind:
            case "tool" | "tool-outcome":
                if self.body is not None:
                    self.body.decide(waited, decision, now)
            case "failed-step" if verdict == "retry":
                self._restart(waited, decision, now)
            case "failed-step" if verdict == "answer":
                self._replace(gates.content_text(decision))
                self._have_approved(now)
            case "failed-step":
                error = rejected(waited, decision)
                self.record.error, self.record.message = error, error.message
                self._end(error, now)
            case _ if verdict == "reject":
                self.fail(rejected(waited, decision), now)
            case "question":
                self.record.answer = gates.content_value(decision)
                self._go_on(waited, now)
            case _:
                self._go_on(waited, now)

    def let_time_decide(
        self, waited: Awaiting, verdict: Literal["approve", "reject", "fail"], now: datetime
    ) -> None:
        """Carry out what is done when nobody has decided in time."""
        if verdict == "fail":
            self.fail(timed_out(waited), now)
        elif waited.kind == "tool" and self.body is not None:
            late = Decision(id=waited.id, decision=verdict, comment="Nobody decided in time.")
            self.body.decide(waited, late, now)
        elif verdict == "approve":
            self._go_on(waited, now)
        else:
            self.fail(rejected(waited, None), now)

    def ask_people(
        self,
        kind: AwaitingKind,
        *,
        id: str,
        subject: str,
        now: datetime,
        gate: GatePlan | None = None,
        message: str = "",
        answer_schema: JsonValue = None,
    ) -> None:
        """Have people decide something, and tell them so."""
        awaiting = gates.ask_people(
            kind,
            id=id,
            step=self.plan.name,
            message=message or QUESTIONS[kind].format(step=self.plan.name),
            subject=subject,
            now=now,
            gate=gate,
            answer_schema=answer_schema,
        )
        self.run.record.awaiting.append(awaiting)
        self.run.tell("ApprovalRequested", awaiting)

    def holds(self, gate: GatePlan, view: TemplateView, now: datetime) -> bool | None:
        """Whether a gate's condition holds; None when it does not render and the step has failed for it."""
        if not gate.condition:
            return True
        verdict = self.render("approval.if", gate.condition, now, view)
        return None if verdict is None else is_truthy(verdict)

    # What the body says

    def enter_iteration(self) -> None:
        """The body is about to do the work, for the first time or once more."""
        if not self._is_restarting:
            self.record.iterations += 1
        self._is_restarting = False

    def done(self, output: str, data: JsonValue, now: datetime) -> None:
        """The work is done: go round the loop once more, have it approved, or be done."""
        self.record.output, self.record.data = output, data
        self.record.edited, self.body = "", None
        self._show()
        loop = self.plan.loop
        if loop is not None:
            verdict = self.render("loop.condition", loop.condition, now)
            if verdict is None:
                return
            if is_truthy(verdict) and self.record.iterations <= loop.max_iterations:
                self._iterate(now)
                return
            if is_truthy(verdict):
                warn(
                    self.record,
                    f"Its loop ended at maxIterations ({loop.max_iterations}); its condition still holds.",
                )
        self._have_approved(now)

    def fail(self, error: RunError, now: datetime) -> None:
        """It has failed: for good, or until a person says how to go on."""
        self._leave("The step has failed.", now)
        self.record.error, self.record.message = error, error.message
        if self.plan.on_failure == "park" and error.type not in _FINAL:
            id = f"{step_id(self.record)}#failed"
            self.ask_people("failed-step", id=id, subject=error.message, now=now)
            return
        self._end(error, now)

    def render(
        self, place: str, template: str, now: datetime, view: TemplateView | None = None
    ) -> str | None:
        """A template's text; None when it did not render and the step has failed for it."""
        try:
            return render_text(template, view or self.view)
        except TemplateError as error:
            self.fail(template_failed(self.plan.name, place, error), now)
            return None

    # From one state to the next

    def _have_approved(self, now: datetime) -> None:
        """The output is there: have it approved, or be done."""
        gate = self.plan.gate("after")
        output, schema = self.record.output, self.plan.output_schema
        if gate is None or not self._held(gate, "output", output, schema, now):
            self._succeed(now)

    def _held_before(self, now: datetime) -> bool:
        """Whether people are asked first, or it has failed over that."""
        gate = self.plan.gate("before")
        if gate is None:
            return False
        if gate.asks:
            return self._held(gate, "question", "", gate.answer_schema, now)
        try:
            body = self.body or body_for(self)
            subject = body.subject()
        except NotReadyError as error:
            self.fail(error.error, now)
            return True
        self.body = body
        return self._held(gate, "approval", subject, self._subject_schema, now)

    @property
    def _subject_schema(self) -> JsonValue:
        """What an edit of what is about to be done must match."""
        if self.plan.map is not None:
            return {"type": "array"}
        return {"type": "object"} if isinstance(self.body, ChildStep) else None

    def _held(
        self, gate: GatePlan, kind: AwaitingKind, subject: str, schema: JsonValue, now: datetime
    ) -> bool:
        """Whether people are asked, or the step has failed over that."""
        holds = self.holds(gate, self.view, now)
        if holds is False:
            return False
        message = self.render("approval.message", gate.message, now) if holds else None
        if message is None:
            return True
        moment = "output" if kind == "output" else "approval"
        id = f"{step_id(self.record)}#{moment}"
        self.ask_people(
            kind, id=id, subject=subject, now=now, gate=gate, message=message, answer_schema=schema
        )
        return True

    def _go_on(self, waited: Awaiting, now: datetime) -> None:
        """What was asked is granted."""
        if waited.kind == "output":
            if waited.edited:
                self._replace(waited.subject)
            self._succeed(now)
            return
        if waited.kind == "approval" and (waited.edited or self._has_changed(waited.subject)):
            self.record.edited = waited.subject
        self._show()
        self._iterate(now)

    def _has_changed(self, approved: str) -> bool:
        """Whether something else would be done by now than what was approved: other steps went on."""
        try:
            return (self.body or body_for(self)).subject() != approved
        except NotReadyError:
            return True

    def _iterate(self, now: datetime) -> None:
        """Have the work done."""
        try:
            body, self.body = self.body or body_for(self), None
            body.prepare()
        except NotReadyError as error:
            self.fail(error.error, now)
            return
        self.enter_iteration()
        self.body = body
        body.begin(now)

    def _restart(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Do a failed step once more; what it did well before is not done again."""
        self.record.restarts += 1
        self.record.error, self.record.message = None, ""
        self.record.edited = gates.content_text(decision) or self.record.edited
        self._is_restarting = self.record.iterations > 0
        self.run.models[self.plan.name] = decision.model
        if not self._held_again(now):
            self._iterate(now)

    def _held_again(self, now: datetime) -> bool:
        """Whether people are asked once more: what is about to be done now was approved by nobody."""
        gate = self.plan.gate("before")
        if gate is None or gate.asks or (self.record.iterations > 1 and not self.record.edited):
            return False
        try:
            subject = body_for(self).subject()
        except NotReadyError:
            return self._held_before(now)
        before = [one for one in self.run.record.decisions if one.step == self.plan.name]
        last = next((one for one in reversed(before) if one.kind == "approval"), None)
        if last is not None and last.digest == gates.digest_of(last.id, subject):
            return False
        return self._held_before(now)

    def _replace(self, text: str) -> None:
        """Put people's text in the place of the output."""
        self.record.output, self.record.error, self.record.message = text, None, ""
        if self.record.data is not None or self.plan.output_schema is not None:
            self.record.data = parse_data(self.plan, text, always=True)
        self._show()

    def _succeed(self, now: datetime) -> None:
        self._show()
        self.record.phase, self.record.completion_time = "Succeeded", now
        self._owner.settled(self, now)

    def _end(self, error: RunError, now: datetime) -> None:
        self.record.phase, self.record.completion_time = "Failed", now
        self._owner.failed(self, error, now)

    def _leave(self, message: str, now: datetime, *, abandons: bool = True) -> None:
        """Let go of all that is under way."""
        body, self.body = self.body, None
        if body is not None:
            body.cancel(message, now)
        if abandons:
            self.run.abandon(self.plan.name)

    def _show(self) -> None:
        if not self.is_part:
            self.run.view.show(self.record)

    def _awaits(self, *kinds: AwaitingKind) -> bool:
        return any(one.step == self.plan.name and one.kind in kinds for one in self.run.record.awaiting)
