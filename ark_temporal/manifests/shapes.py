"""Steps that are more than one agent's task: `map`, `ensemble`, `switch`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ark_temporal.manifests.base import Int, ManifestModel, NonBlank, Template


class Map(ManifestModel):
    """Does the step's task once for every item of a list (ours)."""

    over: Annotated[Template, Field(min_length=1)] = Field(
        description="The list: one action such as `{{ .steps.find.data }}`, or text that is a JSON array. "
        "The step's `inputs` read an item as `.item` and its place, from 0, as `.index` (ours)."
    )
    max_concurrency: Annotated[Int, Field(ge=1, le=500)] = Field(
        default=10, description="Items that are worked on at the same time (ours)."
    )
    max_items: Annotated[Int, Field(ge=1, le=100_000)] = Field(
        default=1000, description="Most items; a longer list fails the step (ours)."
    )
    on_failure: Literal["fail", "collect"] = Field(
        default="fail",
        description="Whether an item that fails fails the step, or is left empty in the result (ours).",
    )


class Ensemble(ManifestModel):
    """Has the step's task done several times at once, and joins what came of it (ours)."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["samples"]}, {"required": ["roles"]}]},
    )

    samples: Annotated[Int, Field(ge=1, le=500)] | None = Field(
        default=None, description="How often the step's role does it. Either this or `roles` is given (ours)."
    )
    roles: list[str] = Field(
        default_factory=list[str],
        description="The roles that do it; one that stands here twice does it twice (ours).",
    )
    join: Literal["all", "any", "quorum", "bestEffort"] = Field(
        default="all",
        description="Whether all must succeed, the first success is enough, `quorum` of them are, or whoever "
        "succeeds counts (ours).",
    )
    quorum: Annotated[Int, Field(ge=1)] | None = Field(
        default=None,
        description="How many successes are enough for `join: quorum`; under `select: vote`, how many equal "
        "answers are (ours).",
    )
    select: Literal["concat", "vote", "judge", "first"] = Field(
        default="concat",
        description="What becomes of several answers: all one after the other, the most frequent one, the "
        "one that `judge` picks, or the first (ours).",
    )
    judge: NonBlank | None = Field(
        default=None, description="The role that picks; `select: judge` needs it (ours)."
    )


class Switch(ManifestModel):
    """Chooses the step's role by what a template says (ours)."""

    value: Annotated[Template, Field(min_length=1)] = Field(
        description="What is compared with the cases; blanks around it do not count (ours)."
    )
    cases: Annotated[dict[str, str], Field(min_length=1)] = Field(
        description="The role for each text, as a map from text to role (ours)."
    )
    default: NonBlank | None = Field(
        default=None,
        description="The role for any other text; without it, such a text fails the step (ours).",
    )
