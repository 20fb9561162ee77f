"""Checks of steps that are more than one agent's task: `map`, `ensemble`, `fallback`, `switch`."""

import json
from collections.abc import Iterator

from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.diagnostics import quoted
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.pipeline import PipelineStep
from ark_temporal.manifests.shapes import Ensemble
from ark_temporal.templates import TemplateSyntaxError, parse


def working_roles(step: PipelineStep) -> Iterator[tuple[Path, str]]:
    """The roles that may do a step's task, and where in the step each is named."""
    if step.names_a_role:
        yield ("role",), step.role
    if step.ensemble is not None:
        yield from ((("ensemble", "roles", number), name) for number, name in enumerate(step.ensemble.roles))
    yield from ((("fallback", number), name) for number, name in enumerate(step.fallback))
    if step.switch is not None:
        yield from ((("switch", "cases", text), name) for text, name in step.switch.cases.items())
        if step.switch.default is not None:
            yield ("switch", "default"), step.switch.default


def named_roles(step: PipelineStep) -> Iterator[tuple[Path, str]]:
    """All roles that a step names, and where: those that may do its task, and the judge."""
    yield from working_roles(step)
    if step.ensemble is not None and step.ensemble.judge is not None:
        yield ("ensemble", "judge"), step.ensemble.judge


def check_shapes(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about who does a step's task, and how often."""
    for index, step in enumerate(team.spec.pipeline):
        path = ("spec", "pipeline", index)
        for shape in step.shapes[1:]:
            message = f"A step has one of `{step.shapes[0]}` and `{shape}`, not both."
            hint = "Keep one of them, or make two steps."
            yield Finding((*path, shape), "mixed-shapes", message, hint, at_key=True)
        if step.map is not None:
            yield from _list(step.map.over, (*path, "map", "over"))
        if step.ensemble is not None:
            yield from _ensemble(step.ensemble, (*path, "ensemble"))
        yield from _fallback(step, path)


def _list(over: str, path: Path) -> Iterator[Finding]:
    """A finding if `over` can never be a list."""
    hint = "Write one action such as `{{ .steps.find.data }}`, or a JSON array."
    if "{{" not in over:
        try:
            is_list = isinstance(json.loads(over), list)
        except (ValueError, RecursionError):
            is_list = False
        if not is_list:
            yield Finding(path, "not-a-list", f"{quoted(over)} is no list.", hint)
        return
    try:
        whole = parse(over).is_value
    except TemplateSyntaxError:
        return  # the template's own check says so
    before, after = over.partition("{{")[0].strip(), over.rpartition("}}")[2].strip()
    if not whole and not (before[:1] in ("", "[") and after[-1:] in ("", "]")):
        yield Finding(path, "not-a-list", "This renders to text that is no JSON array.", hint)


def _ensemble(ensemble: Ensemble, path: Path) -> Iterator[Finding]:
    if (ensemble.samples is None) == (not ensemble.roles):
        message = "An ensemble has either `samples` of the step's role, or `roles`."
        yield Finding(path, "one-of", message, "Give exactly one of the two.", at_key=True)
    if ensemble.judge is None and ensemble.select == "judge":
        message = "`select: judge` needs the role that picks the best answer."
        yield Finding((*path, "judge"), "missing-field", message, "Name it by `judge`.")
    elif ensemble.judge is not None and ensemble.select != "judge":
        message = f"`judge` has no effect: `select` is `{ensemble.select}`."
        hint = "Remove it, or write `select: judge`."
        yield Finding((*path, "judge"), "unused-field", message, hint, "warning", at_key=True)
    yield from _quorum(ensemble, path)


def _quorum(ensemble: Ensemble, path: Path) -> Iterator[Finding]:
    place = (*path, "quorum")
    members = ensemble.samples or len(ensemble.roles)
    if ensemble.quorum is None:
        if ensemble.join == "quorum":
            message = "`join: quorum` needs `quorum`."
            yield Finding(place, "missing-field", message, "Say how many successes are enough.")
    elif ensemble.join != "quorum" and ensemble.select != "vote":
        message = "`quorum` has no effect without `join: quorum` or `select: vote`."
        yield Finding(place, "unused-field", message, "Remove it.", "warning", at_key=True)
    elif members and ensemble.quorum > members:
        message = f"{ensemble.quorum} can never succeed: the ensemble has {members}."
        yield Finding(place, "quorum-too-high", message, f"Write {members} or less.")


def _fallback(step: PipelineStep, path: Path) -> Iterator[Finding]:
    seen = {step.role}
    for number, name in enumerate(step.fallback):
        if name in seen:
            message = f'"{name}" has been tried by then.'
            hint = "Remove it: failed calls are repeated by themselves."
            yield Finding((*path, "fallback", number), "repeated-role", message, hint, "warning")
        seen.add(name)
