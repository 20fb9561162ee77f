"""From a pipeline's steps in a manifest to steps of a plan."""

from typing import Literal

from ark_temporal.manifests import Ensemble, Map, PipelineStep, Switch, Validation
from ark_temporal.plan.compile_gates import People
from ark_temporal.plan.model import LoopPlan, PromptInput, StepPlan, ValidationPlan
from ark_temporal.plan.shapes import EnsemblePlan, LookupPlan, MapPlan, SwitchPlan


def step_plan(
    step: PipelineStep,
    people: People,
    *,
    lookup: LookupPlan | None,
    on_failure: Literal["fail", "park"],
) -> StepPlan:
    """One step.

    Args:
        step: What its manifest says.
        people: Who may be asked to decide.
        lookup: What the registry found for it, where it asks one.
        on_failure: What the team does about a failed step.
    """
    return StepPlan(
        name=step.id,
        role=_first_role(step, lookup),
        inputs=tuple(PromptInput(name=name, template=text) for name, text in step.inputs.items()),
        depends_on=tuple(step.depends_on),
        condition=step.if_,
        loop=LoopPlan(condition=step.loop.condition, max_iterations=step.loop.max_iterations)
        if step.loop
        else None,
        output_schema=step.output_schema.parsed if step.output_schema else None,
        validation=_validation(step.validate_) if step.validate_ else None,
        gates=tuple(people.step_gate(approval) for approval in step.approval),
        map=_map(step.map) if step.map else None,
        ensemble=_ensemble(step.ensemble, step.role) if step.ensemble else None,
        fallback=tuple(step.fallback),
        switch=_switch(step.switch) if step.switch else None,
        lookup=lookup,
        on_failure=step.on_failure or on_failure,
    )


def _first_role(step: PipelineStep, lookup: LookupPlan | None) -> str:
    """The first role that it could be; `role` is only the step's name where something else chooses."""
    if lookup is not None:
        return (*lookup.roles, lookup.fallback)[0]
    if step.switch is not None:
        return next(iter(step.switch.cases.values()))
    if step.ensemble is not None and step.ensemble.roles:
        return step.ensemble.roles[0]
    return step.role


def _map(over: Map) -> MapPlan:
    return MapPlan(
        over=over.over,
        max_concurrency=over.max_concurrency,
        max_items=over.max_items,
        on_failure=over.on_failure,
    )


def _ensemble(ensemble: Ensemble, role: str) -> EnsemblePlan:
    return EnsemblePlan(
        roles=tuple(ensemble.roles) or (role,) * (ensemble.samples or 1),
        join=ensemble.join,
        quorum=ensemble.quorum or 1,
        select=ensemble.select,
        judge=ensemble.judge or "",
    )


def _switch(switch: Switch) -> SwitchPlan:
    return SwitchPlan(value=switch.value, cases=dict(switch.cases), default=switch.default or "")


def _validation(checks: Validation) -> ValidationPlan:
    return ValidationPlan(
        reject_patterns=tuple(checks.reject_patterns),
        contains=checks.contains,
        json_schema=checks.schema_.parsed if checks.schema_ else None,
        semantic=checks.semantic,
        on_failure=checks.on_failure,
        max_retries=checks.max_retries,
    )
