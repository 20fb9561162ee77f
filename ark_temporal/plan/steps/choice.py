"""Who does a step's work: what its plan says, what a template chooses, what a model or a registry finds."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ark_temporal.plan.accounting import warn
from ark_temporal.plan.asking import Asker, route_call
from ark_temporal.plan.calls import CallFailure, ChildRun, Event, ModelCall, ModelOutcome, Request
from ark_temporal.plan.errors import template_failed, too_large
from ark_temporal.plan.loop_state import LoopState
from ark_temporal.plan.model import Plan
from ark_temporal.plan.output import NoJsonError, extract_json
from ark_temporal.plan.prompts import render_prompt, render_text
from ark_temporal.plan.record import Awaiting, Decision, RunError
from ark_temporal.plan.shapes import LookupPlan, RoutingPlan, SwitchPlan
from ark_temporal.plan.steps.agent_task import AgentTask
from ark_temporal.plan.steps.body import Body, NotReadyError
from ark_temporal.plan.steps.child import ChildStep
from ark_temporal.plan.steps.parts import Parts
from ark_temporal.templates import TemplateError

if TYPE_CHECKING:
    from ark_temporal.plan.steps.step import Step


def body_for(step: "Step") -> Body:
    """Who does the step's work, found out now.

    Raises:
        NotReadyError: Nobody does.
    """
    plan = step.plan
    if plan.routing is not None:
        return Routed(step, plan.routing)
    if plan.map is not None or plan.ensemble is not None or plan.fallback:
        return Parts(step)
    role = plan.role
    if plan.switch is not None:
        role = _switched(step, plan.switch)
    elif plan.lookup is not None:
        role = _looked_up(step, plan.lookup)
    return work_as(step, role)


def work_as(step: "Step", role: str) -> Body:
    """The role's agent, or its team."""
    step.record.role = role
    if role in step.run.plan.teams:
        return ChildStep(step, role)
    return AgentTask(step, role)


def resumed_body(step: "Step", loops: Mapping[str, LoopState], due: Iterable[Request]) -> Body | None:
    """Who does the step's work in a run that continues as new."""
    mine = [request for request in due if request.step == step.plan.name]
    if step.plan.map is not None or step.plan.ensemble is not None or step.plan.fallback:
        parts = Parts(step)
        parts.resume(loops, due)
        return parts
    if step.plan.routing is not None and any(
        isinstance(one, ModelCall) and one.purpose == "route" for one in mine
    ):
        return Routed(step, step.plan.routing)
    state = loops.get(step.plan.name)
    if state is not None:
        task = AgentTask(step, state.role or step.record.role)
        task.resume(state, mine)
        return task
    child = next((one for one in mine if isinstance(one, ChildRun)), None)
    if child is not None:
        return ChildStep(step, child.role, plan=child.plan, page=child.page)
    return None


def pick(roles: Sequence[str], strategy: str, step: "Step") -> str:
    """One of several roles that can do the same.

    There are no replicas to count here, since any worker takes any task: `least-busy` looks at what the run
    itself has under way, `round-robin` at how often it chose before. Every run begins at a place of its own.
    """
    seed = hashlib.sha256(f"{step.run.record.id}\n{step.plan.name}\n{step.record.iterations}".encode())
    start = int.from_bytes(seed.digest()[:4]) % len(roles)
    if strategy == "random":
        return roles[start]
    run = step.run
    if strategy == "round-robin":
        first = int.from_bytes(hashlib.sha256(run.record.id.encode()).digest()[:4])
        return roles[(first + run.chosen(roles)) % len(roles)]
    order = [*roles[start:], *roles[:start]]
    return min(order, key=run.busy)


class Routed:
    """A model chooses the agent, which then does the work."""

    def __init__(self, step: "Step", routing: RoutingPlan) -> None:
        self._step = step
        self._routing = routing

    def subject(self) -> str:
        """What the chosen agent will be asked.

        Raises:
            NotReadyError: It cannot be said.
        """
        try:
            return self._step.record.edited or render_prompt(self._step.plan, self._step.view)
        except TemplateError as error:
            raise NotReadyError(template_failed(self._step.plan.name, "inputs", error)) from None

    def prepare(self) -> None:
        """Keep what will be asked.

        Raises:
            NotReadyError: It cannot be said.
        """
        self._step.record.prompt = self.subject()

    def begin(self, now: datetime) -> None:
        """Ask the model that chooses, if there is something to choose from."""
        step, run = self._step, self._step.run
        if not self._routing.capabilities:
            self._fall_back("no agent of the registry says what it can do", now)
            return
        asker = Asker(
            plan=step.plan,
            step=step.record,
            agent=run.plan.agents[self._routing.router],
            namespace=run.plan.namespace,
            run=run.record.id,
            run_began=run.record.start_time,
        )
        call = route_call(asker, self._routing, step.record.prompt, run.count(self._routing.router, "route"))
        size = len(call.model_dump_json().encode())
        if size > run.payload_limit:
            step.fail(
                too_large(f'What step "{step.plan.name}" asks its router', size, run.payload_limit), now
            )
            return
        run.due.append(call)

    def take(self, request: Request, outcome: Event, now: datetime) -> None:
        """Take in the choice."""
        if isinstance(outcome, CallFailure):
            self._fall_back(f"the router could not be asked: {outcome.message}", now)
            return
        if not isinstance(outcome, ModelOutcome):
            return
        try:
            choice = extract_json(outcome.text)
        except NoJsonError:
            choice = None
        said = choice if isinstance(choice, dict) else {}
        wanted, reason = str(said.get("capability", "")), str(said.get("reason", ""))
        found = next((one for one in self._routing.capabilities if one.id == wanted), None)
        if found is None:
            why = f'it named "{wanted[:100]}", which nobody can do' if wanted else "its answer cannot be read"
            self._fall_back(f"the router's choice is of no use: {why}", now)
            return
        self._step.record.selected_capability = found.id
        self._go_on(pick(found.roles, self._routing.strategy, self._step), reason[:2000], now)

    def decide(self, waited: Awaiting, decision: Decision, now: datetime) -> None:
        """A router calls no tools."""

    def cancel(self, message: str, now: datetime) -> None:
        """Nothing is under way beside the step's own request."""

    def loops(self) -> Sequence[LoopState]:
        """None: the router is asked once."""
        return ()

    def _fall_back(self, why: str, now: datetime) -> None:
        step = self._step
        if not self._routing.fallback:
            message = f'Step "{step.plan.name}" found no agent, and `routing.fallback` names none: {why}.'
            step.fail(RunError(type="NoAgentFound", message=message, step=step.plan.name), now)
            return
        warn(step.record, f"The fallback agent was taken: {why}.")
        self._go_on(self._routing.fallback, why, now)

    def _go_on(self, role: str, reason: str, now: datetime) -> None:
        step = self._step
        step.record.resolved_agent = agent_name(step.run.plan, role)
        step.record.routing_reason = reason
        step.record.edited = step.record.prompt
        step.body = body = work_as(step, role)
        try:
            body.prepare()
        except NotReadyError as error:
            step.fail(error.error, now)
            return
        body.begin(now)


def agent_name(plan: Plan, role: str) -> str:
    """What plays a role."""
    return plan.teams[role].team if role in plan.teams else plan.agents[role].agent


def _switched(step: "Step", switch: SwitchPlan) -> str:
    try:
        value = render_text(switch.value, step.view).strip()
    except TemplateError as error:
        raise NotReadyError(template_failed(step.plan.name, "switch.value", error)) from None
    role = switch.cases.get(value, switch.default)
    if not role:
        message = (
            f'Step "{step.plan.name}" has no case for {json.dumps(value[:200], ensure_ascii=False)} in its '
            "`switch`, and no `default`."
        )
        raise NotReadyError(RunError(type="NoCase", message=message, step=step.plan.name))
    step.record.resolved_agent = agent_name(step.run.plan, role)
    step.record.routing_reason = f"switch: {value[:200]}"
    return role


def _looked_up(step: "Step", lookup: LookupPlan) -> str:
    role = pick(lookup.roles, lookup.strategy, step) if lookup.roles else lookup.fallback
    if not role:
        message = f'Step "{step.plan.name}": the registry has no agent that can do "{lookup.capability}".'
        raise NotReadyError(RunError(type="NoAgentFound", message=message, step=step.plan.name))
    step.record.resolved_agent = agent_name(step.run.plan, role)
    step.record.selected_capability = lookup.capability
    step.record.routing_reason = lookup.strategy if lookup.roles else "fallback"
    return role
