"""Checks of what people decide: approvals of steps, of tools and of MCP servers' tools."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.approval import GROUP_MARK, NEVER, Approval, Deciders
from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.schemas import check_schema
from ark_temporal.manifests.diagnostics import did_you_mean
from ark_temporal.manifests.origins import Finding, Path


@dataclass(frozen=True)
class _Around:
    """What an approval stands in.

    Attributes:
        groups: The team's groups of approvers; None where there is no team.
        timeout_seconds: How long a run may take; None or 0 is no limit.
    """

    groups: Mapping[str, Sequence[str]] | None = None
    timeout_seconds: int | None = None


def check_agent_approvals(agent: ArkAgent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the approvals of an agent's tools."""
    yield from _of_tools(agent.spec, ("spec",), _Around())


def check_team_approvals(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about a team's groups of approvers, and the approvals of its steps and its roles' tools."""
    spec = team.spec
    around = _Around(spec.approver_groups, spec.timeout_seconds)
    for group, names in spec.approver_groups.items():
        for number, name in enumerate(names):
            if name.startswith(GROUP_MARK):
                message = f'The group "{group}" can hold no other group, only names of people.'
                hint = f'Write out who is in "{name}".'
                yield Finding(("spec", "approverGroups", group, number), "nested-group", message, hint)
    for index, role in enumerate(spec.roles):
        yield from _of_tools(role, ("spec", "roles", index), around)
    for index, step in enumerate(spec.pipeline):
        path = ("spec", "pipeline", index, "approval")
        yield from _moments(step.approval, path)
        for number, approval in enumerate(step.approval):
            yield from _deciders(approval, (*path, number), around)
            yield from _question(approval, (*path, number))


def _of_tools(parts: AgentParts, path: Path, around: _Around) -> Iterator[Finding]:
    for index, tool in enumerate(parts.tools):
        place = (*path, "tools", index, "approval")
        yield from _of_calls(tool.approval, tool.require_approval != NEVER, place, around)
    for index, server in enumerate(parts.mcp_servers):
        needed = any(rule != NEVER for rule in server.require_approval.values())
        yield from _of_calls(server.approval, needed, (*path, "mcpServers", index, "approval"), around)


def _of_calls(approval: Deciders | None, needed: bool, path: Path, around: _Around) -> Iterator[Finding]:
    if approval is None:
        return
    if not needed:
        message = "`approval` has no effect: no call needs one."
        hint = "Say which do by `requireApproval`, or remove it."
        yield Finding(path, "unused-field", message, hint, "warning", at_key=True)
    yield from _deciders(approval, path, around)


def _moments(approvals: Sequence[Approval], path: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for number, approval in enumerate(approvals):
        if approval.when in seen:
            message = f"There is already an approval with `when: {approval.when}`."
            hint = "Put them into one, with a `quorum`, or give one to another step."
            yield Finding((*path, number), "duplicate-approval", message, hint)
        seen.add(approval.when)


def _deciders(approval: Deciders, path: Path, around: _Around) -> Iterator[Finding]:
    yield from _names(approval.approvers, (*path, "approvers"), around)
    for number, tier in enumerate(approval.escalation):
        yield from _names(tier.approvers, (*path, "escalation", number, "approvers"), around)
    yield from _quorum(approval, path, around)
    yield from _time_up(approval, path)
    yield from _waits(approval, path, around)


def _names(names: Sequence[str], path: Path, around: _Around) -> Iterator[Finding]:
    groups = around.groups
    for number, name in enumerate(names):
        group = name.removeprefix(GROUP_MARK)
        if group == name or (groups is not None and group in groups):
            continue
        if groups is None:
            message = (
                f'There is no group "{group}": an agent by itself has no team that could say who is in it.'
            )
            hint = "Write out the names."
        else:
            message = f'There is no group "{group}" in `spec.approverGroups`.'
            hint = did_you_mean(group, groups, among="Groups")
        yield Finding((*path, number), "unknown-group", message, hint)


def _quorum(approval: Deciders, path: Path, around: _Around) -> Iterator[Finding]:
    """More approvals than there are people, if those are known."""
    listed = [approval.approvers, *(tier.approvers for tier in approval.escalation)]
    groups = around.groups or {}
    people: set[str] = set()
    for name in (name for names in listed for name in names):
        group = name.removeprefix(GROUP_MARK)
        if group != name and group not in groups:
            return  # it has been said
        people.update(groups[group] if group != name else [name])
    if approval.approvers and approval.quorum > len(people):
        message = f"{approval.quorum} must approve, but only {len(people)} may."
        hint = "Name more approvers, or write a smaller quorum."
        yield Finding((*path, "quorum"), "quorum-too-high", message, hint)


def _time_up(approval: Deciders, path: Path) -> Iterator[Finding]:
    """Whether what is said for the time when nobody decides goes together."""
    escalates = approval.on_timeout == "escalate"
    if approval.timeout_seconds is None and approval.on_timeout != "reject":
        message = f"`onTimeout: {approval.on_timeout}` has no effect without `timeoutSeconds`."
        hint = "Add `timeoutSeconds`: without it, the step waits for ever."
        yield Finding((*path, "onTimeout"), "unused-field", message, hint, "warning")
    if escalates and not approval.escalation:
        message = "`onTimeout: escalate` needs `escalation`."
        hint = (
            "Say who may decide then, and how long: `escalation: [{approvers: [...], timeoutSeconds: 3600}]`."
        )
        yield Finding((*path, "escalation"), "missing-field", message, hint)
    for name, field in (("escalation", "escalation"), ("on_last_timeout", "onLastTimeout")):
        if name in approval.model_fields_set and not escalates:
            message = f"`{field}` has no effect without `onTimeout: escalate`."
            hint = f"Add that, or remove `{field}`."
            yield Finding((*path, field), "unused-field", message, hint, "warning", at_key=True)


def _waits(approval: Deciders, path: Path, around: _Around) -> Iterator[Finding]:
    """An approval that may take longer than the run."""
    limit, first = around.timeout_seconds, approval.timeout_seconds
    if not limit or first is None:
        return
    later = sum(tier.timeout_seconds for tier in approval.escalation)
    whole = first + (later if approval.on_timeout == "escalate" else 0)
    if whole > limit:
        message = f"People may take {whole} seconds, but the run ends after {limit}."
        hint = "Shorten it, or raise the team's `timeoutSeconds`."
        yield Finding((*path, "timeoutSeconds"), "approval-too-long", message, hint, "warning")


def _question(approval: Approval, path: Path) -> Iterator[Finding]:
    yield from check_schema(approval.answer_schema, (*path, "answerSchema"))
    if not approval.asks:
        return
    field = "question" if approval.question else "answerSchema"
    if approval.when == "after":
        message = "A question is asked before a step, not after it."
        hint = "Remove `when: after`, or ask it before a later step."
        yield Finding((*path, field), "question-after", message, hint, at_key=True)
    last = "onLastTimeout" if approval.on_timeout == "escalate" else "onTimeout"
    if "approve" in (approval.on_timeout, approval.on_last_timeout if last == "onLastTimeout" else ""):
        message = "When the time is up the step goes on, and the answer is empty."
        yield Finding((*path, last), "no-data", message, f"Write `{last}: reject` or `fail`.", "warning")
