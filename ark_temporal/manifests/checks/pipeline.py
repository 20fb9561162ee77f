"""Checks of a pipeline as a graph: roles, dependencies, cycles."""

from collections.abc import Iterator

from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.graph import Edges, Order, arrows, order
from ark_temporal.manifests.checks.shapes import named_roles
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.origins import Finding


def edges_of(team: ArkTeam) -> Edges:
    """For each step, the steps it depends on; of steps with one name, the first counts."""
    edges: dict[str, tuple[str, ...]] = {}
    for step in team.spec.pipeline:
        edges.setdefault(step.id, tuple(step.depends_on))
    return edges


def check_pipeline(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about which steps there are and what they wait for."""
    yield from _roles(team)
    yield from _duplicates(team)
    yield from _dependencies(team)
    yield from _cycles(team)


def _roles(team: ArkTeam) -> Iterator[Finding]:
    names = [role.name for role in team.spec.roles]
    if not names and not any(step.registry_lookup for step in team.spec.pipeline):
        return  # that there are none has been said
    for index, step in enumerate(team.spec.pipeline):
        for path, name in named_roles(step):
            if name not in names:
                hint = did_you_mean(name, names, among="Roles")
                place = ("spec", "pipeline", index, *path)
                yield Finding(place, "unknown-role", f'No role is called "{name}".', hint)


def _duplicates(team: ArkTeam) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, step in enumerate(team.spec.pipeline):
        if first.setdefault(step.id, index) != index:
            message = f'The step "{step.id}" is already given as item {first[step.id] + 1} of the pipeline.'
            hint = "Remove one, or give one of them a `name` of its own."
            path = ("spec", "pipeline", index, "name" if step.name else "role")
            yield Finding(path, "duplicate-step", message, hint)


def _dependencies(team: ArkTeam) -> Iterator[Finding]:
    known = list(edges_of(team))
    for index, step in enumerate(team.spec.pipeline):
        for number, name in enumerate(step.depends_on):
            if name not in known:
                hint = did_you_mean(name, known, among="Steps")
                path = ("spec", "pipeline", index, "dependsOn", number)
                yield Finding(path, "unknown-step", f'No step is called "{name}".', hint)


def _cycles(team: ArkTeam) -> Iterator[Finding]:
    edges = edges_of(team)
    found = order(edges)
    places = {step.id: index for index, step in reversed(list(enumerate(team.spec.pipeline)))}
    for cycle in found.cycles:
        index = places[cycle[0]]
        number = team.spec.pipeline[index].depends_on.index(cycle[1])
        message = f"These steps wait for each other: {arrows(cycle)}."
        path = ("spec", "pipeline", index, "dependsOn", number)
        yield Finding(path, "dependency-cycle", message, "Remove one of these dependencies.")
    ringed = {name for cycle in found.cycles for name in cycle}
    for name, reason in _blocked(edges, found).items():
        if name not in ringed:
            message = f'The step "{name}" can never run: it waits for {reason}.'
            path = ("spec", "pipeline", places[name])
            yield Finding(path, "unreachable-step", message, severity="warning")


def _blocked(edges: Edges, found: Order) -> dict[str, str]:
    """What each step waits for in vain, other than what is wrong with its own `dependsOn`."""
    reasons: dict[str, str] = {}
    for name in found.ready:
        for each in (needed for needed in edges[name] if needed in edges):
            unknown = next((other for other in edges[each] if other not in edges), None)
            if unknown is not None:
                reasons[name] = f'"{each}", which depends on the unknown step "{unknown}"'
            elif each in reasons:
                reasons[name] = reasons[each]
    for name in found.blocked:
        each = next(needed for needed in edges[name] if needed in found.blocked)
        reasons[name] = f'"{each}", which is in a cycle or waits for one'
    return reasons
