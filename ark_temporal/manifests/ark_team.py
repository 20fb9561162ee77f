"""The kind ArkTeam: agents that work together."""

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.agent_parts import AgentParts
from ark_temporal.manifests.approval import ApproverGroups
from ark_temporal.manifests.base import (
    ArkResource,
    Flag,
    Int,
    ManifestModel,
    NameRef,
    NonBlank,
    ObjectName,
    OtherName,
    StepName,
    Template,
)
from ark_temporal.manifests.pipeline import OnFailure, PipelineStep

InputType = Literal["string", "number", "integer", "boolean", "object", "array"]

_PYTHON_TYPES: Mapping[InputType, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


class Role(AgentParts):
    """A member of a team: an agent described here, an ArkAgent, or another team."""

    name: StepName = Field(description="Name of the role, unique in the team.")
    model: NonBlank | None = Field(default=None, description="The language model of a role described here.")
    ark_agent: ObjectName | None = Field(
        default=None, description="Name of the ArkAgent that plays the role."
    )
    ark_team: ObjectName | None = Field(default=None, description="Name of the ArkTeam that plays the role.")
    can_delegate: list[str] = Field(
        default_factory=list[str], description="Roles to which this one may hand tasks."
    )


class Routing(ManifestModel):
    """Lets a model choose one agent for each task."""

    registry_ref: NameRef | None = Field(default=None, description="The ArkRegistry with the agents.")
    model: NonBlank = Field(description="The language model that chooses.")
    fallback: ObjectName | None = Field(default=None, description="The agent used when none fits.")


class TeamInput(ManifestModel):
    """A value that a run is started with."""

    name: NonBlank = Field(description="Name of the input, read as `.input.<name>`.")
    type: InputType = Field(default="string", description="Type of the value.")
    description: str = Field(default="", description="What the value is, for people.")
    required: Flag = Field(default=False, description="Whether a run must be given it.")
    default: JsonValue | None = Field(
        default=None, description="Value used when none is given; for other types than string, also as text."
    )

    @model_validator(mode="after")
    def _default_fits(self) -> "TeamInput":
        self.parse(self.default)
        return self

    @property
    def default_value(self) -> JsonValue:
        """The default in the declared type: the text `"5"` of an integer input is 5."""
        return self.parse(self.default)

    def parse(self, value: JsonValue) -> JsonValue:
        """Reads a value, or text that stands for one, in the declared type.

        Raises:
            PydanticCustomError: The value does not have the type (a `ValueError`).
        """
        if isinstance(value, str) and self.type != "string":
            value = _from_text(value)
        is_flag = isinstance(value, bool) and self.type != "boolean"
        if value is None or (isinstance(value, _PYTHON_TYPES[self.type]) and not is_flag):
            return value
        raise PydanticCustomError(
            "default-type",
            "The value of input `{name}` does not have the declared type {type}.",
            {"name": self.name, "type": self.type},
        )


def _from_text(text: str) -> JsonValue:
    try:
        return cast(JsonValue, json.loads(text))
    except (ValueError, RecursionError):
        return text


class TeamLimits(ManifestModel):
    """Bounds on what all roles together may use."""

    max_daily_tokens: Annotated[Int, Field(ge=0)] = Field(
        default=0, description="Tokens of all roles in any 24 hours; 0 is no limit."
    )


class ScaleToZero(ManifestModel):
    """Frees an idle team's replicas."""

    enabled: Flag = Field(default=False, description="Whether idle replicas are freed.")
    after_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=300, description="How long the team must be idle, in seconds."
    )


class TeamAutoscaling(ManifestModel):
    """Replicas by the number of active steps."""

    enabled: Flag = Field(default=False, description="Whether the team scales its roles.")
    scale_to_zero: ScaleToZero = Field(default_factory=ScaleToZero, description="Frees idle replicas.")


class LocalStore(ManifestModel):
    """A directory for artifacts."""

    path: NonBlank = Field(description="The directory.")


class ArtifactStore(ManifestModel):
    """Where files that steps leave behind are kept."""

    type: Literal["local", "s3", "gcs"] = Field(description="The kind of store.")
    local: LocalStore | None = Field(default=None, description="Settings of a local store.")
    s3: dict[str, JsonValue] | None = Field(default=None, description="Settings of an S3 store.")
    gcs: dict[str, JsonValue] | None = Field(default=None, description="Settings of a GCS store.")


def _members_to_roles(value: object) -> object:
    """Reads the older `members[]{role, arkAgent, entry, delegates}` as roles."""
    if not isinstance(value, list):
        return value
    return [_member_to_role(item) for item in cast(list[object], value)]


def _member_to_role(item: object) -> object:
    if not isinstance(item, dict):
        return item
    member = dict(cast(Mapping[str, object], item))
    member.pop("entry", None)
    for old, new in (("role", "name"), ("delegates", "canDelegate")):
        if old in member:
            member[new] = member.pop(old)
    return member


def _entries(members: object) -> list[object]:
    found: list[object] = []
    for item in cast(list[object], members) if isinstance(members, list) else []:
        member = cast(dict[str, object], item) if isinstance(item, dict) else {}
        if member.get("entry") is True:
            found.append(member.get("role", member.get("name")))
    return found


class ArkTeamSpec(ManifestModel):
    """What a team is made of. Its fields decide how it runs: pipeline, dynamic, mixed or routed."""

    other_names: ClassVar[Mapping[str, OtherName]] = {
        "members": OtherName(
            "roles",
            _members_to_roles,
            {"type": "array", "items": {"type": "object"}},
            "list of objects",
        )
    }

    roles: list[Role] = Field(default_factory=list[Role], description="The members of the team.")
    pipeline: list[PipelineStep] = Field(
        default_factory=list[PipelineStep],
        description="Steps and what they wait for; runs in parallel where it can.",
    )
    entry: str | None = Field(
        default=None, description="The role that receives tasks of a team without a pipeline."
    )
    routing: Routing | None = Field(default=None, description="Lets a model choose one agent for each task.")
    output: Template | None = Field(default=None, description="The final result, made of the steps' outputs.")
    inputs: list[TeamInput] = Field(
        default_factory=list[TeamInput], description="The values that a run is started with."
    )
    input: dict[str, str] = Field(
        default_factory=dict[str, str], description="Default values, under those of the trigger."
    )
    timeout_seconds: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="Longest time of a run from its start, in seconds; 0 is no limit."
    )
    max_tokens: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="Most tokens of one run; 0 is no limit."
    )
    limits: TeamLimits = Field(default_factory=TeamLimits, description="Bounds over all roles.")
    notify_ref: NameRef | None = Field(default=None, description="The ArkNotify told about runs.")
    successful_runs_history_limit: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="How many succeeded runs are kept."
    )
    failed_runs_history_limit: Annotated[Int, Field(ge=0)] | None = Field(
        default=None, description="How many failed runs are kept."
    )
    autoscaling: TeamAutoscaling | None = Field(default=None, description="Replicas by active steps.")
    artifact_store: ArtifactStore | None = Field(default=None, description="Where artifacts are kept.")
    approver_groups: ApproverGroups = Field(
        default_factory=dict[str, list[str]],
        description="Names of people by group; approvals name a group as `@group` (ours).",
    )
    on_failure: OnFailure = Field(
        default="fail",
        description="Whether a failed step fails the run, or waits for a person, who may have it done again "
        "(ours).",
    )

    @model_validator(mode="before")
    @classmethod
    def _entry_of_members(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        given = cast(dict[str, object], data)
        entries = _entries(given.get("members"))
        if len(entries) > 1:
            raise PydanticCustomError(
                "one-of",
                "Exactly one of `members` must have `entry: true`; {count} have.",
                {"count": len(entries)},
            )
        return {**given, "entry": entries[0]} if entries and "entry" not in given else given


class ArkTeam(ArkResource):
    """A team of agents, with the pipeline, entry role or routing that says how they work together."""

    KIND: ClassVar[str] = "ArkTeam"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkteam",)

    kind: Literal["ArkTeam"] = Field(default="ArkTeam", description="Always `ArkTeam`.")
    spec: ArkTeamSpec = Field(description="What the team is made of.")
