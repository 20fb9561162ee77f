"""A conforming answer to any schema, or a clear refusal."""

from pydantic import JsonValue

from ark_temporal.llm.mock._budget import Budget, CannotAnswerError, current_budget
from ark_temporal.llm.mock._compiled import CompiledSchema, compile_schema
from ark_temporal.llm.mock._fill import Filler
from ark_temporal.llm.mock._words import Setting

MAX_STEPS = 30_000
"""Of each of the two attempts: some tenths of a second at worst."""


def conforming_value(schema: JsonValue, setting: Setting) -> JsonValue:
    """A value that satisfies the schema, the same one each time.

    Args:
        schema: A JSON Schema, Draft 2020-12 unless its `$schema` names another. Nothing is fetched.
        setting: What the value is about.

    Raises:
        CannotAnswerError: None was found within the mock's limits.
    """
    compiled = compile_schema(schema)
    try:
        return _attempt(compiled, setting, lean=False)
    except CannotAnswerError:
        return _attempt(compiled, setting, lean=True)


def _attempt(compiled: CompiledSchema, setting: Setting, *, lean: bool) -> JsonValue:
    budget = Budget(MAX_STEPS)
    token = current_budget.set(budget)
    try:
        value = Filler(compiled, setting, budget).root(lean=lean)
        problem = compiled.problem(value, compiled.root)
    except RecursionError:
        raise CannotAnswerError("#", "it refers to itself without end") from None
    finally:
        current_budget.reset(token)
    if problem is not None:
        place = "/".join(["#", *map(str, problem.absolute_schema_path)])
        raise CannotAnswerError(place, f"the mock's value breaks it: {problem.message[:200]}")
    return value
