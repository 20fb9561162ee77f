"""What a manifest may say that this version does not carry out yet.

Everything here is parsed and validated like any other field. What the run cannot do without is an error; what
only adds to it is a warning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ark_temporal.manifests import ArkMemory, ArkSettings, ArkTeam, Bundle, Role
from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.pipeline import PipelineStep

Path = tuple[str | int, ...]
Weight = Literal["adds", "changes", "carries"]


@dataclass(frozen=True)
class Unsupported:
    """A field that is not carried out.

    Attributes:
        path: Of the field, from its resource's root.
        message: What is not done, in a sentence.
        weight: Without it the run has less (`adds`), is another one (`changes`), or is none (`carries`).
    """

    path: Path
    message: str
    weight: Weight = "changes"


def in_team(team: ArkTeam) -> Iterator[Unsupported]:
    """What of a team as a whole is not carried out."""
    spec = team.spec
    if spec.routing is not None:
        yield Unsupported(("spec", "routing"), "Routed teams cannot be run yet.", "carries")
    elif not spec.pipeline:
        message = "Teams without a pipeline, led by an entry role, cannot be run yet."
        yield Unsupported(("spec", "entry"), message, "carries")
    if spec.limits.max_daily_tokens:
        yield Unsupported(("spec", "limits", "maxDailyTokens"), "Daily token budgets are not enforced yet.")
    if spec.artifact_store is not None:
        yield Unsupported(("spec", "artifactStore"), "Artifacts are not stored yet.", weight="adds")
    if spec.notify_ref is not None:
        yield Unsupported(("spec", "notifyRef"), "Notifications are not sent yet.", weight="adds")
    for index, step in enumerate(spec.pipeline):
        for found in _in_step(step):
            yield Unsupported(("spec", "pipeline", index, *found.path), found.message, found.weight)


def in_role(role: Role) -> Iterator[Unsupported]:
    """What of a role itself, apart from its agent, is not carried out."""
    if role.ark_team is not None:
        yield Unsupported(("arkTeam",), "Roles that are teams of their own cannot be run yet.", "carries")
    if role.can_delegate:
        yield Unsupported(("canDelegate",), "Delegation from a pipeline's step is not done yet.")


def in_agent(parts: AgentParts, bundle: Bundle, namespace: str) -> Iterator[Unsupported]:
    """What of an agent or an inline role is not carried out. Paths begin at its fields."""
    if parts.limits.max_daily_tokens:
        yield Unsupported(("limits", "maxDailyTokens"), "Daily token budgets are not enforced yet.")
    if parts.memory_ref is not None:
        yield from _in_memory(bundle.find(ArkMemory, parts.memory_ref.name, namespace))


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


def _in_step(step: PipelineStep) -> Iterator[Unsupported]:
    if step.approval is not None:
        yield Unsupported(("approval",), "Approval gates are not held yet.")
    if step.registry_lookup is not None:
        yield Unsupported(("registryLookup",), "Agents are not looked up in a registry yet.")
    if step.output_artifacts:
        yield Unsupported(("outputArtifacts",), "Artifacts are not stored yet.")
