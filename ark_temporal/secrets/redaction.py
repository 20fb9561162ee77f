"""Taking secrets out of what others say, before it is kept."""

import base64
import json
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MIN_REDACTED = 6
"""Shorter values are words such as `true`; replacing them would only garble a text."""

REDACTED = "[redacted]"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, in every form in which programs write them.

    Meant for long texts: it takes out whole values, not parts of them.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= MIN_REDACTED:
            for form in _forms(secret):
                text = text.replace(form, REDACTED)
    return text


def written_forms(secret: str) -> set[str]:
    """How programs write a value: as it is, in a URL, in JSON, as Python shows it."""
    return {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }


def _forms(secret: str) -> list[str]:
    """Longest first, so that no form leaves half of another."""
    encoded = base64.b64encode(secret.encode()).decode()
    forms = {
        *written_forms(secret),
        quote_plus(secret),
        encoded,
        encoded.rstrip("="),
        encoded.replace("+", "-").replace("/", "_").rstrip("="),
    }
    if secret.lower().startswith(("bearer ", "basic ", "token ")):
        bare = secret.split(" ", 1)[1].strip()
        if len(bare) >= MIN_REDACTED:
            forms |= set(_forms(bare))
    return sorted(forms, key=len, reverse=True)
