"""The kind ArkAgent: one agent with a model, a prompt and tools."""

from typing import ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.base import ArkResource, NonBlank


class ArkAgentSpec(AgentParts):
    """What an agent is made of."""

    model: NonBlank = Field(description="The language model; its name selects the provider.")


class ArkAgent(ArkResource):
    """An agent: a language model with a prompt, tools, limits and memory."""

    KIND: ClassVar[str] = "ArkAgent"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkagent",)

    kind: Literal["ArkAgent"] = Field(default="ArkAgent", description="Always `ArkAgent`.")
    spec: ArkAgentSpec = Field(description="What the agent is made of.")
