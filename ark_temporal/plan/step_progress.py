"""One step of a run in motion: from its condition to an answer that stands."""

from collections.abc import Sequence
from datetime import datetime

from ark_temporal.plan.accounting import call_record, note_failed_call, note_tool, warn
from ark_temporal.plan.agent_loop import AgentLoop, LoopState
from ark_temporal.plan.asking import Asker, judge_call
from ark_temporal.plan.calls import (
    CallFailure,
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
    ToolList,
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
from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.output import read_verdict
from ark_temporal.plan.prompts import is_truthy, render_prompt, render_text
from ark_temporal.plan.record import Awaiting, Decision, RunError, StepRecord
from ark_temporal.plan.scope import Scope
from ark_temporal.templates import TemplateError


class StepProgress:
    """A step in motion.

    Attributes:
        plan: The step as planned.
        record: What it did.
        loop: Its task; None while it does none.
    """

    def __init__(self, run: Scope, plan: StepPlan, record: StepRecord) -> None:
        self.plan = plan
        self.record = record
        self.loop: AgentLoop | None = None
        self._run = run
        self._asker = Asker(
            plan=plan,
            step=record,
            agent=run.plan.agents[plan.role],
            namespace=run.plan.namespace,
            run=run.record.id,
            run_began=run.record.start_time,
        )

    def start(self, now: datetime) -> None:
        """Begin with the task, or skip it."""
        self.record.start_time = now
        if self.plan.condition is not None:
            verdict = self._render("if", self.plan.condition, now)
            if verdict is None:
                return
            if not is_truthy(verdict):
                self.record.phase, self.record.completion_time = "Skipped", now
                self.record.message = f"Its condition `if` was {verdict.strip()!r}."
                self._run.settle(self.plan.name)
                return
        self.record.phase = "Running"
        self._iterate(now)

    def resume(self, state: LoopState) -> None:
        """Go on with a task of a run that continues as new."""
        self.loop = self._loop(state)
        self.loop.restore(self._run.due)

    def cancel(self, message: str, now: datetime) -> None:
        """Stop, for no fault of the step's own."""
        self.record.phase, self.record.completion_time, self.record.message = "Cancelled", now, message
        self.loop = None

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in what became of a request."""
        error = self.note(request, outcome, now)
        loop = self.loop
        if loop is None:
            return
        match request, outcome:
            case ModelCall(), CallFailure():
                assert error is not None, "a call that failed has its error"
                self._fail(error, now)
            case ModelCall(purpose="validate"), ModelOutcome():
                self._judge(loop, request, outcome, now)
            case ModelCall(), ModelOutcome():
                loop.answered(request, outcome)
                if outcome.tool_calls:
                    self._put(loop.act(now), now)
                else:
                    self._check(loop, outcome, now)
            case ToolInvocation(), ToolOutcome() | CallFailure():
                if loop.take(request, outcome):
                    self._put(loop.go_on(now), now)
                elif isinstance(outcome, CallFailure):
                    self._await(loop, request, outcome, now)
            case SubtaskStart(), _:
                failed = isinstance(outcome, CallFailure)
                loop.started(request, _submitted(request, outcome), is_error=failed)
                self._put(loop.go_on(now), now)
            case MemoryRead(), MemoryOutcome() | CallFailure():
                loop.state.recalled = outcome.texts if isinstance(outcome, MemoryOutcome) else ()
                self._put(loop.first(now), now)
            case MemoryWrite(), _:
                self._settle(now)
            case _:
                pass

    def note(self, request: Request, outcome: Event, now: datetime) -> RunError | None:
        """Put into the record how a request came out; the error where a model call failed."""
        match request, outcome:
            case ModelCall(), CallFailure():
                return note_failed_call(self.record, request.id, outcome, now)
            case ToolInvocation(), ToolOutcome() | CallFailure():
                note_tool(self.record, request.id, outcome, now)
            case SubtaskStart(), _:
                failed = isinstance(outcome, CallFailure)
                told = ToolOutcome(content=_submitted(request, outcome), is_error=failed)
                note_tool(self.record, request.id, told, now)
            case ToolDiscovery(), ToolList() | CallFailure():
                name = f'MCP server "{request.server.name}"' if request.server else "Python tools"
                self._warn(f"{name}: the agent works without them.", outcome)
                self._run.lists[request.id] = outcome if isinstance(outcome, ToolList) else ToolList()
            case MemoryRead(), MemoryOutcome() | CallFailure():
                self._warn(f'Memory "{request.memory.name}": nothing is recalled.', outcome)
            case MemoryWrite(), MemoryOutcome() | CallFailure():
                self._warn(f'Memory "{request.memory.name}": the result is not kept.', outcome)
            case _:
                pass
        return None

    def discovered(self, request: ToolDiscovery, now: datetime) -> None:
        """Ask the model if that was what the step waited for; another step of the role may have asked."""
        if self.loop is not None and self.plan.role == request.role and self.loop.is_preparing:
            self._put(self.loop.first(now), now)

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Carry out what a person decided about a tool call."""
        who = f" by {decision.by}" if decision.by else ""
        why = f": {decision.comment}" if decision.comment else "."
        warn(self.record, f"Tool call {decision.id}: {decision.decision} was decided{who}{why}")
        loop = self.loop
        if loop is None:
            return
        if decision.decision == "reject":
            error = RunError(type="ToolOutcomeUnknown", message=waited.message, step=self.plan.name)
            self._fail(error, now)
            return
        text = decision.text if decision.decision == "answer" else None
        if text is not None:
            note_tool(self.record, decision.id, ToolOutcome(content=text), now)
        requests = loop.resolve(decision.id, text)
        loop.pause(now)
        self._put(requests or loop.go_on(now), now)

    # From the task to its answer

    def _iterate(self, now: datetime) -> None:
        """Do the task, for the first time or once more."""
        try:
            prompt = render_prompt(self.plan, self._run.view)
        except TemplateError as error:
            self._fail(template_failed(self.plan.name, "inputs", error), now)
            return
        self.record.iterations += 1
        self.record.prompt, self.record.model = prompt, self._asker.agent.model
        self.loop = self._loop(LoopState(step=self.plan.name, began=now, prompt=prompt))
        preparations = self.loop.begin()
        self._put(self._run.not_yet_asked(preparations) if preparations else self.loop.first(now), now)

    def _loop(self, state: LoopState) -> AgentLoop:
        run = self._run
        return AgentLoop(
            self._asker,
            state,
            lists=run.lists,
            count=run.count,
            depth=run.depth,
            render=lambda template: render_text(template, run.view),
            new_subtask=run.new_subtask,
        )

    def _put(self, requests: Sequence[Request] | RunError, now: datetime) -> None:
        """Have something asked, or fail for what stands against it."""
        if isinstance(requests, RunError):
            self._fail(requests, now)
            return
        for request in requests:
            size = len(request.model_dump_json().encode())
            if size > self._run.payload_limit:
                whom = "a tool" if isinstance(request, ToolInvocation) else "its model"
                what = f'What step "{self.plan.name}" asks {whom}'
                self._fail(too_large(what, size, self._run.payload_limit), now)
                return
        self._run.due.extend(requests)

    def _await(self, loop: AgentLoop, request: ToolInvocation, failure: CallFailure, now: datetime) -> None:
        """Nobody knows whether an effect took place: a person has to find out, not a guess."""
        message = tool_outcome_unknown(request, failure)
        self._run.record.awaiting.append(
            Awaiting(id=request.id, step=self.plan.name, message=message, since=now)
        )
        loop.pause(now)

    def _check(self, loop: AgentLoop, outcome: ModelOutcome, now: datetime) -> None:
        """An answer to the task came: accept it, have it judged, ask again, or fail."""
        plan, record = self.plan, self.record
        record.model, record.output, record.data = outcome.model, outcome.text, None
        if outcome.stop_reason == "refusal":
            self._fail(refused(record, outcome.model), now)
            return
        if plan.output_schema is not None or plan.validation is not None:
            record.validation_attempts += 1
        if outcome.problems:
            problem = " ".join(outcome.problems)
            self._reject(loop, problem, schema_problem=outcome.schema_problem, now=now)
            return
        if outcome.stop_reason in ("max_tokens", "context_length") and not outcome.text.strip():
            self._fail(cut_off(record, outcome.model), now)
            return
        record.data = parse_data(plan, outcome.text)
        if outcome.stop_reason == "max_tokens":
            limit = self._asker.agent.max_tokens_per_call
            warn(record, f"The answer was cut off at maxTokensPerCall ({limit} tokens).")
        if plan.validation is not None and plan.validation.semantic is not None:
            number = self._run.count(plan.role, "validate")
            self._put([judge_call(self._asker, retries=loop.state.retries, number=number)], now)
        else:
            self._accept(loop, now)

    def _judge(self, loop: AgentLoop, call: ModelCall, outcome: ModelOutcome, now: datetime) -> None:
        """The semantic validator spoke."""
        passed, reason = read_verdict(outcome.text)
        if passed:
            self._accept(loop, now)
            return
        call_record(self.record, call.id).problems = [reason]
        self._reject(loop, f"It did not pass validation: {reason}", schema_problem=False, now=now)

    def _reject(self, loop: AgentLoop, problem: str, *, schema_problem: bool, now: datetime) -> None:
        """Ask the model to mend its answer while the step's bounds allow it, else fail the step."""
        retries = loop.state.retries
        if retries < allowed_retries(self.plan, schema_problem=schema_problem):
            self._put([loop.ask_again(problem)], now)
            return
        error = no_more_retries(self.record, problem, tries=retries + 1, schema_problem=schema_problem)
        self._fail(error, now)

    def _accept(self, loop: AgentLoop, now: datetime) -> None:
        """The answer stands: remember it where there is a memory."""
        request = loop.remember(self.record.output, now)
        if request is None:
            self._settle(now)
        else:
            self._put([request], now)

    def _settle(self, now: datetime) -> None:
        """Go round the loop once more, or be done."""
        plan, record = self.plan, self.record
        self._run.view.show(record)
        self.loop = None
        if plan.loop is not None and record.iterations <= plan.loop.max_iterations:
            verdict = self._render("loop.condition", plan.loop.condition, now)
            if verdict is None:
                return
            if is_truthy(verdict):
                self._iterate(now)
                return
        record.phase, record.completion_time = "Succeeded", now
        self._run.settle(plan.name)

    # What goes wrong

    def _render(self, place: str, template: str, now: datetime) -> str | None:
        """A condition's text; None when it did not render and the step has failed for it."""
        try:
            return render_text(template, self._run.view)
        except TemplateError as error:
            self._fail(template_failed(self.plan.name, place, error), now)
            return None

    def _fail(self, error: RunError, now: datetime) -> None:
        self.record.phase, self.record.completion_time = "Failed", now
        self.record.error, self.record.message = error, error.message
        self.loop = None
        self._run.fail(error, now)

    def _warn(self, what: str, outcome: ToolList | MemoryOutcome | CallFailure) -> None:
        told = [f"{what} {outcome.message}"] if isinstance(outcome, CallFailure) else outcome.warnings
        warn(self.record, *told)


def _submitted(request: SubtaskStart, outcome: Event) -> str:
    if isinstance(outcome, CallFailure):
        return outcome.message
    return f"subtask submitted with id: {request.id}"
