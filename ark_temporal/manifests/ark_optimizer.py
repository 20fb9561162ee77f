"""The kind ArkOptimizer: tries better prompts for a team."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.base import (
    FRACTION_PATTERN,
    ArkResource,
    Int,
    ManifestModel,
    NonBlank,
    ObjectName,
)


class OptimizerBudget(ManifestModel):
    """Bounds on what optimising may cost."""

    max_tokens_per_cycle: Annotated[Int, Field(ge=1)] | None = Field(
        default=None, description="Most tokens of one cycle."
    )
    max_cycles_per_day: Annotated[Int, Field(ge=1)] = Field(default=3, description="Most cycles in a day.")


class ArkOptimizerSpec(ManifestModel):
    """Which team, how a better prompt is measured, and who decides."""

    target_team: ObjectName = Field(description="Name of the team to improve.")
    min_runs: Annotated[Int, Field(ge=1)] = Field(
        default=10, description="Finished runs needed before the first proposal."
    )
    shadow_traffic_pct: Annotated[Int, Field(ge=0, le=50)] = Field(
        default=10, description="Share of runs that also try the proposal, in percent."
    )
    evaluation_runs: Annotated[Int, Field(ge=1)] = Field(
        default=5, description="Runs that a proposal is judged by."
    )
    min_success_rate_delta: Annotated[str, Field(pattern=FRACTION_PATTERN)] = Field(
        default="0.10", description="Gain in success rate that a proposal needs, as a string."
    )
    promotion_policy: Literal["manual", "auto"] = Field(
        default="manual", description="Whether a person decides about a proposal."
    )
    optimizer_model: NonBlank | None = Field(
        default=None, description="The language model that writes proposals."
    )
    optimizer_budget: OptimizerBudget = Field(
        default_factory=OptimizerBudget, description="Bounds on what optimising may cost."
    )


class ArkOptimizer(ArkResource):
    """Proposes better prompts for a team, tries them beside the real ones, and measures."""

    KIND: ClassVar[str] = "ArkOptimizer"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkoptimizer",)

    kind: Literal["ArkOptimizer"] = Field(default="ArkOptimizer", description="Always `ArkOptimizer`.")
    spec: ArkOptimizerSpec = Field(description="Which team, and how a better prompt is found.")
