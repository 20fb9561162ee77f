"""Checking a model's answer against what its step demands.

On the worker and not in the workflow: a schema library's next release must not change what a replay decides,
and no large answer may hold up a workflow task.
"""

import functools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, cast

from pydantic import JsonValue

from ark_temporal.plan.calls import OutputChecks
from ark_temporal.plan.output import NoJsonError, extract_json

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

MAX_PROBLEMS = 5
"""How many violations of one schema are told to the model and kept in the record."""


def find_problems(text: str, checks: OutputChecks) -> tuple[tuple[str, ...], bool]:
    """Why an answer is not acceptable.

    Returns:
        A sentence for each problem, in the order in which the manifests' checks apply, and whether one of
        them is about the step's `outputSchema`.
    """
    broken = tuple(_schema_problems(text, checks.output_schema)) if checks.output_schema is not None else ()
    others = [*_pattern_problems(text, checks)]
    if checks.json_schema is not None:
        others.extend(_schema_problems(text, checks.json_schema))
    return (*broken, *others), bool(broken)


def _pattern_problems(text: str, checks: OutputChecks) -> Iterator[str]:
    for pattern in checks.reject_patterns:
        if _pattern(pattern).search(text):
            yield f"It matches the rejected pattern {pattern!r}."
    if checks.contains is not None and not _pattern(checks.contains).search(text):
        yield f"It does not contain a match of {checks.contains!r}."


def _schema_problems(text: str, schema: JsonValue) -> Iterator[str]:
    try:
        value = extract_json(text)
    except NoJsonError as error:
        yield f"{error} It must be JSON that matches the schema."
        return
    errors = _validator(json.dumps(schema)).iter_errors(value)
    for count, error in enumerate(errors):
        if count == MAX_PROBLEMS:
            yield "And more."
            return
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        yield f"At ${place}: {error.message[:300]}."


@functools.lru_cache(maxsize=256)
def _validator(schema: str) -> "Validator":
    import jsonschema
    from jsonschema import validators
    from referencing import Registry
    from referencing.jsonschema import SchemaRegistry

    parsed = json.loads(schema)
    dialect: type[Validator] = validators.validator_for(parsed, default=jsonschema.Draft202012Validator)
    # The stubs say nothing about `extend`, which gives a class like the one it takes.
    linear = cast("type[Validator]", validators.extend(dialect, {"pattern": _check_pattern}))  # pyright: ignore[reportUnknownMemberType]
    nothing_to_fetch: SchemaRegistry = Registry()
    return linear(parsed, registry=nothing_to_fetch, format_checker=dialect.FORMAT_CHECKER)


def _check_pattern(
    validator: "Validator", pattern: str, instance: object, schema: object
) -> "Iterator[ValidationError]":
    """The keyword `pattern` by RE2, so that no answer can make it run away."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and not _pattern(pattern).search(instance):
        yield ValidationError(f"{instance[:100]!r} does not match {pattern!r}")


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str) -> "_Pattern":
    """Compiled by RE2; a pattern that only Python's engine knows, such as a look-ahead, by that one."""
    import re2  # pyright: ignore[reportMissingTypeStubs]

    options = re2.Options()
    options.log_errors = False
    try:
        return cast(_Pattern, re2.compile(pattern, options=options))  # pyright: ignore[reportUnknownMemberType]
    except re2.error:  # pyright: ignore[reportUnknownMemberType]
        return re.compile(pattern)


class _Pattern(Protocol):
    def search(self, text: str, /) -> object: ...
