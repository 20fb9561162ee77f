"""A run's input: what the caller gave, checked against what the team declares, with defaults filled in."""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from ark_temporal.plan.model import InputPlan, InputType, Plan

_PYTHON_TYPES: dict[InputType, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


TASK_INPUT = "task"
"""The input that a task in bare words becomes."""


class InputError(ValueError):
    """The input of a run does not fit its team.

    Attributes:
        problems: One full sentence for each thing that is wrong.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def resolve_input(plan: Plan, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Merge the caller's input over the defaults and bring it to the declared types.

    A key that the team does not declare passes as it is. Text given for an input of another type is read as
    JSON, so that `-i count=3` and a template's result mean what they say.

    Raises:
        InputError: A required input is missing, or a value is not of its declared type.
    """
    types: dict[str, InputType] = {declared.name: declared.type for declared in plan.inputs}
    resolved: dict[str, JsonValue] = {**plan.input_defaults}
    resolved.update({each.name: each.default for each in plan.inputs if each.default is not None})
    resolved.update({name: value for name, value in given.items() if value is not None or name not in types})
    problems = [
        _missing(plan, each) for each in plan.inputs if each.required and resolved.get(each.name) is None
    ]
    for name, value in resolved.items():
        try:
            resolved[name] = _writable(coerce(value, types[name]) if name in types else value)
        except ValueError as error:
            problems.append(f'Input "{name}" of team "{plan.team}" {error}')
    if problems:
        raise InputError(problems)
    return resolved


def task_input(plan: Plan, text: str) -> dict[str, JsonValue]:
    """The input that bare text becomes, for a team that is told what to do in a sentence or more.

    That is the input `task`; where the plan declares others and none of that name, its only required one
    without a default, else the first that can take the text.

    Args:
        plan: What would run.
        text: The task.

    Raises:
        InputError: None of the declared inputs can take it.
    """
    if not plan.inputs or any(each.name == TASK_INPUT for each in plan.inputs):
        return {TASK_INPUT: text}
    needed = [each for each in plan.inputs if each.required and each.default is None]
    for each in needed if len(needed) == 1 else plan.inputs:
        try:
            return {each.name: coerce(text, each.type)}
        except ValueError:
            continue
    named = ", ".join(f"{each.name} ({each.type})" for each in needed or plan.inputs)
    message = f'Team "{plan.team}" has no input that takes a bare task, but {named}. Give those with -i.'
    raise InputError([message])


def coerce(value: JsonValue, wanted: InputType) -> JsonValue:
    """The value as the wanted type; text is read as JSON where text is not wanted.

    Raises:
        ValueError: It cannot be read so.
    """
    if wanted == "string" and isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and wanted != "string":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f"must be of type {wanted}, not the text {_short(value)}.") from None
    if wanted == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    fits = isinstance(value, _PYTHON_TYPES[wanted])
    if isinstance(value, bool) and wanted != "boolean":
        fits = False
    if not fits:
        raise ValueError(f"must be of type {wanted}, not {_short(json.dumps(value))}.")
    return value


def _writable(value: JsonValue) -> JsonValue:
    """The value, if JSON can say it: a shell passes bytes that are no text, and Python reads `NaN`."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise ValueError(
            "cannot be written as JSON: it holds NaN, an infinite number or text that is not UTF-8, or it is "
            "nested too deeply."
        ) from None
    return value


def _missing(plan: Plan, declared: InputPlan) -> str:
    about = f" ({declared.description.strip()})" if declared.description.strip() else ""
    return (
        f'Team "{plan.team}" needs the input "{declared.name}"{about}: '
        f"give it with -i {declared.name}=... or in --input."
    )


def _short(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}...")
