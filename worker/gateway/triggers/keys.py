"""What a redelivery has in common with the first delivery."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from ark_temporal.templates import TemplateError, parse
from worker.gateway.triggers.principals import Principal
from worker.gateway.triggers.refusals import RefusedError

_HEADERS = ("x-github-delivery", "i-twilio-idempotency-token", "webhook-id")
"""Where well-known senders, and those who follow Standard Webhooks, write a delivery's id."""

_IN_BODY = {
    "slack": ("x-slack-request-timestamp", ("event_id", "trigger_id")),
    "stripe": ("stripe-signature", ("id",)),
}
"""By sender: the header that gives it away, and the fields of the body with the id."""


@dataclass(frozen=True)
class Key:
    """A delivery's key.

    Attributes:
        text: The same in all deliveries of one happening, whatever its length.
        given: Whether the sender has given it, so that there may be others with it.
    """

    text: str
    given: bool = True


def key_of(
    template: str | None,
    context: Mapping[str, JsonValue],
    headers: Mapping[str, str],
    body: JsonValue,
    principal: Principal,
) -> Key:
    """The key of a delivery: what the manifest says, the standard header, or the known sender's id.

    Where a signature over a time has let the call in, a header that it does not cover counts for nothing:
    else somebody who has heard the call could tell it again as another.

    Args:
        template: The event's `idempotencyKey`.
        context: What it may use.
        headers: By their names in small letters.
        body: As templates see it.
        principal: Who calls.

    Raises:
        RefusedError: 400 where the template renders to nothing.
    """
    if template is not None:
        return Key("manifest\n" + _rendered(template, context))
    if not principal.signed:
        if own := headers.get("idempotency-key", "").strip():
            return Key("header\n" + own)
        for name in _HEADERS:
            if found := headers.get(name, "").strip():
                return Key(f"{name}\n{found}")
    for sender, (mark, fields) in _IN_BODY.items():
        if mark in headers and (found := _field(body, fields)):
            return Key(f"{sender}\n{found}")
    if principal.signed:
        return Key("signed\n" + principal.signed)
    return Key("once\n" + secrets.token_hex(16), given=False)


def _field(body: JsonValue, names: tuple[str, ...]) -> str:
    if isinstance(body, dict):
        for name in names:
            value = body.get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def _rendered(template: str, context: Mapping[str, JsonValue]) -> str:
    try:
        text = parse(template).render(context).strip()
    except TemplateError:
        text = ""
    if not text:
        raise RefusedError(400, "The call lacks what the event takes its idempotency key from.")
    return text
