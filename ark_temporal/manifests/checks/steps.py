"""Checks of single steps: schemas, patterns, lookups."""

from collections.abc import Iterator

from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.patterns import check_pattern
from ark_temporal.manifests.checks.schemas import check_schema
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.pipeline import RegistryLookup, Validation


def check_steps(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about what a step demands of its output, and who does it."""
    for index, step in enumerate(team.spec.pipeline):
        path = ("spec", "pipeline", index)
        yield from check_schema(step.output_schema, (*path, "outputSchema"))
        if step.validate_ is not None:
            yield from _validation(step.validate_, (*path, "validate"))
        if step.registry_lookup is not None:
            yield from _lookup(step.registry_lookup, (*path, "registryLookup"))


def _validation(validation: Validation, path: Path) -> Iterator[Finding]:
    yield from check_schema(validation.schema_, (*path, "schema"))
    if validation.contains is not None:
        yield from check_pattern(validation.contains, (*path, "contains"))
    for number, pattern in enumerate(validation.reject_patterns):
        yield from check_pattern(pattern, (*path, "rejectPatterns", number))
    checks = (validation.contains, validation.schema_, validation.semantic, *validation.reject_patterns)
    if all(each is None for each in checks):
        message = "`validate` checks nothing."
        hint = "Add `contains`, `schema`, `semantic` or `rejectPatterns`."
        yield Finding(path, "empty-validation", message, hint, "warning", at_key=True)


def _lookup(lookup: RegistryLookup, path: Path) -> Iterator[Finding]:
    if lookup.capability is None and not lookup.tags:
        message = "The lookup asks for nothing."
        yield Finding(path, "empty-lookup", message, "Add `capability` or `tags`.", at_key=True)
