"""Readable text for free strings: what a property's name and format suggest."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_WORD = re.compile(r"[\W_]+")
_NAMESPACE = uuid.UUID("5d2cf4a2-0d0c-5b5e-9a0f-6d6f636b2121")


@dataclass(frozen=True)
class Setting:
    """What answers are about.

    Attributes:
        topic: A few words.
        preferred: Values to try first for properties of these names.
    """

    topic: str
    preferred: dict[str, JsonValue]


_Writer = Callable[[str, int], str]
"""Takes a slug and a number from 0 on, gives a text."""

_FORMATS: dict[str, _Writer] = {
    "date": lambda slug, n: f"2025-01-{1 + n % 28:02}",
    "date-time": lambda slug, n: f"2025-01-{1 + n % 28:02}T09:00:00Z",
    "time": lambda slug, n: f"09:{n % 60:02}:00Z",
    "duration": lambda slug, n: f"PT{1 + n}H",
    "email": lambda slug, n: f"person{n + 1}@example.com",
    "idn-email": lambda slug, n: f"person{n + 1}@example.com",
    "hostname": lambda slug, n: f"host{n + 1}.example.com",
    "idn-hostname": lambda slug, n: f"host{n + 1}.example.com",
    "ipv4": lambda slug, n: f"192.0.2.{1 + n % 254}",
    "ipv6": lambda slug, n: f"2001:db8::{1 + n % 65535:x}",
    "uri": lambda slug, n: f"https://example.com/{slug}{_suffix(n)}",
    "uri-reference": lambda slug, n: f"https://example.com/{slug}{_suffix(n)}",
    "iri": lambda slug, n: f"https://example.com/{slug}{_suffix(n)}",
    "iri-reference": lambda slug, n: f"https://example.com/{slug}{_suffix(n)}",
    "uri-template": lambda slug, n: f"https://example.com/{slug}{_suffix(n)}/{{id}}",
    "uuid": lambda slug, n: str(uuid.uuid5(_NAMESPACE, f"{slug} {n}")),
    "json-pointer": lambda slug, n: f"/{slug}/{n}",
    "relative-json-pointer": lambda slug, n: f"0/{slug}/{n}",
    "regex": lambda slug, n: f"^{slug}{_suffix(n)}$",
    "color": lambda slug, n: f"#{n % 0xFFFFFF:06x}",
}

_NAMES: dict[str, _Writer] = {
    **dict.fromkeys(("url", "uri", "link", "href", "website"), _FORMATS["uri"]),
    "email": _FORMATS["email"],
    "date": _FORMATS["date"],
    **dict.fromkeys(("timestamp", "datetime"), _FORMATS["date-time"]),
    "uuid": _FORMATS["uuid"],
    **dict.fromkeys(("id", "key", "slug"), lambda slug, n: f"{slug}-{n + 1}"),
    "author": lambda slug, n: f"Mock Author{_spaced(n)}",
    "version": lambda slug, n: f"1.{n}.0",
    "language": lambda slug, n: "en",
    "currency": lambda slug, n: "USD",
}

NUMBERS: dict[str, float] = {
    "year": 2025,
    "confidence": 0.9,
    "probability": 0.9,
    "score": 0.8,
    "rating": 4,
    "percent": 75,
    "percentage": 75,
}
"""Plausible numbers by property name, used where they are within bounds."""


def formatted(format_name: str, name: str, seed: int) -> str | None:
    """A text of the format; None where the format is not known."""
    writer = _FORMATS.get(format_name)
    return writer(_slug(name), seed) if writer else None


def readable(name: str, setting: Setting, seed: int) -> str:
    """A text for a free string, from its property's name.

    Args:
        name: The property's name; empty at the root.
        setting: What it is about.
        seed: 0 for the first of its kind; later ones are numbered.
    """
    words = _NOT_WORD.sub(" ", _CAMEL.sub(" ", name)).strip().lower()
    writer = _NAMES.get(words) or _NAMES.get(words.rpartition(" ")[2])
    if writer:
        return writer(_slug(setting.topic), seed)
    return f"Mock {words or 'text'}{_spaced(seed)} about {setting.topic}"


def item_name(name: str) -> str:
    """The name of one of several: `keyPoints` holds `keyPoint`s."""
    return name[:-1] if len(name) > 3 and name.endswith("s") and not name.endswith(("ss", "us")) else name


def _slug(text: str) -> str:
    ascii_text = _CAMEL.sub("-", text).encode("ascii", "ignore").decode().lower()
    return _NOT_WORD.sub("-", ascii_text)[:40].strip("-") or "mock"


def _suffix(number: int) -> str:
    return f"-{number + 1}" if number else ""


def _spaced(number: int) -> str:
    return f" {number + 1}" if number else ""
