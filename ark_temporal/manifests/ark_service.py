"""The kind ArkService: an address for an agent."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.base import ArkResource, Int, ManifestModel, ObjectName
from ark_temporal.manifests.pipeline import Strategy


class ServiceSelector(ManifestModel):
    """Which agent is served."""

    ark_agent: ObjectName = Field(
        description="Name of the ArkAgent; `<team>-<role>` names the agent of an inline role."
    )


class ServiceRouting(ManifestModel):
    """How one of several replicas is chosen."""

    strategy: Strategy = Field(default="round-robin", description="How the replica of a task is chosen.")


class ServicePort(ManifestModel):
    """A port that tasks arrive at."""

    protocol: Literal["A2A", "HTTP"] = Field(default="HTTP", description="What is spoken there.")
    port: Annotated[Int, Field(ge=1, le=65535)] = Field(default=8081, description="The port's number.")


class ArkServiceSpec(ManifestModel):
    """Which agent is served, and how."""

    selector: ServiceSelector = Field(description="Which agent is served.")
    routing: ServiceRouting = Field(
        default_factory=ServiceRouting, description="How one of several replicas is chosen."
    )
    ports: list[ServicePort] = Field(
        default_factory=list[ServicePort], description="Where tasks arrive; by default HTTP at 8081."
    )


class ArkService(ArkResource):
    """An address at which an agent takes tasks."""

    KIND: ClassVar[str] = "ArkService"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkservice", "aosvc")

    kind: Literal["ArkService"] = Field(default="ArkService", description="Always `ArkService`.")
    spec: ArkServiceSpec = Field(description="Which agent is served, and how.")
