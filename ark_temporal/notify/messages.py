"""What people are told: the words of a template, or ours."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses
from typing import Final

from pydantic import JsonValue

from ark_temporal.templates import Limits, TemplateError, parse

_LIMITS: Final = Limits(max_output_chars=256 * 1024)
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_MAIL: Final = SMTP.clone(cte_type="7bit")
_MAX_SUBJECT_CHARS: Final = 200
_MAIL_ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


@dataclass(frozen=True)
class Happening:
    """Something that people are told.

    Attributes:
        event: Its kind, such as `ApprovalRequested`.
        message: It, in a sentence.
        about: What templates see besides, by their names; `run`, `team`, `agent` and `gate` are such.
        is_sample: Whether it has not happened: somebody tries out how it is told.
    """

    event: str
    team: str
    run: str
    step: str
    message: str
    about: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    is_sample: bool = False

    @property
    def sentence(self) -> str:
        """What is said where no template says it."""
        of = [f"team {self.team}", f"run {self.run}", *([f"step {self.step}"] if self.step else [])]
        return "\n".join([f"{self.event}: {self.message} ({', '.join(of)})", *self._links])

    @property
    def _links(self) -> list[str]:
        """Where to decide, each person by a link of their own, and where to look at the run."""
        gate, run = self.about.get("gate"), self.about.get("run")
        links = gate.get("links") if isinstance(gate, dict) else None
        told = [f"{who} decides: {link}" for who, link in links.items()] if isinstance(links, dict) else []
        url = run.get("dashboardUrl") if isinstance(run, dict) else None
        return [*told, *([str(url)] if url else [])]

    @property
    def mark(self) -> str:
        """Stands before a message that is a sample, so that nobody gets up for it."""
        return "[sample] " if self.is_sample else ""

    @property
    def context(self) -> dict[str, JsonValue]:
        """What templates see: the names of both shapes of ArkNotify."""
        own: dict[str, JsonValue] = {
            "Event": self.event,
            "TeamName": self.team,
            "RunName": self.run,
            "Message": self.message,
            "team": {"name": self.team},
            "run": {"name": self.run},
        }
        return _merged(own, self.about)


@dataclass(frozen=True)
class Body:
    """What is sent.

    Attributes:
        warning: Why it is not in the words of the template.
    """

    content: bytes = field(repr=False)
    content_type: str = _JSON
    warning: str = ""


def slack_body(template: str, happening: Happening) -> Body:
    """A message for a Slack incoming webhook; the text is sent as it is, Slack's markup included."""
    text, warning = _rendered(template, happening)
    return Body(_written({"text": happening.mark + (text or happening.sentence)}), warning=warning)


def webhook_body(template: str, happening: Happening) -> Body:
    """What the template says, as JSON where it is an object or a list; without one, an object of ours."""
    text, warning = _rendered(template, happening)
    if text:
        return Body(text.encode(errors="replace"), _JSON if _is_json(text) else _TEXT)
    ours: dict[str, JsonValue] = {
        "event": happening.event,
        "team": happening.team,
        "run": happening.run,
        "step": happening.step,
        "message": happening.message,
        "gate": happening.about.get("gate"),
        **{name: told for name, told in _known(happening) if told},
    }
    return Body(_written(ours), warning=warning)


def mail(
    subject: str, template: str, happening: Happening, *, sender: str, to: Sequence[str], key: str
) -> tuple[EmailMessage, str]:
    """A mail, and why it is not in the words of its templates.

    Nothing in it can add a header: addresses are parsed, and the subject is one line.

    Args:
        subject: Template of its subject.
        template: Template of its text.
        happening: What it tells.
        sender: Address, or `Name <address>`.
        to: The same, of each who gets it.
        key: The same for every attempt, and for no other mail; 16 characters or more.

    Raises:
        ValueError: An address is none.
    """
    author = _address(sender)
    title, no_title = _rendered(subject, happening)
    text, warning = _rendered(template, happening)
    line = _one_line(title) or f"{happening.event}: team {happening.team}, run {happening.run}"
    message = EmailMessage(policy=_MAIL)
    message["Subject"] = happening.mark + line[:_MAX_SUBJECT_CHARS]
    message["From"] = author
    message["To"] = [_address(each) for each in to]
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = f"<{key}@{author.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    written = (text or happening.sentence).encode(errors="replace").decode()
    message.set_content(written, charset="utf-8")
    return message, no_title or warning


def _address(written: str) -> Address:
    found = getaddresses([written]) if written.isprintable() else []
    if len(found) != 1 or not _MAIL_ADDRESS.fullmatch(found[0][1]):
        raise ValueError(f"{written[:100]!r} is no mail address.")
    return Address(display_name=found[0][0], addr_spec=found[0][1])


def _one_line(text: str) -> str:
    plain = text.encode(errors="replace").decode()
    return " ".join("".join(char if char.isprintable() else " " for char in plain).split())


def _known(happening: Happening) -> Iterator[tuple[str, JsonValue]]:
    """What a webhook is told besides, where there is something to tell."""
    run = happening.about.get("run")
    if isinstance(run, dict):
        yield "status", run.get("status")
        yield "dashboardUrl", run.get("dashboardUrl")
    yield "agent", happening.about.get("agent")
    yield "sample", happening.is_sample


def _rendered(template: str, happening: Happening) -> tuple[str, str]:
    """The words, and why there are none. People are told all the same: a template must not hide an event."""
    try:
        text = parse(template).render(happening.context, limits=_LIMITS)
    except TemplateError as error:
        return "", f"its template does not render, so it is told in built-in words: {error}"
    return (text, "") if text.strip() else ("", "")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _written(value: JsonValue) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="replace")


def _merged(under: Mapping[str, JsonValue], over: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[name] = _merged(below, value)
        else:
            merged[name] = value
    return merged
