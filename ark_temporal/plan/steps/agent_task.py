"""An agent does a step's work: it is asked until an answer stands."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ark_temporal.plan.accounting import call_record, note_tool, warn
from ark_temporal.plan.agent_loop import AgentLoop
from ark_temporal.plan.asking import Asker, judge_call
from ark_temporal.plan.calls import (
    CallFailure,
    ChildOutcome,
    ChildRun,
    Event,
    MemoryOutcome,
    MemoryRead,
    MemoryWrite,
    ModelCall,
    ModelOutcome,
    Request,
    SubtaskStart,
    ToolDiscovery,
    ToolInvocation,
    ToolOutcome,
)
from ark_temporal.plan.errors import template_failed, too_large
from ark_temporal.plan.judging import (
    allowed_retries,
    cut_off,
    no_more_retries,
    parse_data,
    refused,
    tool_outcome_unknown,
)
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.output import read_verdict
from ark_temporal.plan.prompts import render_prompt, render_text
from ark_temporal.plan.record import Awaiting, Decision, RunError
from ark_temporal.plan.steps.body import NotReadyError
from ark_temporal.plan.steps.noting import handed_back, submitted
from ark_temporal.templates import TemplateError

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step


class AgentTask:
    """A step's agent at its task.

    Attributes:
        loop: The task; None before it begins.
    """

    def __init__(self, step: "Step", role: str) -> None:
        self._step = step
        self._role = role
        run = step.run
        agent = run.plan.agents[role]
        if model := run.models.get(step.plan.name):
            agent = agent.model_copy(update={"model": model, "provider": None})
        self._asker = Asker(
            plan=step.plan,
            step=step.record,
            agent=agent,
            namespace=run.plan.namespace,
            run=run.record.id,
            run_began=run.record.start_time,
        )
        self.loop: AgentLoop | None = None

    def subject(self) -> str:
        """The prompt.

        Raises:
            NotReadyError: An input's template does not render.
        """
        edited = self._step.record.edited
        if edited:
            return edited
        try:
            return render_prompt(self._step.plan, self._step.view)
        except TemplateError as error:
            raise NotReadyError(template_failed(self._step.plan.name, "inputs", error)) from None

    def prepare(self) -> None:
        """Put the prompt together.

        Raises:
            NotReadyError: An input's template does not render.
        """
        record = self._step.record
        record.prompt, record.model = self.subject(), self._asker.agent.model

    def begin(self, now: datetime) -> None:
        """Find out what has to be known first, or ask at once."""
        step = self._step
        self.loop = self._loop(
            LoopState(step=step.plan.name, role=self._role, began=now, prompt=step.record.prompt)
        )
        preparations = self.loop.begin()
        self._put(step.run.not_yet_asked(preparations) if preparations else self.loop.first(now), now)

    def resume(self, state: LoopState, due: Iterable[Request]) -> None:
        """Go on in a run that continues as new."""
        self.loop = self._loop(state)
        self.loop.restore(due)

    def loops(self) -> Iterable[LoopState]:
        """What to carry over."""
        return [self.loop.carried()] if self.loop is not None else []

    def cancel(self, message: str, now: datetime) -> None:
        """Let go of the task."""
        self.loop = None

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in what became of a request."""
        loop = self.loop
        if loop is None:
            return
        match request, outcome:
            case ModelCall(), CallFailure():
                error = call_record(self._step.record, request.id).error
                assert error is not None, "a call that failed has its error"
                self._step.fail(error, now)
            case ModelCall(purpose="validate"), ModelOutcome():
                self._judge(loop, request, outcome, now)
            case ModelCall(), ModelOutcome():
                loop.answered(request, outcome)
                if outcome.tool_calls:
                    self._put(loop.act(now), now)
                    self._ask_about_tools(loop, now)
                else:
                    self._check(loop, outcome, now)
            case ToolInvocation(), ToolOutcome() | CallFailure():
                if loop.take(request, outcome):
                    self._put(loop.go_on(now), now)
                elif isinstance(outcome, CallFailure):
                    self._await(loop, request, outcome, now)
            case SubtaskStart(), _:
                failed = isinstance(outcome, CallFailure)
                loop.started(request, submitted(request, outcome), is_error=failed)
                self._put(loop.go_on(now), now)
            case ChildRun(), ChildOutcome() | CallFailure():
                self._handed_back(loop, request, outcome, now)
            case MemoryRead(), MemoryOutcome() | CallFailure():
                loop.state.recalled = outcome.texts if isinstance(outcome, MemoryOutcome) else ()
                self._put(loop.first(now), now)
            case MemoryWrite(), _:
                self._done(now)
            case _:
                pass

    def discovered(self, request: ToolDiscovery, now: datetime) -> None:
        """Ask the model if that was what the task waited for; another step of the role may have asked."""
        if self.loop is not None and self._asker.agent.role == request.role and self.loop.is_preparing:
            self._put(self.loop.first(now), now)

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Carry out what a person decided about a tool call."""
        record, loop = self._step.record, self.loop
        who = f" by {decision.by}" if decision.by else ""
        why = f": {decision.comment}" if decision.comment else "."
        warn(record, f"Tool call {waited.id}: {decision.decision} was decided{who}{why}")
        if loop is None:
            return
        if waited.kind == "tool":
            requests = loop.resolve_gate(waited, decision, now)
        elif decision.decision == "reject":
            error = RunError(type="ToolOutcomeUnknown", message=waited.message, step=record.name)
            self._step.fail(error, now)
            return
        else:
            text = decision.text if decision.decision == "answer" else None
            if text is not None:
                note_tool(record, waited.id, ToolOutcome(content=text), now)
            requests = loop.resolve(waited.id, text)
        loop.pause(now)
        self._put(requests or loop.go_on(now), now)

    def _loop(self, state: LoopState) -> AgentLoop:
        run, view = self._step.run, self._step.view
        return AgentLoop(
            self._asker,
            state,
            plan=run.plan,
            lists=run.lists,
            count=run.count,
            depth=run.depth,
            render=lambda template, more: render_text(template, view.with_more(more) if more else view),
            new_child=run.new_child,
        )

    def _put(self, requests: Sequence[Request] | RunError, now: datetime) -> None:
        """Have something asked, or fail for what stands against it."""
        if isinstance(requests, RunError):
            self._step.fail(requests, now)
            return
        limit = self._step.run.payload_limit
        for request in requests:
            size = len(request.model_dump_json().encode())
            if size > limit:
                whom = "a tool" if isinstance(request, ToolInvocation) else "its model"
                self._step.fail(
                    too_large(f'What step "{self._step.plan.name}" asks {whom}', size, limit), now
                )
                return
        self._step.run.due.extend(requests)

    def _ask_about_tools(self, loop: AgentLoop, now: datetime) -> None:
        """Ask people about the tool calls that need their approval."""
        for held in loop.take_held():
            self._step.ask_people(
                "tool",
                id=held.question,
                subject=held.subject,
                now=now,
                gate=held.gate,
                message=held.message,
                answer_schema=held.schema,
            )
        loop.pause(now)

    def _await(self, loop: AgentLoop, request: ToolInvocation, failure: CallFailure, now: datetime) -> None:
        """Nobody knows whether an effect took place: a person has to find out, not a guess."""
        message = tool_outcome_unknown(request, failure)
        self._step.ask_people("tool-outcome", id=request.id, subject="", now=now, message=message)
        loop.pause(now)

    def _handed_back(
        self, loop: AgentLoop, request: ChildRun, outcome: ChildOutcome | CallFailure, now: datetime
    ) -> None:
        """Somebody to whom a task was handed is done with it."""
        told = handed_back(request, outcome)
        if not told.is_error:
            self._step.run.hear(request.role, told.content)
        loop.handed_back(request, told.content, is_error=told.is_error)
        loop.pause(now)
        self._put(loop.go_on(now), now)

    def _check(self, loop: AgentLoop, outcome: ModelOutcome, now: datetime) -> None:
        """An answer to the task came: accept it, have it judged, ask again, or fail."""
        step, plan, record = self._step, self._step.plan, self._step.record
        record.model, record.output, record.data = outcome.model, outcome.text, None
        if outcome.stop_reason == "refusal":
            step.fail(refused(record, outcome.model), now)
            return
        if plan.output_schema is not None or plan.validation is not None:
            record.validation_attempts += 1
        if outcome.problems:
            problem = " ".join(outcome.problems)
            self._reject(loop, problem, schema_problem=outcome.schema_problem, now=now)
            return
        if outcome.stop_reason in ("max_tokens", "context_length") and not outcome.text.strip():
            step.fail(cut_off(record, outcome.model), now)
            return
        record.data = parse_data(plan, outcome.text)
        if outcome.stop_reason == "max_tokens":
            limit = self._asker.agent.max_tokens_per_call
            warn(record, f"The answer was cut off at maxTokensPerCall ({limit} tokens).")
        if plan.validation is not None and plan.validation.semantic is not None:
            number = step.run.count(self._role, "validate")
            self._put([judge_call(self._asker, retries=loop.state.retries, number=number)], now)
        else:
            self._accept(loop, now)

    def _judge(self, loop: AgentLoop, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        """The semantic validator spoke."""
        passed, reason = read_verdict(outcome.text)
        if passed:
            self._accept(loop, now)
            return
        call_record(self._step.record, call.id).problems = [reason]
        self._reject(loop, f"It did not pass validation: {reason}", schema_problem=False, now=now)

    def _reject(self, loop: AgentLoop, problem: str, *, schema_problem: bool, now: datetime) -> None:
        """Ask the model to mend its answer while the step's bounds allow it, else fail the step."""
        retries, plan = loop.state.retries, self._step.plan
        if retries < allowed_retries(plan, schema_problem=schema_problem):
            self._put([loop.ask_again(problem)], now)
            return
        error = no_more_retries(self._step.record, problem, tries=retries + 1, schema_problem=schema_problem)
        self._step.fail(error, now)

    def _accept(self, loop: AgentLoop, now: datetime) -> None:
        """The answer stands: remember it where there is a memory."""
        request = loop.remember(self._step.record.output, now)
        if request is None:
            self._done(now)
        else:
            self._put([request], now)

    def _done(self, now: datetime) -> None:
        self.loop = None
        self._step.done(self._step.record.output, self._step.record.data, now)
