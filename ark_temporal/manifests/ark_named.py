"""Kinds of which only the name is settled: ArkBudget and ArkSecret. Their spec is free-form."""

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


class ArkSecret(ArkResource):
    """Secret values from an outside provider; accepted, its fields are not settled."""

    KIND: ClassVar[str] = "ArkSecret"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arksecret",)

    kind: Literal["ArkSecret"] = Field(default="ArkSecret", description="Always `ArkSecret`.")
    spec: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        repr=False,
        description="Free-form: a provider and its settings.",
    )
