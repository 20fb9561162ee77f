"""The kind ArkNotify: who is told about what. Both published shapes are read."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

from pydantic import Field, JsonValue

from ark_temporal.manifests.base import ArkResource, Int, KeyRef, ManifestModel, OtherName, Template
from ark_temporal.manifests.values import GivenValue, Headers

EventType = Literal[
    "TeamSucceeded",
    "TeamFailed",
    "TeamTimedOut",
    "BudgetExceeded",
    "BudgetWarning",
    "DailyLimitReached",
    "AgentDegraded",
    "ApprovalRequested",
    "ApprovalReminder",
    "ApprovalEscalated",
]


class SlackChannel(ManifestModel):
    """A Slack incoming webhook."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"webhookUrlSecretRef": OtherName("webhookURLFrom")}

    webhook_url_from: KeyRef = Field(
        validation_alias="webhookURLFrom",
        serialization_alias="webhookURLFrom",
        description="The key of a Secret that holds the webhook's address.",
    )
    template: Template | None = Field(default=None, description="The message of events without their own.")


class WebhookChannel(ManifestModel):
    """An HTTP endpoint that is sent the message."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"urlSecretRef": OtherName("urlFrom")}

    url_from: KeyRef = Field(description="The key of a Secret that holds the address.")
    headers: Headers = Field(
        default_factory=dict[str, GivenValue],
        description="HTTP headers, as a list of `{name, value | valueFrom}` or as a map.",
    )
    template: Template | None = Field(default=None, description="The body of events without their own.")


class EmailChannel(ManifestModel):
    """A mail, by SMTP."""

    host: Annotated[str, Field(min_length=1)] = Field(description="The SMTP server.")
    port: Annotated[Int, Field(ge=1, le=65535)] | None = Field(
        default=None, description="Its port; by default 587 for `starttls`, 465 for `tls`, 25 for `none`."
    )
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="Whether the connection turns to TLS, is TLS from its first byte, or is in the clear.",
    )
    sender: str = Field(
        validation_alias="from",
        serialization_alias="from",
        description="The sender: an address, or `Name <address>`.",
    )
    to: Annotated[list[str], Field(min_length=1, max_length=50)] = Field(
        description="The recipients, each an address or `Name <address>`."
    )
    subject: Template | None = Field(
        default=None, description="The subject; by default the event, the team and the run."
    )
    template: Template | None = Field(default=None, description="The text of events without their own.")
    username_from: KeyRef | None = Field(
        default=None, description="The key of a Secret that holds the user name; without it nobody logs in."
    )
    password_from: KeyRef | None = Field(
        default=None, description="The key of a Secret that holds the password."
    )


class Channel(ManifestModel):
    """One way to tell people."""

    type: Literal["slack", "webhook", "email"] = Field(description="The kind of channel.")
    slack: SlackChannel | None = Field(default=None, description="Settings of `slack`.")
    webhook: WebhookChannel | None = Field(default=None, description="Settings of `webhook`.")
    email: EmailChannel | None = Field(default=None, description="Settings of `email`.")


class NotifyEvent(ManifestModel):
    """An event that is told, and in which words."""

    type: EventType = Field(description="The event.")
    template: Template | None = Field(
        default=None, description="The message; by default the channel's, or a built-in one."
    )


class RateLimiting(ManifestModel):
    """How many messages a team may send about one event."""

    window_seconds: Annotated[Int, Field(ge=0)] = Field(
        default=300, description="Length of the window, in seconds; 0 switches the limit off."
    )
    max_per_window: Annotated[Int, Field(ge=1)] = Field(
        default=1, description="Messages per team and event in one window; more are dropped."
    )


def _one_channel(value: object) -> object:
    return cast(object, [value])


def _event_types(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [{"type": item} for item in cast(list[object], value)]


def _seconds(value: object) -> object:
    return {"windowSeconds": value, "maxPerWindow": 1}


_NAMES: Mapping[str, JsonValue] = {"type": "array", "items": {"type": "string"}}


class ArkNotifySpec(ManifestModel):
    """Who is told about what, and how often."""

    other_names: ClassVar[Mapping[str, OtherName]] = {
        "channel": OtherName("channels", _one_channel, "item", "object"),
        "on": OtherName("events", _event_types, _NAMES, "list of strings"),
        "rateLimitSeconds": OtherName("rateLimiting", _seconds, {"type": "integer", "minimum": 0}, "integer"),
    }

    channels: Annotated[list[Channel], Field(min_length=1)] = Field(description="The ways to tell people.")
    events: list[NotifyEvent] | None = Field(
        default=None, description="The events that are told; without it, all of them."
    )
    rate_limiting: RateLimiting = Field(
        default_factory=RateLimiting, description="Bound on messages per team and event."
    )


class ArkNotify(ArkResource):
    """Messages to people about what happened to teams and agents."""

    KIND: ClassVar[str] = "ArkNotify"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arknotify", "anfy")

    kind: Literal["ArkNotify"] = Field(default="ArkNotify", description="Always `ArkNotify`.")
    spec: ArkNotifySpec = Field(description="Who is told about what, and how often.")
