"""A step that is done in parts: an item of a list each, several roles at once, or one role after another."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from ark_temporal.plan.accounting import absorb, warn
from ark_temporal.plan.calls import Event, ItemResult, Page, Request
from ark_temporal.plan.errors import template_failed
from ark_temporal.plan.judging import asks_for_json
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import StepPlan
from ark_temporal.plan.prompts import TemplateView, render_prompt
from ark_temporal.plan.record import Awaiting, Decision, RunError, StepRecord
from ark_temporal.plan.steps.body import Body, NotReadyError
from ark_temporal.plan.steps.child import ChildStep
from ark_temporal.plan.steps.joins import JUDGE_SCHEMA, Answer, judge_prompt, lost, select, state_of
from ark_temporal.plan.steps.listing import items_of, page_plan, pages_of
from ark_temporal.templates import TemplateError

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step

JUDGE = "judge"

_FALLBACKS_END = frozenset({"Rejected", "ApprovalTimedOut", "ToolOutcomeUnknown", "TemplateError"})
"""Failures after which no other role is tried: people have decided, or it would fail just so."""

_NAMED_ERRORS = 5


@dataclass(frozen=True)
class _Unit:
    """One part: whose work it is, what its templates see, and the part of the list that it is."""

    role: str
    view: TemplateView
    page: Page | None = None


@dataclass
class _Tally:
    """How the parts came out so far."""

    done: dict[int, StepRecord] = field(default_factory=dict[int, StepRecord])
    failed: dict[int, RunError] = field(default_factory=dict[int, RunError])

    @property
    def ended(self) -> int:
        return len(self.done) + len(self.failed)

    def in_order(self) -> list[StepRecord]:
        """What was done, by its place and not by when it came: a judge's number means the same later."""
        return [record for _, record in sorted(self.done.items())]


class Parts:
    """The parts of a step at work."""

    def __init__(self, step: "Step") -> None:
        self._step = step
        self._units: Sequence[_Unit] = ()
        self._width = 1
        self._open: dict[str, Step] = {}
        self._next = 0
        self._tally = _Tally()
        self._is_starting = False
        self._window = 0

    def subject(self) -> str:
        """The list as JSON, or the prompt that all parts have.

        Raises:
            NotReadyError: A template does not render.
        """
        step = self._step
        if step.record.edited:
            return step.record.edited
        if step.plan.map is not None:
            return json.dumps(items_of(step), ensure_ascii=False, indent=2)
        try:
            return render_prompt(step.plan, step.view)
        except TemplateError as error:
            raise NotReadyError(template_failed(step.plan.name, "inputs", error)) from None

    def prepare(self) -> None:
        """Find out what the parts are.

        Raises:
            NotReadyError: It cannot be said, or there are too many.
        """
        step, plan = self._step, self._step.plan
        if plan.map is not None:
            self._width, self._window, pages = pages_of(step, items_of(step))
            self._units = [
                _Unit(plan.role, _item_view(step.view, page), page if self._window else None)
                for page in pages
            ]
            return
        step.record.prompt = self.subject()
        roles = plan.ensemble.roles if plan.ensemble is not None else (plan.role, *plan.fallback)
        self._width = len(roles) if plan.ensemble is not None else 1
        self._units = [_Unit(role, step.view.with_more({})) for role in roles]

    def begin(self, now: datetime) -> None:
        """Start as many parts as may be under way; parts that were done well before are left as they are."""
        record = self._step.record
        kept = {each.name: each for each in record.branches if self._still_holds(each)}
        record.branches, record.parts = [], len(self._units)
        for place in range(len(self._units)):
            if (part := kept.get(self._name(place))) is not None:
                self._tally.done[place] = part
                record.branches.append(part)
        self._go_on(now)

    def _still_holds(self, part: StepRecord) -> bool:
        """Whether a part was done well before the step failed, and would be asked for just the same."""
        record = self._step.record
        is_again = bool(record.restarts or record.reused_from) and not record.edited
        return is_again and part.phase == "Succeeded" and part.iterations == record.iterations

    def resume(self, loops: Mapping[str, LoopState], due: Iterable[Request]) -> None:
        """Go on in a run that continues as new."""
        self.prepare()
        step, due = self._step, list(due)
        for record in sorted(step.record.branches, key=lambda one: str(one.completion_time or "later")):
            label = record.name.rpartition("[")[2].rstrip("]")
            if label == JUDGE:
                part = self._part(self._judge_plan(), record, step.view)
            else:
                place = int(label)
                self._next = max(self._next, place + 1)
                if record.phase == "Succeeded":
                    self._tally.done[place] = record
                elif record.phase == "Failed":
                    self._tally.failed[place] = record.error or RunError(
                        type="Failed", message=record.message
                    )
                part = self._part(self._plan_of(place), record, self._units[place].view)
            if record.phase == "Running":
                self._open[record.name] = step.run.steps[record.name] = part
                part.resume(loops, due)

    def loops(self) -> Iterable[LoopState]:
        """The tasks of the parts that are under way."""
        for part in self._open.values():
            yield from part.loops()

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Parts are told themselves."""

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """Parts are told themselves."""

    def cancel(self, message: str, now: datetime) -> None:
        """Cancel the parts that are under way."""
        for name, part in list(self._open.items()):
            del self._open[name]
            part.cancel(message, now)
            self._forget(part)

    # What parts say

    def settled(self, step: "Step", now: datetime) -> None:
        """A part has succeeded."""
        self._open.pop(step.record.name, None)
        self._forget(step)
        if step.record.name == self._name(JUDGE):
            self._judged(step.record, now)
            return
        self._tally.done[self._place(step)] = step.record
        self._go_on(now)

    def failed(self, step: "Step", error: RunError, now: datetime) -> None:
        """A part has failed."""
        self._open.pop(step.record.name, None)
        self._forget(step)
        if step.record.name == self._name(JUDGE):
            self._step.fail(error.model_copy(update={"step": self._step.plan.name}), now)
            return
        self._tally.failed[self._place(step)] = error
        self._go_on(now)

    # What is next

    def _go_on(self, now: datetime) -> None:
        """Start what may start, until the parts are enough, or cannot be any more."""
        if self._is_starting:
            return
        self._is_starting = True
        try:
            while not self._is_decided(now) and self._next < len(self._units):
                if len(self._open) >= self._width:
                    return
                place, self._next = self._next, self._next + 1
                if place not in self._tally.done:
                    self._start(place, now)
        finally:
            self._is_starting = False

    def _is_decided(self, now: datetime) -> bool:
        plan = self._step.plan
        if self._step.body is not self:
            return True
        if plan.map is not None:
            return self._is_list_decided(now)
        if plan.ensemble is not None:
            return self._is_ensemble_decided(now)
        return self._is_fallback_decided(now)

    def _is_list_decided(self, now: datetime) -> bool:
        tally, step = self._tally, self._step
        assert step.plan.map is not None, "only a map has a list"
        if tally.failed and (step.plan.map.on_failure == "fail" or self._window):
            place, error = next(iter(tally.failed.items()))
            step.fail(self._about_item(place, error), now)
            return True
        if tally.ended < len(self._units):
            return False
        results = self._results()
        errors = [one.error for one in results if one.error is not None]
        if step.run.page is not None:
            step.run.items = results
            step.done("", None, now)
            return True
        if results and len(errors) == len(results):
            what = f'Not one of the {len(results)} items of step "{step.plan.name}"'
            message = f"{what} was done. {errors[0].message}"
            step.fail(RunError(type="NoItemDone", message=message, step=step.plan.name), now)
            return True
        if errors:
            some = " ".join(error.message for error in errors[:_NAMED_ERRORS])
            warn(step.record, f"{len(errors)} of {len(results)} items were not done, and are null: {some}")
        values: JsonValue = [one.value for one in results]
        step.done(json.dumps(values, ensure_ascii=False), values, now)
        return True

    def _results(self) -> list[ItemResult]:
        """What came of all items, in their order."""
        results: list[ItemResult] = []
        for place in range(len(self._units)):
            record = self._tally.done.get(place)
            if record is None:
                results.append(ItemResult(error=self._about_item(place, self._tally.failed[place])))
            elif self._window:
                rows = record.data if isinstance(record.data, list) else []
                results.extend(ItemResult.model_validate(row) for row in rows)
            else:
                results.append(ItemResult(value=self._value(record)))
        return results

    def _value(self, record: StepRecord) -> JsonValue:
        return record.data if asks_for_json(self._step.plan) else record.output

    def _about_item(self, place: int, error: RunError) -> RunError:
        if self._window:
            return error.model_copy(update={"step": self._step.plan.name})
        page = self._step.run.page
        message = f"Item {place + (page.offset if page else 0)}: {error.message}"
        return error.model_copy(update={"message": message, "step": self._step.plan.name})

    def _is_ensemble_decided(self, now: datetime) -> bool:
        step, ensemble = self._step, self._step.plan.ensemble
        assert ensemble is not None, "only an ensemble is joined"
        if self._name(JUDGE) in self._open:
            return True
        answers = {
            place: Answer(record.role, record.output, record.data)
            for place, record in self._tally.done.items()
        }
        state = state_of(ensemble, answers, len(self._tally.failed))
        if state == "wait":
            return False
        self.cancel("The others were enough." if state == "enough" else "The others have failed.", now)
        if state == "lost":
            step.fail(self._lost(), now)
        elif ensemble.select == "judge" and len(answers) > 1:
            record = self._record(JUDGE, ensemble.judge)
            self._run(self._part(self._judge_plan(), record, step.view), None, now)
        else:
            answer = select(ensemble, answers)
            step.done(answer.output, answer.data, now)
        return True

    def _judged(self, record: StepRecord, now: datetime) -> None:
        """The judge has chosen."""
        choice = record.data.get("choice") if isinstance(record.data, dict) else None
        picked = self._tally.in_order()
        if not isinstance(choice, int) or not 1 <= choice <= len(picked):
            message = (
                f'The judge of step "{self._step.plan.name}" chose {choice!r}, which is none of the answers.'
            )
            self._step.fail(RunError(type="OutputInvalid", message=message, step=self._step.plan.name), now)
            return
        best = picked[choice - 1]
        self._step.record.resolved_agent = best.role
        self._step.record.routing_reason = (
            str(record.data.get("reason", "")) if isinstance(record.data, dict) else ""
        )
        self._step.done(best.output, best.data, now)

    def _is_fallback_decided(self, now: datetime) -> bool:
        step, tally = self._step, self._tally
        for record in tally.done.values():
            step.record.role = record.role
            step.record.resolved_agent = record.role
            if tally.failed:
                why = " ".join(error.message for error in tally.failed.values())
                step.record.routing_reason = why
                warn(step.record, f'Role "{record.role}" did it after others had failed: {why}')
            step.done(record.output, record.data, now)
            return True
        last = list(tally.failed.values())[-1] if tally.failed else None
        if last is not None and (last.type in _FALLBACKS_END or tally.ended == len(self._units)):
            step.fail(self._lost(), now)
            return True
        return False

    def _lost(self) -> RunError:
        """Too many parts have failed, or they do not agree."""
        roles = [unit.role for unit in self._units]
        return lost(self._step.plan, roles, self._tally.failed, said=len(self._tally.done))

    # Parts

    def _start(self, place: int, now: datetime) -> None:
        unit, step = self._units[place], self._step
        record = self._record(place, unit.role)
        if step.plan.map is None:
            record.edited = step.record.edited
        part = self._part(self._plan_of(place), record, unit.view)
        body = (
            ChildStep(part, unit.role, plan=page_plan(step, self._window), page=unit.page)
            if unit.page is not None
            else None
        )
        self._run(part, body, now)

    def _record(self, label: int | str, role: str) -> StepRecord:
        """A part's record; its requests are called by the step's iteration and restarts too."""
        whole = self._step.record
        begun = whole.iterations - 1
        record = StepRecord(name=self._name(label), role=role, iterations=begun, restarts=whole.restarts)
        if model := self._step.run.models.get(whole.name):
            self._step.run.models[record.name] = model
        return record

    def _run(self, part: "Step", body: Body | None, now: datetime) -> None:
        self._step.record.branches.append(part.record)
        self._open[part.record.name] = self._step.run.steps[part.record.name] = part
        part.start(now, body)

    def _part(self, plan: StepPlan, record: StepRecord, view: TemplateView) -> "Step":
        return type(self._step)(self._step.run, self, plan, record, view=view)

    def _plan_of(self, place: int) -> StepPlan:
        plan = self._step.plan
        return StepPlan(
            name=self._name(place),
            role=self._units[place].role,
            inputs=plan.inputs,
            output_schema=plan.output_schema,
            validation=plan.validation,
        )

    def _judge_plan(self) -> StepPlan:
        ensemble, record = self._step.plan.ensemble, self._step.record
        assert ensemble is not None, "only an ensemble has a judge"
        answers = [Answer(one.role, one.output, one.data) for one in self._tally.in_order()]
        return StepPlan(
            name=self._name(JUDGE),
            role=ensemble.judge,
            prompt=judge_prompt(record.prompt, answers),
            output_schema=JUDGE_SCHEMA,
        )

    def _forget(self, part: "Step") -> None:
        self._step.run.steps.pop(part.record.name, None)
        absorb(self._step.record, part.record)

    def _name(self, label: int | str) -> str:
        return f"{self._step.plan.name}[{label}]"

    def _place(self, part: "Step") -> int:
        return int(part.record.name.rpartition("[")[2].rstrip("]"))


def _item_view(view: TemplateView, page: Page) -> TemplateView:
    """What the templates of an item see; those of a whole part of the list are read in a run of its own."""
    return view.with_more({"item": page.items[0] if page.items else None, "index": page.offset})
