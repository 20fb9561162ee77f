"""What people are told: the words of a template, or ours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from ark_temporal.templates import Limits, TemplateError, parse

_LIMITS: Final = Limits(max_output_chars=256 * 1024)
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Happening:
    """Something that people are told.

    Attributes:
        event: Its kind, such as `ApprovalRequested`.
        message: It, in a sentence.
        about: What templates see besides, by their names; `run`, `team` and `gate` are such.
    """

    event: str
    team: str
    run: str
    step: str
    message: str
    about: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    @property
    def sentence(self) -> str:
        """What is said where no template says it."""
        of = [f"team {self.team}", f"run {self.run}", *([f"step {self.step}"] if self.step else [])]
        return f"{self.event}: {self.message} ({', '.join(of)})"

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
    return Body(_written({"text": text or happening.sentence}), warning=warning)


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
    }
    return Body(_written(ours), warning=warning)


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
