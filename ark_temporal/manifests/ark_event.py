"""The kind ArkEvent: what starts runs."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from ark_temporal.manifests.base import (
    ArkResource,
    Flag,
    Int,
    ManifestModel,
    NonBlank,
    ObjectName,
    OtherName,
    Template,
)
from ark_temporal.manifests.webhook_source import WebhookSource


class TeamOutput(ManifestModel):
    """The end of another team's run."""

    name: ObjectName = Field(description="Name of the team or flow whose runs are watched.")
    on_phase: Literal["Succeeded", "Failed", "*"] = Field(
        default="Succeeded", description="The end that counts; `*` is any."
    )


def _source_type(value: object) -> object:
    return "team-output" if value == "pipeline-output" else value


SourceType = Annotated[
    Literal["webhook", "cron", "team-output"],
    BeforeValidator(
        _source_type,
        json_schema_input_type=Literal["webhook", "cron", "team-output", "pipeline-output"],
    ),
]


class EventSource(ManifestModel):
    """Where an event comes from."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"pipelineOutput": OtherName("teamOutput")}

    type: SourceType = Field(
        description="`webhook`, `cron` or `team-output` (also written `pipeline-output`)."
    )
    cron: str | None = Field(
        default=None,
        description="When: five cron fields (minute hour day month weekday), in UTC or in `timeZone`.",
    )
    time_zone: NonBlank = Field(
        default="UTC", description="The time zone of `cron`, such as `Europe/Berlin`."
    )
    jitter_seconds: Annotated[Int, Field(ge=0, le=3600)] = Field(
        default=0, description="Fire up to so many seconds later, at random, so that not all come at once."
    )
    team_output: TeamOutput | None = Field(default=None, description="Whose end, and which end.")
    webhook: WebhookSource | None = Field(
        default=None,
        description="Who may call the webhook, and what it answers; by default, whoever has its token.",
    )


class EventTarget(ManifestModel):
    """A team that the event starts."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"pipeline": OtherName("team")}

    team: ObjectName = Field(description="Name of the team or flow, in the same namespace.")
    input: dict[str, Template] = Field(
        default_factory=dict[str, str],
        description="Inputs of the run; may use `.trigger`. Inputs not named keep the team's defaults.",
    )


class ArkEventSpec(ManifestModel):
    """What happens, and what it starts."""

    source: EventSource = Field(description="Where the event comes from.")
    targets: Annotated[list[EventTarget], Field(min_length=1)] = Field(
        description="The teams it starts, all at once."
    )
    concurrency_policy: Literal["Allow", "Forbid"] = Field(
        default="Allow", description="`Forbid` skips the event while a run it started still runs."
    )
    suspended: Flag = Field(default=False, description="Whether the event is switched off.")


class ArkEvent(ArkResource):
    """A trigger: a webhook, a schedule, or the end of another team's run."""

    KIND: ClassVar[str] = "ArkEvent"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arkevent",)

    kind: Literal["ArkEvent"] = Field(default="ArkEvent", description="Always `ArkEvent`.")
    spec: ArkEventSpec = Field(description="What happens, and what it starts.")
