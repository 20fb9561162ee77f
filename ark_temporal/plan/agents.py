"""From an agent's manifest to its part of a plan."""

from collections.abc import Iterable, Iterator

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkSettings, Bundle
from ark_temporal.manifests.agent_parts import AgentParts, EnvFromSource
from ark_temporal.manifests.approval import Deciders
from ark_temporal.manifests.checks.agents import PROMPT_LIMIT, PROMPT_WARNING, prompt_size
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.plan.agent_tools import memory_plan, server_plans, tool_plans
from ark_temporal.plan.compile_gates import People
from ark_temporal.plan.model import AgentPlan, EnvSource
from ark_temporal.plan.notify_plans import notify_plan
from ark_temporal.plan.system_prompts import compose


def agent_plan(
    parts: AgentParts,
    bundle: Bundle,
    *,
    role: str,
    agent: str,
    model: str,
    namespace: str,
    provider: Provider | None,
    people: People,
    can_delegate: Iterable[str] = (),
) -> AgentPlan:
    """Resolve every reference of an agent.

    Args:
        parts: What its manifest, or that of its role, says.
        bundle: Where what it refers to is.
        role: Its name in the plan.
        agent: The ArkAgent, or the `{team}-{role}` that an inline role stands for.
        model: The language model.
        namespace: Where names are looked up.
        provider: Answers instead of what the model's name says.
        people: Who may be asked to approve its tool calls.
        can_delegate: The roles to which it may hand tasks.
    """
    settings = settings_of(parts, bundle, namespace)
    temperatures = [float(one.spec.temperature) for one in settings if one.spec.temperature is not None]
    notify_ref = parts.notify_ref
    return AgentPlan(
        role=role,
        agent=agent,
        model=model,
        provider=provider,
        system=compose(parts, settings, bundle, namespace),
        env_from=tuple(_env_source(source) for source in parts.env_from),
        max_tokens_per_call=parts.limits.max_tokens_per_call,
        timeout_seconds=parts.limits.timeout_seconds,
        temperature=temperatures[-1] if temperatures else None,
        tools=tool_plans(parts, people),
        mcp_servers=server_plans(parts, people),
        memory=memory_plan(parts, bundle, namespace, provider),
        max_turns=parts.limits.max_turns,
        description=" ".join(" ".join(one.description.split()) for one in parts.capabilities).strip(),
        can_delegate=tuple(dict.fromkeys(can_delegate)),
        notify=notify_plan(notify_ref.name, bundle, namespace) if notify_ref is not None else None,
    )


def settings_of(parts: AgentParts, bundle: Bundle, namespace: str) -> list[ArkSettings]:
    """The settings of an agent, the later winning; one that is missing was warned about at loading."""
    refs = [*([parts.config_ref] if parts.config_ref else []), *parts.settings_refs]
    found = (bundle.find(ArkSettings, ref.name, namespace) for ref in refs)
    return [settings for settings in found if settings is not None]


def unknown_groups(parts: AgentParts, people: People) -> Iterator[Finding]:
    """Findings about groups of approvers that nobody has written down. Paths begin at the agent's fields."""
    for field, holders in (("tools", parts.tools), ("mcpServers", parts.mcp_servers)):
        for index, holder in enumerate(holders):
            if holder.approval is not None:
                yield from unknown_groups_of(holder.approval, people, (field, index, "approval"))


def unknown_groups_of(approval: Deciders, people: People, at: Path) -> Iterator[Finding]:
    """The same for one approval."""
    for name in people.unknown_groups(approval):
        where = (
            f"These are: {', '.join(people.groups)}."
            if people.groups
            else "Groups stand in a team's `approverGroups`; an ArkAgent by itself has none: name the people."
        )
        yield Finding((*at, "approvers"), "unknown-group", f'No group is called "@{name}" here.', where)


def whole_prompt_size(plan: AgentPlan) -> Iterator[Finding]:
    """A finding if a system prompt is too large with all that settings and guidance add to it.

    One that is too large by itself was found when it was loaded.
    """
    sizes = [len(part.text.encode()) for part in plan.system]
    for limit in (PROMPT_LIMIT, PROMPT_WARNING):
        if max(sizes, default=0) > limit:
            return
        if sum(sizes) > limit:
            at: Path = ("systemPrompt",)
            yield from prompt_size("\n\n".join(part.text for part in plan.system), at, whole=True)
            return


def _env_source(source: EnvFromSource) -> EnvSource:
    if source.secret_ref is not None:
        return EnvSource(
            name=source.secret_ref.name, prefix=source.prefix, optional=source.secret_ref.optional
        )
    assert source.config_map_ref is not None, "the manifest's model demands one of the two"
    return EnvSource(
        kind="ConfigMap",
        name=source.config_map_ref.name,
        prefix=source.prefix,
        optional=source.config_map_ref.optional,
    )
