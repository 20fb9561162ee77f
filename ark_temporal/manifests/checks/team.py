"""Checks of a team's roles and of the way it runs."""

from collections.abc import Iterator

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.ark_team import ArkTeam, Role
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.agents import prompt_given
from ark_temporal.manifests.checks.shapes import named_roles
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.fields import alias_of
from ark_temporal.manifests.origins import Finding, Path


def check_team(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about roles, entry, delegation and routing."""
    yield from _mode(team)
    yield from _duplicates([role.name for role in team.spec.roles], "roles", "role")
    yield from _duplicates([each.name for each in team.spec.inputs], "inputs", "input")
    for index, role in enumerate(team.spec.roles):
        yield from _kind_of_role(role, ("spec", "roles", index))
        yield from _delegation(role, index, team)
    yield from _idle_roles(team)


def _mode(team: ArkTeam) -> Iterator[Finding]:
    spec = team.spec
    if spec.routing is not None:
        for field, given in (("roles", spec.roles), ("pipeline", spec.pipeline), ("entry", spec.entry)):
            if given:
                message = f"A team with `routing` chooses among agents of the registry and has no `{field}`."
                yield Finding(
                    ("spec", field), "mixed-modes", message, f"Remove `{field}` or `routing`.", at_key=True
                )
        return
    if not spec.roles and not any(step.registry_lookup for step in spec.pipeline):
        message = "The team has neither roles nor routing."
        yield Finding(("spec", "roles"), "missing-roles", message, "Add `roles`, or `routing` to a registry.")
    if spec.pipeline:
        yield from _entry(team)
    elif spec.entry is None and spec.roles:
        message = (
            "The team has no `pipeline` and no `routing`, so it needs an `entry` role that receives tasks."
        )
        hint = f"For example `entry: {spec.roles[0].name}`."
        yield Finding(("spec", "entry"), "missing-entry", message, hint)
    else:
        yield from _entry(team)


def _entry(team: ArkTeam) -> Iterator[Finding]:
    entry, names = team.spec.entry, [role.name for role in team.spec.roles]
    if entry is not None and names and entry not in names:
        hint = did_you_mean(entry, names, among="Roles")
        yield Finding(("spec", "entry"), "unknown-role", f'No role is called "{entry}".', hint)


def _duplicates(names: list[str], field: str, what: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            message = f'The {what} "{name}" is already given as item {first[name] + 1} of `{field}`.'
            path = ("spec", field, index, "name")
            yield Finding(path, f"duplicate-{what}", message, "Rename or remove one of them.")


def _kind_of_role(role: Role, path: Path) -> Iterator[Finding]:
    """A role is described in place, or names an ArkAgent, or names an ArkTeam."""
    if role.ark_agent is None and role.ark_team is None:
        if role.model is None:
            message = "The role has no `model`, and names no `arkAgent` and no `arkTeam`."
            hint = "Describe the agent with `model` and `systemPrompt`, or name one that exists."
            yield Finding((*path, "model"), "role-kind", message, hint)
        else:
            yield from prompt_given(role, path)
        return
    field = "arkAgent" if role.ark_agent else "arkTeam"
    if role.ark_agent and role.ark_team:
        message = "The role names both an `arkAgent` and an `arkTeam`."
        yield Finding((*path, "arkTeam"), "role-kind", message, "Keep one of them.", at_key=True)
    for given in _inline_fields(role):
        message = f"`{given}` has no place in a role that names an `{field}`."
        hint = f"Remove `{given}`, or remove `{field}` and describe the agent here."
        yield Finding((*path, given), "role-kind", message, hint, at_key=True)


def _inline_fields(role: Role) -> list[str]:
    inline = {"model", *AgentParts.model_fields}
    return [
        alias_of(name, Role.model_fields[name])
        for name in Role.model_fields
        if name in inline & role.model_fields_set
    ]


def _delegation(role: Role, index: int, team: ArkTeam) -> Iterator[Finding]:
    names = [each.name for each in team.spec.roles]
    for number, target in enumerate(role.can_delegate):
        path = ("spec", "roles", index, "canDelegate", number)
        if target == role.name:
            message = f'The role "{target}" cannot delegate to itself.'
            yield Finding(path, "self-delegation", message, "Remove it.")
        elif target not in names:
            hint = did_you_mean(target, names, among="Roles")
            yield Finding(path, "unknown-role", f'No role is called "{target}".', hint)


def _starts(team: ArkTeam) -> Iterator[str]:
    """The roles that work without being handed a task by another one."""
    spec = team.spec
    if not spec.pipeline:
        yield spec.entry or ""
    for step in spec.pipeline:
        yield from (name for _, name in named_roles(step))
        if step.registry_lookup is not None:
            declared = [role.name for role in spec.roles]
            yield from (name for name in (step.role, step.registry_lookup.fallback) if name in declared)


def _idle_roles(team: ArkTeam) -> Iterator[Finding]:
    """Roles that no step and no delegation reaches."""
    spec = team.spec
    roles = {role.name: role for role in spec.roles}
    starts = list(_starts(team))
    reached = [name for name in dict.fromkeys(starts) if name in roles]
    for name in reached:  # grows while it is walked
        reached += [each for each in roles[name].can_delegate if each in roles and each not in reached]
    if not reached or any(name not in roles for name in starts):
        return  # what is wrong with the start has been said, and may be why a role seems idle
    for index, role in enumerate(spec.roles):
        if role.name not in reached:
            what = (
                "no step uses it" if spec.pipeline else f'it cannot be reached from the entry "{spec.entry}"'
            )
            message = f'The role "{role.name}" never works: {what}, and no role in use delegates to it.'
            yield Finding(("spec", "roles", index, "name"), "unused-role", message, severity="warning")
