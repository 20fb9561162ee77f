"""Checking a model's answer against what its step demands.

On the worker and not in the workflow: a schema library's next release must not change what a replay decides,
and no large answer may hold up a workflow task.
"""

from collections.abc import Iterable, Iterator

from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from ark_temporal.linear_schema import UnusableSchemaError, is_found, violations
from ark_temporal.plan.calls import OutputChecks
from ark_temporal.plan.output import NoJsonError, extract_json

MAX_PROBLEMS = 5
"""How many violations of one schema are told to the model and kept in the record."""

_MAX_MESSAGE = 300
_MAX_PLACE = 200


def find_problems(text: str, checks: OutputChecks) -> tuple[tuple[str, ...], bool]:
    """Why an answer is not acceptable.

    Returns:
        A sentence for each problem, in the order in which the manifests' checks apply, and whether one of
        them is about the step's `outputSchema`.

    Raises:
        ApplicationError: A schema or a pattern cannot be applied to any answer.
    """
    try:
        schema = checks.output_schema
        broken = tuple(_schema_problems(text, schema)) if schema is not None else ()
        others = [*_pattern_problems(text, checks)]
        if checks.json_schema is not None:
            others.extend(_schema_problems(text, checks.json_schema))
    except UnusableSchemaError as error:
        raise ApplicationError(
            f"What the step's output is checked by {error}. Change the step's outputSchema or validate.",
            type="SchemaUnusable",
            non_retryable=True,
        ) from None
    return (*broken, *others), bool(broken)


def _pattern_problems(text: str, checks: OutputChecks) -> Iterator[str]:
    for pattern in checks.reject_patterns:
        if is_found(pattern, text):
            yield f"It matches the rejected pattern {pattern!r}."
    if checks.contains is not None and not is_found(checks.contains, text):
        yield f"It does not contain a match of {checks.contains!r}."


def _schema_problems(text: str, schema: JsonValue) -> Iterator[str]:
    try:
        value = extract_json(text)
    except NoJsonError as error:
        yield f"{error} It must be JSON that matches the schema."
        return
    try:
        for count, error in enumerate(violations(value, schema)):
            if count == MAX_PROBLEMS:
                yield "And more."
                return
            yield f"At {_place(error.absolute_path)}: {error.message[:_MAX_MESSAGE]}."
    except RecursionError:
        yield "It is nested too deeply to be checked."


def _place(path: Iterable[str | int]) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"${place[:_MAX_PLACE]}"
