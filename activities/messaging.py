"""One message by one channel: its secrets looked up, its words rendered, sent once."""

import asyncio
import hashlib
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.errors import MessageError

import httpx2
from pydantic import JsonValue

from activities.links import Links
from ark_temporal.notify import (
    Happening,
    MailServer,
    NotSentError,
    mail,
    send,
    send_mail,
    slack_body,
    webhook_body,
)
from ark_temporal.plan.calls import Notification
from ark_temporal.plan.people import ChannelPlan, EmailPlan
from ark_temporal.plan.references import GivenValue, KeyRef
from ark_temporal.secrets import Lookups, Secrets, redact
from ark_temporal.secrets.errors import SecretError
from ark_temporal.tools.egress import EgressPolicy, guarded_socket


@dataclass(frozen=True)
class _Used:
    """What one message needs to know, and what it must not repeat.

    Attributes:
        texts: Values, and parts of addresses.
    """

    lookups: Lookups
    texts: set[str] = field(default_factory=set[str], repr=False)


@dataclass(frozen=True)
class Messenger:
    """Sends messages.

    Attributes:
        http: Reaches what the operator's egress policy lets it reach.
        secrets: Values behind the names that a plan carries.
        egress: The same policy, for what is not HTTP.
        links: Where people look and decide.
    """

    http: httpx2.AsyncClient
    secrets: Secrets
    egress: EgressPolicy = field(default_factory=EgressPolicy)
    links: Links = field(default_factory=Links)

    async def send(self, notification: Notification, place: int, *, is_sample: bool = False) -> str:
        """Tell one channel.

        Args:
            notification: What is told.
            place: The channel's among those of the notification, from 0.
            is_sample: Whether to mark it as one.

        Returns:
            What went wrong with it although it was told: that it is not in the words of its template, or
            did not reach all of its recipients.

        Raises:
            NotSentError: It was not told; no secret is in its message.
        """
        used = _Used(Lookups(self.secrets, notification.namespace))
        try:
            return await self._send(notification, place, used, is_sample=is_sample)
        except NotSentError as error:
            why = redact(str(error), used.texts)
            retryable = error.retryable or await used.lookups.are_renewed()
            raise NotSentError(why, retryable=retryable, wait=error.wait) from None
        except Exception as error:  # noqa: BLE001 - whatever it says may quote a secret
            why = redact(f"{type(error).__name__}: {error}", used.texts)
            raise NotSentError(why, retryable=True) from None

    async def _send(self, notification: Notification, place: int, used: _Used, *, is_sample: bool) -> str:
        """Tell one channel; what must not be repeated of that goes into `used`."""
        channel, key = notification.notify.channels[place], _key(notification, place)
        if channel.email is not None:
            server = await self._mail_server(channel.email, notification.namespace, used)
            happening = await self._happening(notification, used, is_sample=is_sample)
            return await self._mail(channel.email, server, channel.template, happening, key)
        assert channel.url is not None, "a channel without mail has an address"
        url = (await _secret(channel.url, notification.namespace, used)).strip()
        used.texts.update((url, *_parts(url)))
        headers = await self._headers(channel, notification.namespace, used)
        happening = await self._happening(notification, used, is_sample=is_sample)
        write = slack_body if channel.type == "slack" else webhook_body
        body = await asyncio.to_thread(write, channel.template, happening)
        marked = {**headers, "X-Ark-Sample": "true"} if is_sample else headers
        await send(self.http, url, body, headers=marked, key=key)
        return body.warning

    async def _headers(self, channel: ChannelPlan, namespace: str, used: _Used) -> dict[str, str]:
        async def value(given: GivenValue) -> str:
            return given.value or "" if given.ref is None else await _secret(given.ref, namespace, used)

        return {name: await value(given) for name, given in channel.headers.items()}

    async def _mail_server(self, email: EmailPlan, namespace: str, used: _Used) -> MailServer:
        async def value(ref: KeyRef | None) -> str:
            return "" if ref is None else await _secret(ref, namespace, used)

        username, password = await value(email.username), await value(email.password)
        return MailServer(email.host, email.port, email.tls, username, password)

    async def _mail(
        self, email: EmailPlan, server: MailServer, template: str, happening: Happening, key: str
    ) -> str:
        try:
            message, warning = await asyncio.to_thread(
                mail, email.subject, template, happening, sender=email.sender, to=email.to, key=key
            )
        except (ValueError, MessageError) as error:
            raise NotSentError(f"The mail cannot be written: {error}", retryable=False) from None
        partly = await send_mail(self._connect, server, message)
        return " ".join(said for said in (partly, warning) if said)

    async def _connect(self, host: str, port: int) -> socket.socket:
        return await guarded_socket(self.egress, host, port)

    async def _happening(self, notification: Notification, used: _Used, *, is_sample: bool) -> Happening:
        """What templates see: without secrets that a model or an error has repeated, and with links."""
        known = await self.secrets.environment((), notification.namespace)
        secrets = used.texts | known.secrets
        about = _clean(notification.about, secrets)
        assert isinstance(about, dict), "a mapping stays one"
        run = about.get("run")
        url = self.links.to_run(notification.run)
        about["run"] = {**(run if isinstance(run, dict) else {}), **({"dashboardUrl": url} if url else {})}
        gate = about.get("gate")
        if isinstance(gate, dict):
            links = self.links.to_decide(notification.run, gate)
            about["gate"] = {**gate, **_linked(links)}
        return Happening(
            event=notification.event,
            team=notification.team,
            run=notification.run,
            step=notification.step,
            message=redact(notification.message, secrets),
            about=about,
            is_sample=is_sample,
        )


def label(notification: Notification, place: int) -> str:
    """What a channel is called in errors, by names that are no secrets."""
    channel = notification.notify.channels[place]
    if channel.url is not None:
        how = f'by key "{channel.url.key}" of {channel.url.kind} "{channel.url.name}"'
    else:
        how = f"by {channel.email.host}" if channel.email is not None else "by nothing"
    several = f", channel {place + 1}" if len(notification.notify.channels) > 1 else ""
    return f'ArkNotify "{notification.notify.name}"{several} ({channel.type}, {how})'


async def _secret(ref: KeyRef, namespace: str, used: _Used) -> str:
    try:
        value = await used.lookups.text(ref)
    except SecretError as error:
        raise NotSentError(str(error), retryable=error.retryable) from None
    except ValueError as error:
        raise NotSentError(str(error), retryable=False) from None
    if value is None:
        raise NotSentError(
            f'Key "{ref.key}" of {ref.kind} "{namespace}/{ref.name}" is not known to this worker: mount '
            "it, or give its directory with --secrets-dir.",
            retryable=False,
        )
    used.texts.add(value)
    return value


def _key(notification: Notification, place: int) -> str:
    """The same for every attempt, and for no other message."""
    parts = (notification.namespace, notification.run, notification.id, str(place))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _linked(links: Mapping[str, str]) -> dict[str, JsonValue]:
    return {"links": dict(links), "url": next(iter(links.values()))} if links else {}


def _clean(value: JsonValue, secrets: Iterable[str]) -> JsonValue:
    """The value without these secrets, at any depth."""
    match value:
        case str():
            return redact(value, secrets)
        case list():
            return [_clean(each, secrets) for each in value]
        case dict():
            return {name: _clean(each, secrets) for name, each in value.items()}
        case _:
            return value


def _parts(url: str) -> tuple[str, str]:
    """The host of an address, and what comes after it; some services put their secret into the host."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return "", ""
    return parsed.host, parsed.raw_path.decode("ascii")
