"""The kind ArkRegistry: an index of agents by what they can do."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.base import ArkResource, Flag, Int, ManifestModel


class RegistryPolicy(ManifestModel):
    """Bounds on handing tasks on."""

    max_depth: Annotated[Int, Field(ge=1)] = Field(
        default=3, description="How often a task may be handed on before the run fails."
    )
    allow_cross_team: Flag = Field(default=False, description="Whether agents of other teams may be chosen.")


class ArkRegistrySpec(ManifestModel):
    """What is indexed, and the bounds."""

    scope: Literal["namespace-scoped", "cluster-scoped"] = Field(
        default="namespace-scoped", description="Whose agents are indexed."
    )
    policy: RegistryPolicy = Field(default_factory=RegistryPolicy, description="Bounds on handing on.")


class ArkRegistry(ArkResource):
    """An index of agents by capability, for routing and lookups."""

    KIND: ClassVar[str] = "ArkRegistry"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkregistry",)

    kind: Literal["ArkRegistry"] = Field(default="ArkRegistry", description="Always `ArkRegistry`.")
    spec: ArkRegistrySpec = Field(
        default_factory=ArkRegistrySpec, description="What is indexed, and the bounds."
    )
