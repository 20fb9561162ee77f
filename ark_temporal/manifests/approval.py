"""What people decide: `approval` of a step, of a tool, and of an MCP server's tools."""

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field

from ark_temporal.manifests.base import (
    APPROVAL_RULE_PATTERN,
    Flag,
    Int,
    JsonSchemaText,
    ManifestModel,
    NameRef,
    NonBlank,
    Shown,
    Template,
)

GROUP_MARK = "@"
"""Stands before the name of a group among approvers."""

NEVER = "never"
ALWAYS = "always"

LastWord = Literal["approve", "reject", "fail"]
Rule = Annotated[str, Field(pattern=APPROVAL_RULE_PATTERN), Shown("never, always or template")]
"""When a call needs an approval."""
ApproverGroups = dict[str, Annotated[list[NonBlank], Field(min_length=1)]]


class Escalation(ManifestModel):
    """Who may decide as well once the time before has passed."""

    approvers: Annotated[list[NonBlank], Field(min_length=1)] = Field(
        description="Names of people, or `@group` for those of `spec.approverGroups` (ours)."
    )
    timeout_seconds: Annotated[Int, Field(ge=1)] = Field(
        description="How long these have, in seconds, before it goes on (ours)."
    )


class Deciders(ManifestModel):
    """Who decides, how many of them, and how long that may take."""

    message: Template = Field(
        default="",
        description="What the person is asked: a template over the outputs of steps or, where it is about a "
        "tool, over `.arguments` and `.input`.",
    )
    approvers: list[NonBlank] = Field(
        default_factory=list[str],
        description="Names of those who may decide, or `@group` for those of `spec.approverGroups`; none "
        "named means anybody (ours).",
    )
    quorum: Annotated[Int, Field(ge=1)] = Field(
        default=1, description="How many must approve. One who rejects is enough (ours)."
    )
    four_eyes: Flag = Field(
        default=False, description="Whether whoever submitted the run may not decide (ours)."
    )
    timeout_seconds: Annotated[Int, Field(ge=1)] | None = Field(
        default=None, description="How long to wait, in seconds; without it, for ever."
    )
    on_timeout: Literal["reject", "approve", "fail", "escalate"] = Field(
        default="reject",
        description="What is done when nobody decides in time; `escalate` asks those of `escalation`. "
        "`fail` (ours).",
    )
    escalation: list[Escalation] = Field(
        default_factory=list[Escalation],
        description="Who may decide after that, one after the other; `onTimeout: escalate` needs it (ours).",
    )
    on_last_timeout: LastWord = Field(
        default="reject", description="What is done when the last of `escalation` have not decided (ours)."
    )
    reminder_seconds: Annotated[Int, Field(ge=1)] | None = Field(
        default=None, description="How often people are reminded, in seconds; without it, never (ours)."
    )
    notify_ref: NameRef | None = Field(default=None, description="The ArkNotify that tells people.")


class Approval(Deciders):
    """A human decision that a step waits for."""

    when: Literal["before", "after"] = Field(
        default="before",
        description="Whether the prompt is decided on before the agent is asked, or the output after it "
        "answered (ours).",
    )
    if_: Template | None = Field(
        default=None,
        validation_alias="if",
        serialization_alias="if",
        description="Nobody is asked when this renders to a false value (ours).",
    )
    question: Flag = Field(
        default=False,
        description="Whether the person is asked for an answer, which later templates read as "
        "`.steps.<step>.answer`; only before a step (ours).",
    )
    answer_schema: JsonSchemaText | None = Field(
        default=None, description="JSON Schema of the answer; makes it a question (ours)."
    )

    @property
    def asks(self) -> bool:
        """Whether it is a question."""
        return self.question or self.answer_schema is not None


class ToolApproval(Deciders):
    """The human decision that calls wait for, where they need one (ours)."""


def _listed(value: object) -> object:
    return [cast(object, value)] if isinstance(value, dict) else value


Approvals = Annotated[
    list[Approval], BeforeValidator(_listed, json_schema_input_type=Approval | list[Approval])
]
