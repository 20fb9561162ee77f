"""Secrets that a server repeats are taken out of whatever it says."""

import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

_SHORTEST: Final = 6
"""Shorter values are words such as `true`; replacing them would only garble what is said."""

_MOST: Final = 100
"""Fetched tokens that are remembered. Older ones have long expired."""

_MARK: Final = "[redacted]"


class Scrubber:
    """Takes the secrets of one server out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._own = {part for secret in secrets for part in _parts(secret)}
        self._fetched: OrderedDict[str, None] = OrderedDict()
        self._pattern = _pattern(self._own)

    def add(self, secret: str) -> None:
        """Hide one more value, which was fetched later."""
        if secret in self._fetched:
            return
        self._fetched[secret] = None
        while len(self._fetched) > _MOST:
            self._fetched.popitem(last=False)
        self._pattern = _pattern(self._own.union(*(_parts(value) for value in self._fetched)))

    def clean(self, text: str) -> str:
        """The text without secrets, however they are written: as they are, in a URL, in JSON."""
        return self._pattern.sub(_MARK, text) if self._pattern else text


def _parts(secret: str) -> set[str]:
    """A value and, as of `Bearer abc`, its words: a server that repeats it may leave out the first."""
    return {part for part in (secret, secret.strip(), *secret.split()) if len(part) >= _SHORTEST}


def _pattern(values: set[str]) -> re.Pattern[str] | None:
    forms = {
        form
        for value in values
        for form in (
            value,
            quote(value, safe=""),
            json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
        )
    }
    return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True)))) if forms else None
