"""Replies in which every character is whole.

A model may stop between the two halves of a character beyond the first 65,536. JSON can write half of one,
while neither UTF-8 nor Temporal's payloads can carry it.
"""

import re
from typing import Final

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
# Pairs and other escapes are passed over, so that an escaped backslash before a "u" begins nothing.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def whole_characters(json: bytes) -> bytes:
    """The JSON text with U+FFFD in place of each half of a character and of each byte that is no UTF-8.

    That holds for a provider's own blocks too, which go back otherwise unchanged: what cannot be carried
    cannot go back at all.
    """
    try:
        json.decode()
    except UnicodeDecodeError:
        json = json.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(_mended, json) if _HALF.search(json) else json


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape.group(1) else escape.group()
