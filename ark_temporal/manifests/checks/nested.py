"""Checks of roles that are teams of their own."""

from collections.abc import Iterator

from ark_temporal.manifests.ark_team import ArkTeam, Role
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.graph import arrows, order
from ark_temporal.manifests.checks.shapes import working_roles
from ark_temporal.manifests.diagnostics import did_you_mean, shortlist
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.pipeline import PipelineStep


def check_team_roles(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about what is asked of roles that are teams."""
    roles = {role.name: role for role in team.spec.roles if role.ark_team is not None}
    if not roles:
        return
    teams = {
        name: found
        for name, role in roles.items()
        if (found := bundle.find_team(role.ark_team or "", team.metadata.namespace)) is not None
    }
    for index, role in enumerate(team.spec.roles):
        path = ("spec", "roles", index, "canDelegate")
        if role.can_delegate and role.ark_team is not None:
            message = "A team hands tasks to roles of its own, never to those of the team it is in."
            yield Finding(path, "unused-field", message, "Remove `canDelegate`.", "warning", at_key=True)
        else:
            yield from _delegation(role, path, teams)
    for index, step in enumerate(team.spec.pipeline):
        path = ("spec", "pipeline", index)
        yield from _agents_only(step, path, roles)
        for name in dict.fromkeys(name for _, name in working_roles(step) if name in teams):
            yield from _inputs(step, path, teams[name])


def _required(team: ArkTeam) -> list[str]:
    """The inputs that a run of the team cannot do without."""
    given = team.spec.input
    return [
        each.name
        for each in team.spec.inputs
        if each.required and each.default is None and each.name not in given
    ]


def _inputs(step: PipelineStep, path: Path, team: ArkTeam) -> Iterator[Finding]:
    known = [each.name for each in team.spec.inputs]
    name = team.metadata.name
    for key in step.inputs if known else ():
        if key not in known and key not in team.spec.input:
            message = f'The team "{name}" declares no input "{key}".'
            hint = did_you_mean(key, known, among="Inputs")
            yield Finding((*path, "inputs", key), "unknown-input", message, hint, at_key=True)
    for key in _required(team):
        if key not in step.inputs:
            message = f'The team "{name}" requires the input "{key}", which is not given here.'
            yield Finding((*path, "inputs"), "missing-input", message, f"Add `{key}` to `inputs`.")


def _delegation(role: Role, path: Path, teams: dict[str, ArkTeam]) -> Iterator[Finding]:
    for number, target in enumerate(role.can_delegate):
        needed = _required(teams[target]) if target in teams else []
        if len(needed) > 1:
            message = (
                f'A task is one text, but the team "{teams[target].metadata.name}" requires '
                f"{len(needed)} inputs: {shortlist(needed)}."
            )
            hint = "Give all but one of them a default."
            yield Finding((*path, number), "delegation-inputs", message, hint)


def _agents_only(step: PipelineStep, path: Path, roles: dict[str, Role]) -> Iterator[Finding]:
    """What an agent can do and a team cannot: check an output by its model, and judge."""
    if step.validate_ is not None and step.validate_.semantic is not None:
        name = next((name for _, name in working_roles(step) if name in roles), None)
        if name is not None:
            message = f'The role "{name}" is a team, and has no model that could be asked about the output.'
            hint = "Have it checked in the team, or by a step that comes after."
            yield Finding((*path, "validate", "semantic"), "no-agent", message, hint, at_key=True)
    judge = step.ensemble.judge if step.ensemble is not None else None
    if judge is not None and judge in roles:
        message = f'The role "{judge}" is a team; only an agent can judge.'
        yield Finding((*path, "ensemble", "judge"), "no-agent", message, "Name a role that is an agent.")


def check_nested_teams(bundle: Bundle) -> Iterator[tuple[Resource, Finding]]:
    """Teams that contain themselves."""
    teams = {team.key: team for team in bundle.all(ArkTeam)}
    for namespace in dict.fromkeys(key[1] for key in teams):
        members = {key[2]: team for key, team in teams.items() if key[1] == namespace}
        edges = {
            name: tuple(role.ark_team for role in team.spec.roles if role.ark_team)
            for name, team in members.items()
        }
        for cycle in order(edges).cycles:
            team = members[cycle[0]]
            index = next(n for n, role in enumerate(team.spec.roles) if role.ark_team == cycle[1])
            message = f"The team contains itself: {arrows(cycle)}."
            path = ("spec", "roles", index, "arkTeam")
            yield team, Finding(path, "nested-team-cycle", message, "Remove one of these roles.")
