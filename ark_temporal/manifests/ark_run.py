"""The kind ArkRun: the record of a run."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.manifests.base import ArkResource


class ArkRun(ArkResource):
    """The record of one run. The system writes it; in a manifest it is accepted and starts nothing."""

    KIND: ClassVar[str] = "ArkRun"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkrun", "aorun")

    kind: Literal["ArkRun"] = Field(default="ArkRun", description="Always `ArkRun`.")
    spec: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="The team as it was, the input, and the team's generation.",
    )
