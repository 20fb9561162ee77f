"""What a plan says about people: what they decide, who may, how long that may take, and how they are told."""

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from ark_temporal.plan.references import GivenValue, KeyRef
from ark_temporal.wire import FrozenWire

LastWord = Literal["approve", "reject", "fail"]
"""What is done when nobody has decided in time."""


class EmailPlan(FrozenWire):
    """How a mail is sent.

    Attributes:
        port: 0 takes the usual one of `tls`.
        tls: Whether the connection becomes one of TLS (`starttls`), is one from its first byte, or is none.
        sender: The address that it comes from.
        subject: Template of its subject; empty takes a line of ours.
        username: Who logs in; None does not.
    """

    host: str
    port: int = 0
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: str
    to: tuple[str, ...]
    subject: str = ""
    username: KeyRef | None = None
    password: KeyRef | None = None


class ChannelPlan(FrozenWire):
    """One way to tell people.

    Attributes:
        url: Where to send it; always a secret. Mails have `email` instead.
        template: Of the message, over `.event`, `.run`, `.team`, `.gate` and what notifications name besides;
            empty takes a sentence of ours.
    """

    type: Literal["webhook", "slack", "email"]
    url: KeyRef | None = None
    headers: dict[str, GivenValue] = Field(default_factory=dict[str, GivenValue])
    template: str = ""
    email: EmailPlan | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "ChannelPlan":
        if (self.email if self.type == "email" else self.url) is None:
            raise ValueError(f"a channel of type {self.type} does not say where it leads")
        return self


class NotifyPlan(FrozenWire):
    """Whom to tell, and of what.

    Attributes:
        name: The ArkNotify.
        events: The events that are told; none named means all.
        window_seconds: In which `max_per_window` messages of a team about an event are sent, and more are
            not; 0 has no bound. It does not hold for what waits for people.
    """

    name: str
    channels: tuple[ChannelPlan, ...] = ()
    events: tuple[str, ...] = ()
    window_seconds: int = Field(default=300, ge=0)
    max_per_window: int = Field(default=1, ge=1)

    def tells(self, event: str) -> bool:
        """Whether people are told of an event."""
        return bool(self.channels) and (not self.events or event in self.events)


class EscalationPlan(FrozenWire):
    """Who may decide as well once the time before has passed.

    Attributes:
        timeout_seconds: How long they have.
    """

    approvers: tuple[str, ...]
    timeout_seconds: int


class GatePlan(FrozenWire):
    """A decision of people that something waits for.

    Attributes:
        when: Before the step's agent is asked, or after it answered; of no meaning for a tool.
        condition: Template; a gate whose condition is falsy is open. Empty means that it always holds. A
            tool's sees `.arguments` besides.
        message: Template of what people are told.
        approvers: Who may decide, groups resolved; none named means anybody.
        quorum: How many of them must approve. One who rejects is enough.
        four_eyes: Whether whoever submitted the run may not decide.
        asks: Whether it is a question, whose answer later templates read as `.steps.<step>.answer`.
        answer_schema: JSON Schema of that answer.
        timeout_seconds: How long the first approvers have; None is for ever.
        on_timeout: What is done then; `escalate` goes on to the tiers of `escalation`.
        escalation: Who may decide after that, tier by tier.
        at_last: What is done when the time of the last tier is up.
        reminder_seconds: How often people are reminded; None never.
    """

    when: Literal["before", "after"] = "before"
    condition: str = ""
    message: str = ""
    approvers: tuple[str, ...] = ()
    quorum: int = Field(default=1, ge=1)
    four_eyes: bool = False
    asks: bool = False
    answer_schema: JsonValue = None
    timeout_seconds: int | None = None
    on_timeout: Literal["approve", "reject", "fail", "escalate"] = "reject"
    escalation: tuple[EscalationPlan, ...] = ()
    at_last: LastWord = "reject"
    reminder_seconds: int | None = None
    notify: NotifyPlan | None = None
