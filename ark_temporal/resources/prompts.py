"""Prompts that must be there when manifests are applied.

What else is missing only degrades, or is found where the workers are: values of Secrets are never applied. A
ConfigMap is, so an agent whose prompt stands in one that nobody applies would run without its instructions.
"""

from collections.abc import Collection, Iterator

from ark_temporal.manifests import ArkAgent, ArkTeam, Bundle, Diagnostic
from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.base import Resource
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.resources.applying import name_of
from ark_temporal.resources.model import ResourceName


def missing_prompts(bundle: Bundle, names: Collection[ResourceName]) -> list[Diagnostic]:
    """An error for each prompt that would be in no ConfigMap once these resources are applied.

    Args:
        bundle: The manifests, with what is applied beside them.
        names: What is to be applied: agents, and ConfigMaps that applied agents have their prompts in.
    """
    return [
        bundle.origin(resource).diagnose(finding)
        for resource in bundle.resources
        for parts, path in _agents(resource)
        for finding in _missing(parts, path, bundle, resource, names)
    ]


def _agents(resource: Resource) -> Iterator[tuple[AgentParts, Path]]:
    if isinstance(resource, ArkAgent):
        yield resource.spec, ("spec",)
    elif isinstance(resource, ArkTeam):
        for index, role in enumerate(resource.spec.roles):
            yield role, ("spec", "roles", index)


def _missing(
    parts: AgentParts, path: Path, bundle: Bundle, resource: Resource, names: Collection[ResourceName]
) -> Iterator[Finding]:
    ref = parts.system_prompt_ref.config_map_key_ref if parts.system_prompt_ref is not None else None
    if ref is None or ref.optional or parts.system_prompt is not None:
        return
    namespace = resource.metadata.namespace
    touched = {name_of(resource), ResourceName("ConfigMap", namespace, ref.name)} & set(names)
    if touched and ref.key not in bundle.config_maps.get((namespace, ref.name), {}):
        where = f'key "{ref.key}" of ConfigMap "{ref.name}"'
        message = f"The prompt is {where}, which is neither applied nor given here."
        hint = "Apply it too, or write a `systemPrompt` that serves instead."
        yield Finding((*path, "systemPromptRef", "configMapKeyRef", "name"), "missing-prompt", message, hint)
