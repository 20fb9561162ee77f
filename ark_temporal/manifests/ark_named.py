"""The kind of which only the name is settled: ArkBudget. Its spec is free-form."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from ark_temporal.manifests.base import ArkResource


class ArkBudget(ArkResource):
    """A budget over a selection of objects; accepted, its fields are not settled."""

    KIND: ClassVar[str] = "ArkBudget"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkbudget",)

    kind: Literal["ArkBudget"] = Field(default="ArkBudget", description="Always `ArkBudget`.")
    spec: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue], description="Free-form: a selector and a budget."
    )
