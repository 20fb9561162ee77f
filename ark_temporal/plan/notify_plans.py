"""What an ArkNotify says, as the plan has it: secrets by name only."""

import json
from collections.abc import Mapping

from ark_temporal.manifests import ArkNotify, Bundle
from ark_temporal.manifests import GivenValue as WrittenValue
from ark_temporal.manifests import KeyRef as WrittenRef
from ark_temporal.manifests.ark_notify import Channel, EmailChannel
from ark_temporal.plan.people import ChannelPlan, EmailPlan, NotifyPlan
from ark_temporal.plan.references import GivenValue, KeyRef

_REQUESTED = "ApprovalRequested"
_REMINDER = "ApprovalReminder"


def notify_plan(name: str, bundle: Bundle, namespace: str) -> NotifyPlan | None:
    """Whom an ArkNotify tells, and in which words.

    Args:
        name: Of the ArkNotify.
        bundle: Where it is. One that is missing was warned about at loading.
        namespace: Of whoever refers to it.

    Returns:
        None where there is nobody to tell.
    """
    notify = bundle.find(ArkNotify, name, namespace)
    if notify is None:
        return None
    events = _events(notify)
    if events is not None and not events:
        return None
    return NotifyPlan(
        name=name,
        channels=tuple(_channel(channel, events or {}) for channel in notify.spec.channels),
        events=tuple(events or ()),
        window_seconds=notify.spec.rate_limiting.window_seconds,
        max_per_window=notify.spec.rate_limiting.max_per_window,
    )


def _events(notify: ArkNotify) -> dict[str, str | None] | None:
    """The template of each event that is told; None where all events are.

    A reminder repeats a request: who is told the one is told the other, in the same words.
    """
    if notify.spec.events is None:
        return None
    events: dict[str, str | None] = {event.type: event.template for event in notify.spec.events}
    if _REQUESTED in events:
        events.setdefault(_REMINDER, events[_REQUESTED])
    return events


def _channel(channel: Channel, events: Mapping[str, str | None]) -> ChannelPlan:
    if channel.type == "slack":
        assert channel.slack is not None, "the checks demand it"
        slack = channel.slack
        return ChannelPlan(
            type="slack", url=_ref(slack.webhook_url_from), template=_template(slack.template, events)
        )
    if channel.type == "email":
        assert channel.email is not None, "the checks demand it"
        template = _template(channel.email.template, events)
        return ChannelPlan(type="email", template=template, email=_email(channel.email))
    assert channel.webhook is not None, "the checks demand it"
    webhook = channel.webhook
    return ChannelPlan(
        type="webhook",
        url=_ref(webhook.url_from),
        headers={name: _value(given) for name, given in webhook.headers.items()},
        template=_template(webhook.template, events),
    )


def _email(email: EmailChannel) -> EmailPlan:
    return EmailPlan(
        host=email.host,
        port=email.port or 0,
        tls=email.tls,
        sender=email.sender,
        to=tuple(email.to),
        subject=email.subject or "",
        username=_ref(email.username_from) if email.username_from is not None else None,
        password=_ref(email.password_from) if email.password_from is not None else None,
    )


def _template(own: str | None, events: Mapping[str, str | None]) -> str:
    """One template for all events: those that have words of their own are told in these."""
    worded = {event: text for event, text in events.items() if text is not None}
    rest = own or ""
    texts = set(worded.values())
    if len(texts) == 1 and len(worded) == len(events):
        return texts.pop()
    if not worded:
        return rest
    cases = [f"if eq .Event {json.dumps(event)}}}}}{text}" for event, text in worded.items()]
    return "{{" + "{{else ".join(cases) + "{{else}}" + rest + "{{end}}"


def _value(given: WrittenValue) -> GivenValue:
    if given.secret_key_ref is not None:
        return GivenValue(ref=_ref(given.secret_key_ref))
    return GivenValue(value=given.value)


def _ref(written: WrittenRef) -> KeyRef:
    return KeyRef(name=written.name, key=written.key)
