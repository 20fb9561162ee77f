"""What a manifest may say that this version does not carry out yet.

Everything here is parsed and validated like any other field. What makes the run another one is an error; what
only adds to it is a warning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ark_temporal.manifests import ArkMemory, ArkRegistry, ArkSettings, ArkTeam, Bundle
from ark_temporal.manifests.agent_parts import AgentParts

Path = tuple[str | int, ...]
Weight = Literal["adds", "changes"]


@dataclass(frozen=True)
class Unsupported:
    """A field that is not carried out.

    Attributes:
        path: Of the field, from its resource's root.
        message: What is not done, in a sentence.
        weight: Without it the run has less (`adds`), or is another one (`changes`).
    """

    path: Path
    message: str
    weight: Weight = "changes"


def in_team(team: ArkTeam) -> Iterator[Unsupported]:
    """What of a team is not carried out."""
    spec = team.spec
    if spec.limits.max_daily_tokens:
        yield Unsupported(("spec", "limits", "maxDailyTokens"), "Daily token budgets are not enforced yet.")
    if spec.artifact_store is not None:
        yield Unsupported(("spec", "artifactStore"), "Artifacts are not stored yet.", weight="adds")
    for index, step in enumerate(spec.pipeline):
        if step.output_artifacts:
            path = ("spec", "pipeline", index, "outputArtifacts")
            yield Unsupported(path, "Artifacts are not stored yet.")


def in_agent(parts: AgentParts, bundle: Bundle, namespace: str) -> Iterator[Unsupported]:
    """What of an agent or an inline role is not carried out. Paths begin at its fields."""
    if parts.limits.max_daily_tokens:
        yield Unsupported(("limits", "maxDailyTokens"), "Daily token budgets are not enforced yet.")
    if parts.memory_ref is not None:
        yield from _in_memory(bundle.find(ArkMemory, parts.memory_ref.name, namespace))


def in_registry(registry: ArkRegistry) -> Iterator[Unsupported]:
    """What of a registry is not carried out."""
    if registry.spec.scope == "cluster-scoped":
        message = "Agents of other namespaces are not found yet; those of the team's own namespace are."
        yield Unsupported(("spec", "scope"), message)


def in_settings(parts: AgentParts, settings: Sequence[ArkSettings]) -> Iterator[Unsupported]:
    """What of an agent's settings, the later winning, is not carried out. Paths begin at its fields."""
    told = [one for one in settings if "memory_backend" in one.spec.model_fields_set]
    if parts.memory_ref is None and told and told[-1].spec.memory_backend != "in-context":
        message = (
            f'The ArkSettings "{told[-1].metadata.name}" asks for {told[-1].spec.memory_backend} memory and '
            "does not say where it is, so the agent remembers nothing. Name an ArkMemory by `memoryRef`."
        )
        yield Unsupported(("memoryRef",), message, weight="adds")


def _in_memory(memory: ArkMemory | None) -> Iterator[Unsupported]:
    store = memory.spec.vector_store if memory and memory.spec.backend == "vector-store" else None
    if store is not None and store.provider != "qdrant":
        message = f"Memory in {store.provider} is not used yet; Qdrant and Redis are."
        yield Unsupported(("memoryRef",), message)
