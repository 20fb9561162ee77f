"""The steps of a team's pipeline."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ark_temporal.manifests.approval import Approval, Approvals
from ark_temporal.manifests.base import (
    Int,
    JsonSchemaText,
    ManifestModel,
    NonBlank,
    ObjectName,
    Pattern,
    StepName,
    Template,
)
from ark_temporal.manifests.shapes import Ensemble, Map, Switch

OnFailure = Literal["fail", "park"]
Strategy = Literal["round-robin", "least-busy", "random"]


class Loop(ManifestModel):
    """Repeats a step while a condition holds."""

    condition: Template = Field(
        description="Rendered after each success; the step runs again while the result is true. "
        "It sees the step's own latest output."
    )
    max_iterations: Annotated[Int, Field(ge=1, le=100)] = Field(
        default=10, description="Most repeats after the first run."
    )


class Validation(ManifestModel):
    """Checks on a step's output. All that are given must pass, `rejectPatterns` first."""

    contains: Pattern | None = Field(default=None, description="Pattern that must occur in the output.")
    schema_: JsonSchemaText | None = Field(
        default=None,
        validation_alias="schema",
        serialization_alias="schema",
        description="JSON Schema that the output must match.",
    )
    semantic: NonBlank | None = Field(
        default=None,
        description="A question about the output, put to a model; the first word of the answer decides "
        "(PASS, VALID, YES or FAIL, INVALID, NO).",
    )
    reject_patterns: list[Pattern] = Field(
        default_factory=list[str], description="Patterns that must not occur in the output."
    )
    on_failure: Literal["fail", "retry"] = Field(
        default="fail", description="Whether a failed check fails the step or asks the agent again."
    )
    max_retries: Annotated[Int, Field(ge=0, le=100)] = Field(
        default=2, description="How often the agent is asked again under `retry`."
    )


class RegistryLookup(ManifestModel):
    """Finds the agent of a step by what it can do, when the step starts."""

    capability: NonBlank | None = Field(default=None, description="The capability to look for.")
    tags: list[str] = Field(
        default_factory=list[str], description="Tags that the capability must all declare."
    )
    strategy: Strategy = Field(default="least-busy", description="How one of several agents is chosen.")
    fallback: ObjectName | None = Field(default=None, description="The agent used when none is found.")


class OutputArtifact(ManifestModel):
    """A file that the step leaves behind."""

    # Published manifests may say more about a file; its name is all that is settled.
    model_config = ConfigDict(extra="allow")

    name: NonBlank = Field(description="Name of the file, and of `.steps.<step>.artifacts.<name>`.")


class PipelineStep(ManifestModel):
    """One step: a role that is given inputs once the steps it depends on are done."""

    role: StepName = Field(description="The role that does the work; also the step's name.")
    name: StepName | None = Field(
        default=None, description="The step's own name, where one role works in several steps."
    )
    inputs: dict[str, Template] = Field(
        default_factory=dict[str, str],
        description="Parts of the prompt, in this order; each becomes a line `key: value`.",
    )
    depends_on: list[str] = Field(
        default_factory=list[str], description="Steps that must have succeeded or been skipped before."
    )
    if_: Template | None = Field(
        default=None,
        validation_alias="if",
        serialization_alias="if",
        description="The step is skipped when this renders to a false value.",
    )
    loop: Loop | None = Field(default=None, description="Repeats the step while a condition holds.")
    output_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of the output; enforced, and read back as `.data`."
    )
    validate_: Validation | None = Field(
        default=None,
        validation_alias="validate",
        serialization_alias="validate",
        description="Checks that the output must pass.",
    )
    registry_lookup: RegistryLookup | None = Field(
        default=None, description="Finds the agent by capability; the role need not be declared then."
    )
    output_artifacts: list[OutputArtifact] = Field(
        default_factory=list[OutputArtifact], description="Files that the step leaves behind."
    )
    approval: Approvals = Field(
        default_factory=list[Approval],
        description="A human decision the step waits for; as a list, one before and one after it (ours).",
    )
    map: Map | None = Field(default=None, description="Does the task once for every item of a list (ours).")
    ensemble: Ensemble | None = Field(
        default=None, description="Has the task done several times at once, and joins the answers (ours)."
    )
    fallback: list[str] = Field(
        default_factory=list[str],
        description="Roles that do the task, one after the other, where the one before could not (ours).",
    )
    switch: Switch | None = Field(
        default=None, description="Chooses the role; `role` is only the step's name then (ours)."
    )
    on_failure: OnFailure | None = Field(
        default=None,
        description="Whether a failure of the step fails the run, or waits for a person; by default what the "
        "team says (ours).",
    )

    @property
    def id(self) -> str:
        """The name by which other steps and templates know this step."""
        return self.name or self.role

    @property
    def shapes(self) -> tuple[str, ...]:
        """The fields given that decide who does the task and how often; at most one may be."""
        given = {
            "map": self.map,
            "ensemble": self.ensemble,
            "fallback": self.fallback,
            "switch": self.switch,
            "registryLookup": self.registry_lookup,
        }
        return tuple(name for name, value in given.items() if value)

    @property
    def names_a_role(self) -> bool:
        """Whether `role` is one of the team's roles, and not only the step's name."""
        if self.registry_lookup is not None or self.switch is not None:
            return False
        return self.ensemble is None or not self.ensemble.roles
