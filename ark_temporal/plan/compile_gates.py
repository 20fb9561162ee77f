"""What manifests say about approvals, as the plan has it: groups opened, people named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ark_temporal.manifests import Bundle
from ark_temporal.manifests.approval import ALWAYS, GROUP_MARK, NEVER, Approval, Deciders, ToolApproval
from ark_temporal.plan.notify_plans import notify_plan
from ark_temporal.plan.people import EscalationPlan, GatePlan, NotifyPlan
from ark_temporal.plan.reach import ANY_TOOL, NEVER_HOLDS

_OPEN = GatePlan(condition=NEVER_HOLDS)
"""For a tool that needs no approval where all others of its server do."""


@dataclass(frozen=True)
class People:
    """Who is around an approval: the groups of its team, and whom the team tells.

    Attributes:
        groups: Names by group; those of an ArkAgent, which has no team around it, are empty.
        notify_ref: The ArkNotify that is told where an approval names none; empty for nobody.
    """

    bundle: Bundle
    namespace: str
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    notify_ref: str = ""

    def unknown_groups(self, approval: Deciders) -> list[str]:
        """The groups among an approval's people that nobody has written down."""
        named = [*approval.approvers, *(name for tier in approval.escalation for name in tier.approvers)]
        groups = [name.removeprefix(GROUP_MARK) for name in named if name.startswith(GROUP_MARK)]
        return [name for name in dict.fromkeys(groups) if name not in self.groups]

    def step_gate(self, approval: Approval) -> GatePlan:
        """What people decide about a step."""
        schema = approval.answer_schema
        condition = "" if approval.if_ is None else approval.if_ or NEVER_HOLDS
        return self._gate(approval, condition).model_copy(
            update={
                "when": approval.when,
                "asks": approval.asks,
                "answer_schema": schema.parsed if schema is not None else None,
            }
        )

    def tool_gate(self, rule: str, approval: ToolApproval | None) -> GatePlan | None:
        """What people decide about a call; None where a call needs nobody."""
        if rule == NEVER:
            return None
        return self._gate(approval or ToolApproval(), "" if rule == ALWAYS else rule)

    def server_gates(self, rules: Mapping[str, str], approval: ToolApproval | None) -> dict[str, GatePlan]:
        """What people decide about calls of a server's tools, by their own names or `*`."""
        gates = {tool: self.tool_gate(rule, approval) for tool, rule in rules.items()}
        if gates.get(ANY_TOOL) is None:
            return {tool: gate for tool, gate in gates.items() if gate is not None}
        return {tool: gate or _OPEN for tool, gate in gates.items()}

    def _gate(self, approval: Deciders, condition: str) -> GatePlan:
        return GatePlan(
            condition=condition,
            message=approval.message,
            approvers=self._resolved(approval.approvers),
            quorum=approval.quorum,
            four_eyes=approval.four_eyes,
            timeout_seconds=approval.timeout_seconds,
            on_timeout=approval.on_timeout,
            escalation=tuple(
                EscalationPlan(approvers=self._resolved(tier.approvers), timeout_seconds=tier.timeout_seconds)
                for tier in approval.escalation
            ),
            at_last=approval.on_last_timeout,
            reminder_seconds=approval.reminder_seconds,
            notify=self._notify(approval),
        )

    def _notify(self, approval: Deciders) -> NotifyPlan | None:
        name = approval.notify_ref.name if approval.notify_ref is not None else self.notify_ref
        return notify_plan(name, self.bundle, self.namespace) if name else None

    def _resolved(self, names: Iterable[str]) -> tuple[str, ...]:
        """People by name, each once; a group that is not known stands as it is, and was found."""
        found: dict[str, None] = {}
        for name in names:
            group = name.removeprefix(GROUP_MARK)
            known = self.groups.get(group) if name.startswith(GROUP_MARK) else None
            found.update(dict.fromkeys(known if known is not None else [name]))
        return tuple(found)
