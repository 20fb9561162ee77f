"""Checks of what ArkAgents and inline roles share: prompts, tools, resources."""

from collections.abc import Iterator
from dataclasses import replace

from ark_temporal.manifests.agent_parts import AgentParts, Limits, Resources
from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_memory import ArkMemory
from ark_temporal.manifests.ark_team import ArkTeam
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.mcp import check_servers
from ark_temporal.manifests.checks.names import check_tool_names, repeated
from ark_temporal.manifests.checks.schemas import check_schema
from ark_temporal.manifests.checks.tools import check_tools
from ark_temporal.manifests.fields import fields_of
from ark_temporal.manifests.origins import Finding, Path

PROMPT_WARNING = 50 * 1024
"""Size of a system prompt, in bytes, past which there is a warning."""
PROMPT_LIMIT = 512 * 1024
"""Size of a system prompt, in bytes, past which it is refused."""


def check_agent(agent: ArkAgent, bundle: Bundle) -> Iterator[Finding]:
    """Findings about an ArkAgent."""
    yield from prompt_given(agent.spec, ("spec",))
    yield from _check_parts(agent.spec, ("spec",), agent.metadata.namespace, bundle)


def check_role_parts(team: ArkTeam, bundle: Bundle) -> Iterator[Finding]:
    """Findings about the agents that a team's roles describe."""
    for index, role in enumerate(team.spec.roles):
        yield from _check_parts(role, ("spec", "roles", index), team.metadata.namespace, bundle)


def prompt_given(parts: AgentParts, path: Path) -> Iterator[Finding]:
    """A finding if there is no system prompt."""
    if parts.system_prompt_ref is None and not (parts.system_prompt or "").strip():
        message = "There is no system prompt."
        hint = "Give `systemPrompt`, or `systemPromptRef` to a ConfigMap or Secret."
        yield Finding((*path, "systemPrompt"), "missing-prompt", message, hint)


def _check_parts(parts: AgentParts, path: Path, namespace: str, bundle: Bundle) -> Iterator[Finding]:
    yield from _prompt(parts, path, namespace, bundle)
    remembers = _remembers(parts, namespace, bundle)
    yield from check_tools(parts, path, remembers=remembers)
    yield from check_servers(parts, path)
    yield from check_tool_names(parts, path, remembers=remembers)
    yield from repeated([each.id for each in parts.capabilities], (*path, "capabilities"), "id", "capability")
    for index, capability in enumerate(parts.capabilities):
        place = (*path, "capabilities", index)
        for schema, field in (
            (capability.input_schema, "inputSchema"),
            (capability.output_schema, "outputSchema"),
        ):
            for finding in check_schema(schema, (*place, field)):
                yield replace(finding, severity="warning")  # nothing but readers depends on it
    if parts.resources is not None:
        yield from _misplaced(parts.resources, (*path, "resources"))


def _remembers(parts: AgentParts, namespace: str, bundle: Bundle) -> bool:
    """Whether the agent has a memory that outlives its tasks, and a tool that searches it."""
    if parts.memory_ref is None:
        return False
    memory = bundle.find(ArkMemory, parts.memory_ref.name, namespace)
    return memory is not None and memory.spec.backend != "in-context"


def _prompt(parts: AgentParts, path: Path, namespace: str, bundle: Bundle) -> Iterator[Finding]:
    source = parts.system_prompt_ref
    if source is None:
        yield from prompt_size(parts.system_prompt or "", (*path, "systemPrompt"))
        return
    if parts.system_prompt is not None:
        message = "Both `systemPrompt` and `systemPromptRef` are given; `systemPromptRef` is used."
        yield Finding((*path, "systemPrompt"), "prompt-overridden", message, severity="info", at_key=True)
    if source.config_map_key_ref is not None:
        key = source.config_map_key_ref
        text = bundle.config_maps.get((namespace, key.name), {}).get(key.key, "")
        yield from prompt_size(text, (*path, "systemPromptRef", "configMapKeyRef"))


def prompt_size(text: str, path: Path, *, whole: bool = False) -> Iterator[Finding]:
    """A finding if a system prompt is too large to be sent with every model call.

    Args:
        text: The prompt.
        path: Where it is written.
        whole: Whether it is all of it, with what settings and guidance add.
    """
    size = len(text.encode()) if len(text) > PROMPT_WARNING // 4 else 0
    what = "The system prompt, with what is added to it," if whole else "The system prompt"
    if size > PROMPT_LIMIT:
        message = f"{what} has {size // 1024} KiB; more than {PROMPT_LIMIT // 1024} are refused."
        yield Finding(
            path, "prompt-too-large", message, "Shorten it, or give the agent a tool that looks things up."
        )
    elif size > PROMPT_WARNING:
        message = f"{what} has {size // 1024} KiB; it is sent and paid for with every model call."
        yield Finding(path, "prompt-large", message, "Consider shortening it.", "warning")


def _misplaced(resources: Resources, path: Path) -> Iterator[Finding]:
    """What stands under `resources` and is no Kubernetes quantity."""
    limits = fields_of(Limits)
    for key in resources.model_extra or {}:
        yield _not_here((*path, key), key, key in limits)
    for part, given in (("limits", resources.limits), ("requests", resources.requests)):
        for key in given.keys() & limits.keys():
            yield _not_here((*path, part, key), key, True)


def _not_here(path: Path, key: str, is_limit: bool) -> Finding:
    message = f"`{key}` is not a Kubernetes resource and has no effect here."
    hint = f"Move it to the agent's `limits.{key}`." if is_limit else "Remove it."
    return Finding(path, "misplaced-field", message, hint, "warning", at_key=True)
