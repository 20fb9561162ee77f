"""The kind ArkSettings: settings and prompt fragments that several agents share."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.manifests.ark_memory import Backend
from ark_temporal.manifests.base import FRACTION_PATTERN, ArkResource, ManifestModel, NonBlank


class Fragment(ManifestModel):
    """A piece of text added to system prompts."""

    name: NonBlank = Field(description="Name of the fragment.")
    position: Literal["prepend", "append"] = Field(
        default="append", description="Whether it stands before or after the agent's own prompt."
    )
    text: str = Field(description="The text.")


class ArkSettingsSpec(ManifestModel):
    """The shared settings."""

    temperature: Annotated[str, Field(pattern=FRACTION_PATTERN)] | None = Field(
        default=None, description='The model\'s temperature, from "0.0" to "1.0", written as a string.'
    )
    output_format: Literal["structured-json", "markdown", "plain"] | None = Field(
        default=None, description="The form in which agents answer."
    )
    memory_backend: Backend = Field(
        default="in-context", description="Memory of agents that name no ArkMemory."
    )
    prompt_fragments: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="`persona` stands before the prompt, `outputRules` after it, other keys follow "
        "alphabetically.",
    )
    fragments: list[Fragment] = Field(
        default_factory=list[Fragment], description="Pieces of prompt; they replace `promptFragments`."
    )
    security: dict[str, JsonValue] | None = Field(default=None, description="Accepted and not used.")


class ArkSettings(ArkResource):
    """Settings and prompt fragments that several agents share."""

    KIND: ClassVar[str] = "ArkSettings"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arksettings",)

    kind: Literal["ArkSettings"] = Field(default="ArkSettings", description="Always `ArkSettings`.")
    spec: ArkSettingsSpec = Field(description="The shared settings.")
