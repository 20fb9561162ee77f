"""Which agents a registry knows, and what they can do."""

from collections.abc import Callable, Collection, Iterable, Iterator

from ark_temporal.manifests import ArkAgent, ArkRegistry, ArkTeam, Bundle, Capability, RegistryLookup
from ark_temporal.manifests.diagnostics import did_you_mean, shortlist
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.plan.model import MAX_DEPTH
from ark_temporal.plan.shapes import CapabilityPlan


class Registry:
    """The agents of a namespace, by what they can do."""

    def __init__(self, bundle: Bundle, team: ArkTeam) -> None:
        """Look around a team.

        Args:
            bundle: The manifests.
            team: The team that asks; the agents that its roles describe are found by their roles' names.
        """
        namespace = team.metadata.namespace
        self.registries = [each for each in bundle.all(ArkRegistry) if each.metadata.namespace == namespace]
        self.agents = [each for each in bundle.all(ArkAgent) if each.metadata.namespace == namespace]
        self._own = {role.name: role.capabilities for role in team.spec.roles if role.capabilities}

    def taking_part(self, name: str | None) -> list[ArkRegistry]:
        """The registry of that name; without a name, all of the namespace."""
        return [each for each in self.registries if name in (None, each.metadata.name)]

    def own_roles(self, lookup: RegistryLookup) -> list[str]:
        """The team's own roles that can do what is looked for."""
        return [name for name, capabilities in self._own.items() if _can(capabilities, lookup)]

    def able_agents(self, lookup: RegistryLookup) -> list[ArkAgent]:
        """The ArkAgents that can do what is looked for."""
        return [agent for agent in self.agents if _can(agent.spec.capabilities, lookup)]

    def not_found(self, lookup: RegistryLookup, at: Path) -> Finding:
        """What is said where nobody can, and no fallback is named."""
        wanted = f'the capability "{lookup.capability}"' if lookup.capability else "a capability"
        tagged = f" with the tags {', '.join(lookup.tags)}" if lookup.tags else ""
        names = sorted({one.id for one in self._all()})
        tags = sorted({tag for one in self._all() if one.id == lookup.capability for tag in one.tags})
        there = f"There are: {shortlist(names)}." if names else "No agent here has any."
        if tags:
            there = f"Its tags here are: {shortlist(tags)}."
        message = (
            f"No agent of this namespace has {wanted}{tagged}, and the lookup has no `fallback`. {there}"
        )
        hint = did_you_mean(lookup.capability or "", names)
        return Finding(
            at, "unknown-capability", message, hint or "Give an agent the capability, or add `fallback`."
        )

    def _all(self) -> Iterator[Capability]:
        yield from (one for agent in self.agents for one in agent.spec.capabilities)
        yield from (one for capabilities in self._own.values() for one in capabilities)


def max_depth(registries: Iterable[ArkRegistry]) -> int:
    """How many runs may stand above one, where these registries take part."""
    return min([MAX_DEPTH, *(each.spec.policy.max_depth for each in registries)])


def capability_plans(
    agents: Iterable[ArkAgent], role_of: Callable[[ArkAgent], str]
) -> tuple[CapabilityPlan, ...]:
    """What these agents can do, each capability once with all who can.

    Args:
        agents: The agents.
        role_of: Their roles in the plan.
    """
    found: dict[str, CapabilityPlan] = {}
    for agent in agents:
        for one in agent.spec.capabilities:
            before = found.get(one.id) or CapabilityPlan(id=one.id, roles=())
            said = " ".join(one.description.split())
            descriptions = [before.description] if before.description else []
            found[one.id] = CapabilityPlan(
                id=one.id,
                description=" ".join([*descriptions, *([said] if said not in before.description else [])]),
                tags=tuple(dict.fromkeys([*before.tags, *one.tags])),
                roles=tuple(dict.fromkeys([*before.roles, role_of(agent)])),
            )
    return tuple(found.values())


def _can(capabilities: Collection[Capability], lookup: RegistryLookup) -> bool:
    """Whether one of the capabilities is the one looked for and has all the tags."""
    return any(
        lookup.capability in (None, one.id) and set(lookup.tags) <= set(one.tags) for one in capabilities
    )
