"""What an ArkAgent and an inline role of a team have in common."""

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import (
    Flag,
    Int,
    JsonSchemaText,
    KeyRef,
    ManifestModel,
    NameRef,
    NonBlank,
    SourceRef,
    name_ref,
)
from ark_temporal.manifests.mcp import McpServer
from ark_temporal.manifests.tools import Tool


def _quantity(value: object) -> str | int | float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("quantity-type", 'a quantity, such as "100m", "1Gi" or 2')


Quantity = Annotated[str | int | float, PlainValidator(_quantity, json_schema_input_type=str | int | float)]
"""A Kubernetes quantity: `"100m"`, `"1Gi"`, `2`."""


class PromptRef(ManifestModel):
    """Where a system prompt is kept. Exactly one of the two is given."""

    config_map_key_ref: KeyRef | None = Field(default=None, description="A key of a ConfigMap.")
    secret_key_ref: KeyRef | None = Field(
        default=None, description="A key of a Secret. The prompt is read on the worker and never recorded."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "PromptRef":
        if (self.config_map_key_ref is None) == (self.secret_key_ref is None):
            raise PydanticCustomError(
                "one-of", "Exactly one of `configMapKeyRef` and `secretKeyRef` must be given."
            )
        return self


class EnvFromSource(ManifestModel):
    """A Secret or ConfigMap whose keys become settings of the agent, such as its provider's key."""

    secret_ref: SourceRef | None = Field(default=None, description="The Secret to read.")
    config_map_ref: SourceRef | None = Field(default=None, description="The ConfigMap to read.")
    prefix: str = Field(default="", description="Text put in front of every key.")

    @model_validator(mode="after")
    def _exactly_one(self) -> "EnvFromSource":
        if (self.secret_ref is None) == (self.config_map_ref is None):
            raise PydanticCustomError(
                "one-of", "Exactly one of `secretRef` and `configMapRef` must be given."
            )
        return self


class Limits(ManifestModel):
    """Bounds on what one agent may use."""

    max_tokens_per_call: Annotated[Int, Field(ge=1)] = Field(
        default=8000, description="Input and output tokens of one model call."
    )
    max_concurrent_tasks: Annotated[Int, Field(ge=1)] = Field(
        default=5, description="Tasks that one replica works on at the same time."
    )
    timeout_seconds: Annotated[Int, Field(ge=1)] = Field(
        default=120, description="Longest time one task may take, in seconds."
    )
    max_daily_tokens: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="Input and output tokens in any 24 hours, over all replicas; 0 is no limit."
    )
    max_turns: Annotated[Int, Field(ge=1, le=10_000)] = Field(
        default=50,
        description="How often the model may be asked in one task, tools being called in between (ours).",
    )


class LivenessProbe(ManifestModel):
    """How an agent's health is found out."""

    type: Literal["ping", "semantic"] = Field(
        default="ping", description="`ping` asks the process; `semantic` asks the model a question."
    )
    interval_seconds: Annotated[Int, Field(ge=1)] = Field(
        default=30, description="Time between two probes, in seconds."
    )
    validator_prompt: str | None = Field(
        default=None,
        description="The question of a semantic probe; the answer must hold the word HEALTHY. "
        "A built-in question is asked when it is not given.",
    )


class Capability(ManifestModel):
    """Something the agent offers, found through a registry."""

    id: NonBlank = Field(description="Name of the capability, as lookups ask for it.")
    description: str = Field(default="", description="What it does; the router reads this to choose.")
    tags: list[str] = Field(
        default_factory=list[str], description="Tags; a lookup finds agents that declare all it lists."
    )
    input_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of what it expects, for readers only."
    )
    output_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of what it answers, for readers only."
    )
    expose_mcp: Flag = Field(
        default=False,
        validation_alias="exposeMCP",
        serialization_alias="exposeMCP",
        description="Whether it is offered as an MCP tool.",
    )


class Autoscaling(ManifestModel):
    """Replicas by the number of waiting tasks."""

    enabled: Flag = Field(default=True, description="Whether scaling is on.")
    min_replicas: Annotated[Int, Field(ge=0, le=50)] = Field(default=1, description="Fewest replicas.")
    max_replicas: Annotated[Int, Field(ge=1, le=50)] = Field(default=10, description="Most replicas.")
    target_pending_tasks: Annotated[Int, Field(ge=1)] = Field(
        default=5, description="Waiting tasks per replica that scaling aims at."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Autoscaling":
        if self.min_replicas > self.max_replicas:
            raise PydanticCustomError(
                "range-order",
                "`minReplicas` ({low}) must not be greater than `maxReplicas` ({high}).",
                {"low": self.min_replicas, "high": self.max_replicas},
            )
        return self


class NetworkPolicy(ManifestModel):
    """Which hosts the agent may reach."""

    model_config = ConfigDict(extra="allow")

    mode: str = Field(
        default="strict", description="`strict` allows only the hosts of the listed MCP servers."
    )


class Resources(ManifestModel):
    """Kubernetes resource requests and limits; used where agents run as pods."""

    # Published manifests carry agent limits here by mistake; a check warns about what does not belong.
    model_config = ConfigDict(extra="allow")

    requests: dict[str, Quantity] = Field(
        default_factory=dict[str, Quantity], description='What is reserved, such as `cpu: "100m"`.'
    )
    limits: dict[str, Quantity] = Field(
        default_factory=dict[str, Quantity], description='What may be used at most, such as `memory: "1Gi"`.'
    )


def _refs(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [name_ref(item) for item in cast(list[object], value)]


ConfigRef = Annotated[NameRef, BeforeValidator(name_ref, json_schema_input_type=str | NameRef)]
SettingsRefs = Annotated[list[NameRef], BeforeValidator(_refs, json_schema_input_type=list[str | NameRef])]


class AgentParts(ManifestModel):
    """The fields that an ArkAgent and an inline role share."""

    replicas: Annotated[Int, Field(ge=0, le=50)] = Field(
        default=1, description="Size of the agent's pool; 0 drains it."
    )
    system_prompt: str | None = Field(default=None, description="The system prompt, as it stands.")
    system_prompt_ref: PromptRef | None = Field(
        default=None, description="Where the system prompt is kept; wins over `systemPrompt`."
    )
    mcp_servers: list[McpServer] = Field(
        default_factory=list[McpServer], description="MCP servers whose tools the agent may call."
    )
    tools: list[Tool] = Field(
        default_factory=list[Tool],
        description="HTTP endpoints, Python functions and built-in tools that the agent may call.",
    )
    limits: Limits = Field(default_factory=Limits, description="Bounds on tokens, time and concurrency.")
    liveness_probe: LivenessProbe | None = Field(default=None, description="How health is found out.")
    config_ref: ConfigRef | None = Field(
        default=None, description="One ArkSettings, as `{name}` or as a bare name."
    )
    settings_refs: SettingsRefs = Field(
        default_factory=list[NameRef], description="Several ArkSettings, applied in this order."
    )
    memory_ref: NameRef | None = Field(default=None, description="The ArkMemory the agent remembers with.")
    notify_ref: NameRef | None = Field(default=None, description="The ArkNotify told when health is lost.")
    env_from: list[EnvFromSource] = Field(
        default_factory=list[EnvFromSource],
        description="Secrets and ConfigMaps with provider keys and settings, for this agent alone.",
    )
    resources: Resources | None = Field(default=None, description="Kubernetes requests and limits.")
    capabilities: list[Capability] = Field(
        default_factory=list[Capability], description="What the agent offers to registries."
    )
    autoscaling: Autoscaling | None = Field(default=None, description="Replicas by waiting tasks.")
    network_policy: NetworkPolicy | None = Field(default=None, description="Which hosts may be reached.")
    plugins: JsonValue | None = Field(default=None, description="Accepted and not used.")
