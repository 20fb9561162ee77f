"""A run of its own does a step's work: a team, or a part of a map."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ark_temporal.plan.calls import CallFailure, ChildOutcome, ChildRun, Event, Page, Request
from ark_temporal.plan.errors import template_failed, too_large
from ark_temporal.plan.judging import schema_problem
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import Plan
from ark_temporal.plan.output import NoJsonError, extract_json
from ark_temporal.plan.prompts import render_inputs
from ark_temporal.plan.record import Awaiting, Decision, RunError
from ark_temporal.plan.steps.body import NotReadyError
from ark_temporal.plan.steps.listing import page_input
from ark_temporal.plan.subtasks import plan_for
from ark_temporal.templates import TemplateError

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step


class ChildStep:
    """A run of its own at a step's work."""

    def __init__(
        self, step: "Step", role: str, *, plan: Plan | None = None, page: Page | None = None
    ) -> None:
        """Make one.

        Args:
            step: The step.
            role: Whose work it is.
            plan: What runs; None runs the role's team.
            page: The part of a map that it does.
        """
        self._step = step
        self._role = role
        self._plan = plan or plan_for(step.run.plan, role)
        self._page = page
        self._input: dict[str, JsonValue] = {}

    def subject(self) -> str:
        """The team's input as JSON.

        Raises:
            NotReadyError: An input's template does not render.
        """
        step = self._step
        if step.record.edited:
            return step.record.edited
        try:
            return json.dumps(render_inputs(step.plan, step.view), ensure_ascii=False, indent=2)
        except TemplateError as error:
            raise NotReadyError(template_failed(step.plan.name, "inputs", error)) from None

    def prepare(self) -> None:
        """Put the input together.

        Raises:
            NotReadyError: An input's template does not render, or what people put in its place is no object.
        """
        record = self._step.record
        if self._page is not None:
            self._input = page_input(self._step, self._plan)
            return
        record.prompt = self.subject()
        try:
            given = json.loads(record.prompt)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            message = f'The input of step "{record.name}" is a JSON object of the team\'s inputs.'
            raise NotReadyError(RunError(type="InvalidInput", message=message, step=record.name))
        self._input = given

    def begin(self, now: datetime) -> None:
        """Have the run started."""
        step = self._step
        request = ChildRun(
            id=step.run.new_child(self._role),
            step=step.plan.name,
            role=self._role,
            plan=self._plan,
            input=self._input,
            task=step.record.prompt,
            depth=step.run.depth + (self._page is None),  # a list's length is no level
            page=self._page,
        )
        if request.depth > step.run.plan.max_depth:
            limit = step.run.plan.max_depth
            message = f'Step "{step.plan.name}" starts no run: runs go {limit} deep at most.'
            step.fail(RunError(type="TooDeep", message=message, step=step.plan.name), now)
            return
        size = len(request.model_dump_json().encode())
        if size > step.run.payload_limit:
            what = f'What step "{step.plan.name}" hands to a run of its own'
            step.fail(too_large(what, size, step.run.payload_limit), now)
            return
        step.record.child = request.id
        step.run.due.append(request)

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in how the run came out."""
        match outcome:
            case CallFailure():
                error = RunError(type=outcome.type, message=outcome.message)
                self._step.fail(self._explained(error), now)
            case ChildOutcome(error=RunError() as error):
                self._step.fail(self._explained(error), now)
            case ChildOutcome() if self._page is not None:
                items: JsonValue = [item.model_dump(mode="json") for item in outcome.items]
                self._step.done("", items, now)
            case ChildOutcome():
                self._finish(outcome, now)
            case _:
                pass

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """What people decide about a run, they tell that run."""

    def cancel(self, message: str, now: datetime) -> None:
        """The run is cancelled with its request."""

    def loops(self) -> Sequence[LoopState]:
        """None: tasks are the run's own."""
        return ()

    def _finish(self, outcome: ChildOutcome, now: datetime) -> None:
        schema, step = self._step.plan.output_schema, self._step
        if schema is None:
            step.done(outcome.output, None, now)
            return
        try:
            data = extract_json(outcome.output)
            problem = schema_problem(data, schema)
        except NoJsonError as error:
            data, problem = None, str(error)
        if problem:
            message = f'The result of step "{step.plan.name}" does not match its outputSchema. {problem}'
            step.fail(RunError(type="OutputInvalid", message=message, step=step.plan.name), now)
            return
        step.done(outcome.output, data, now)

    def _explained(self, error: RunError) -> RunError:
        step = self._step
        message = f'Run {step.record.child} of step "{step.plan.name}" did not succeed: {error.message}'
        return RunError(type=error.type, message=message, step=step.plan.name, attempt=error.attempt)
