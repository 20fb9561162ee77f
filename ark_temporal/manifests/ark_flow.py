"""The kind ArkFlow: the older form of a team's pipeline."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ark_temporal.manifests.ark_team import ArkTeam, ArkTeamSpec, Role
from ark_temporal.manifests.base import (
    ArkResource,
    Int,
    JsonSchemaText,
    ManifestModel,
    ObjectName,
    OtherName,
    StepName,
    Template,
)
from ark_temporal.manifests.pipeline import Loop, PipelineStep


class FlowStep(ManifestModel):
    """One step of a flow: an agent that is given inputs once the steps it depends on are done."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"arkonisDeployment": OtherName("arkAgent")}

    name: StepName = Field(description="Name of the step.")
    ark_agent: ObjectName = Field(description="Name of the ArkAgent that does the work.")
    inputs: dict[str, Template] = Field(
        default_factory=dict[str, str],
        description="Parts of the prompt, in this order; each becomes a line `key: value`.",
    )
    depends_on: list[str] = Field(
        default_factory=list[str], description="Steps that must have succeeded or been skipped before."
    )
    output_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of the output; enforced, and read back as `.data`."
    )
    if_: Template | None = Field(
        default=None,
        validation_alias="if",
        serialization_alias="if",
        description="The step is skipped when this renders to a false value.",
    )
    loop: Loop | None = Field(default=None, description="Repeats the step while a condition holds.")


class ArkFlowSpec(ManifestModel):
    """What a flow is made of."""

    steps: Annotated[list[FlowStep], Field(min_length=1)] = Field(description="The steps.")
    input: dict[str, str] = Field(
        default_factory=dict[str, str], description="Values read as `.pipeline.input.<key>`."
    )
    output: Template | None = Field(default=None, description="The final result, made of the steps' outputs.")
    timeout_seconds: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="Longest time of a run from its start, in seconds; 0 is no limit."
    )
    max_tokens: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="Most tokens of one run; 0 is no limit."
    )


class ArkFlow(ArkResource):
    """A pipeline of agents in the older form; it is read as a team."""

    KIND: ClassVar[str] = "ArkFlow"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkflow",)

    kind: Literal["ArkFlow"] = Field(default="ArkFlow", description="Always `ArkFlow`.")
    spec: ArkFlowSpec = Field(description="What the flow is made of.")


def flow_as_team(flow: ArkFlow) -> ArkTeam:
    """Reads a flow as a team of referenced agents, one role and one pipeline step for each step.

    Templates keep reading `.pipeline.input.<key>`.
    """
    spec = flow.spec
    return ArkTeam(
        metadata=flow.metadata,
        spec=ArkTeamSpec(
            roles=[Role(name=step.name, ark_agent=step.ark_agent) for step in spec.steps],
            pipeline=[_pipeline_step(step) for step in spec.steps],
            input=spec.input,
            output=spec.output,
            timeout_seconds=spec.timeout_seconds,
            max_tokens=spec.max_tokens,
        ),
    )


def _pipeline_step(step: FlowStep) -> PipelineStep:
    return PipelineStep(
        role=step.name,
        inputs=step.inputs,
        depends_on=step.depends_on,
        if_=step.if_,
        loop=step.loop,
        output_schema=step.output_schema,
    )
