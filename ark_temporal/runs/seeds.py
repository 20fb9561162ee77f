"""What a run can take over of another one: the results that still hold, as they are or edited."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Literal

from pydantic import JsonValue

from ark_temporal.linear_schema import UnusableSchemaError, violations
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.plan.model import Plan, StepPlan
from ark_temporal.plan.record import RunRecord, StepRecord

EDITED = "The result was edited when it was taken over."

_DONE = ("Succeeded", "Skipped")


class SeedError(ValueError):
    """What a run was to take over of another one, it cannot."""


@dataclass(frozen=True)
class Edit:
    """Another result for a step.

    Attributes:
        value: Text for `output`, JSON for `data`.
    """

    step: str
    field: Literal["output", "data"]
    value: JsonValue


def failed_step(record: RunRecord) -> str | None:
    """The first step that failed; None where the run ended for another reason."""
    failed = [step.name for step in record.steps if step.phase == "Failed"]
    named = record.error.step.partition("[")[0] if record.error and record.error.step else ""
    return named if named in failed else next(iter(failed), None)


def kept_steps(record: RunRecord, plan: Plan, again: Collection[str]) -> list[StepRecord]:
    """The steps that are done and stay so, when some are done again.

    A step stays that succeeded or was skipped, that the plan has, and that depends on no step that does not
    stay.

    Args:
        record: The run that did them.
        plan: That of the run that takes them over.
        again: The steps that are done again.
    """
    done = {step.name for step in record.steps if step.phase in _DONE} - set(again)
    waits_for = {step.name: step.depends_on for step in plan.steps}
    kept: set[str] = set()
    for name in TopologicalSorter(waits_for).static_order():
        if name in done and kept.issuperset(waits_for[name]):
            kept.add(name)
    return [step for step in record.steps if step.name in kept]


def kept_parts(
    record: RunRecord, old: Plan, new: Plan, kept: Sequence[StepRecord], again: Collection[str]
) -> list[StepRecord]:
    """The steps that were not done, some of whose parts were: those parts stay.

    Only where the parts are those of the same list, or ask the same thing of the same agents: a part is found
    by its place.

    Args:
        record: The run that did them.
        old: Its plan.
        new: That of the run that takes them over.
        kept: The steps that stay.
        again: The steps that are done again from their beginning.
    """
    staying = {step.name for step in kept}
    plans = {step.name: step for step in new.steps}
    return [
        step
        for step in record.steps
        if step.phase not in _DONE
        and step.name not in again
        and step.name in plans
        and staying.issuperset(plans[step.name].depends_on)
        and any(part.phase == "Succeeded" for part in step.branches)
        and _has_same_parts(old, new, step.name)
    ]


def changed_steps(kept: Sequence[StepRecord], old: Plan, new: Plan) -> list[str]:
    """The steps that stay although the new plan would do them differently."""
    known = {step.name for step in old.steps}
    return [
        step.name
        for step in kept
        if step.name in known and _asked(old, old.step(step.name)) != _asked(new, new.step(step.name))
    ]


def check_step(plan: Plan, name: str) -> None:
    """See to it that a plan has a step.

    Raises:
        SeedError: It has none of that name; the message names the nearest.
    """
    names = [step.name for step in plan.steps]
    if name not in names:
        hint = did_you_mean(name, names, among="Its steps are")
        raise SeedError(f'Team "{plan.team}" has no step "{name}". {hint}')


def edited(kept: Sequence[StepRecord], plan: Plan, edits: Sequence[Edit]) -> list[StepRecord]:
    """The steps that stay, with other results for some of them.

    Raises:
        SeedError: There is no such step, it does not stay, or its result may not be what it is to be.
    """
    by_step: dict[str, dict[str, JsonValue]] = {}
    staying = {step.name for step in kept}
    for edit in edits:
        check_step(plan, edit.step)
        if edit.step not in staying:
            raise SeedError(
                f'The result of step "{edit.step}" cannot be set, because the step is done again: only '
                f"results that stay can be. Those are of: {', '.join(sorted(staying)) or 'none'}."
            )
        by_step.setdefault(edit.step, {})[edit.field] = edit.value
    return [_edit(step, plan.step(step.name), by_step.get(step.name)) for step in kept]


def _has_same_parts(old: Plan, new: Plan, name: str) -> bool:
    before, after = old.step(name), new.step(name)
    if before.map is not None and after.map is not None:
        return before.map.over == after.map.over and before.depends_on == after.depends_on
    return _asked(old, before) == _asked(new, after)


def _asked(plan: Plan, step: StepPlan) -> tuple[object, ...]:
    players = {**plan.agents, **plan.teams}
    return (step, *(players.get(role) for role in step.roles))


def _edit(record: StepRecord, step: StepPlan, given: Mapping[str, JsonValue] | None) -> StepRecord:
    if given is None:
        return record
    structured = step.output_schema is not None or step.map is not None
    if "data" in given:
        data = given["data"]
        output = str(given["output"]) if "output" in given else json.dumps(data, ensure_ascii=False)
    else:
        output = str(given["output"])
        data = _read(step, output) if structured else None
    if structured:
        _check(step, data)
    told = {"phase": "Succeeded", "output": output, "data": data, "message": "", "branches": []}
    return record.model_copy(update={**told, "warnings": [*record.warnings, EDITED]})


def _read(step: StepPlan, output: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(output)
    except (ValueError, RecursionError) as error:
        raise SeedError(f'The output of step "{step.name}" must be JSON, and this is not: {error}.') from None
    return value


def _check(step: StepPlan, data: JsonValue) -> None:
    """A step that is done once for every item says in its schema what one item's result is."""
    if step.map is None:
        _match(step, "data", data)
        return
    if not isinstance(data, list):
        raise SeedError(
            f'The data of step "{step.name}" must be a list: the step is done once for each item.'
        )
    for index, item in enumerate(data):
        _match(step, f"data[{index}]", item)


def _match(step: StepPlan, place: str, value: JsonValue) -> None:
    if step.output_schema is None:
        return
    try:
        problem = next(iter(violations(value, step.output_schema)), None)
    except (UnusableSchemaError, RecursionError) as error:
        raise SeedError(f'The result of step "{step.name}" cannot be checked: its schema {error}.') from None
    if problem is not None:
        within = "".join(f"[{part!r}]" for part in problem.absolute_path)
        raise SeedError(
            f'This is no result for step "{step.name}", by its outputSchema: '
            f"{place}{within}: {problem.message}."
        )
