"""Go strings are bytes, ours are `str`: a byte that is no UTF-8 is a lone surrogate until it is written."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")
_FOREIGN_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


def bytes_of(text: str) -> bytes:
    """The UTF-8 bytes of a text; the inverse of `text_of`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _FOREIGN_SURROGATE.sub("\ufffd", text).encode("utf-8", "surrogateescape")


def text_of(data: bytes) -> str:
    """The text of UTF-8 bytes; a byte that is no UTF-8 becomes U+DC80 to U+DCFF."""
    return data.decode("utf-8", "surrogateescape")


def byte_length(text: str) -> int:
    """Length in UTF-8 bytes."""
    return len(text) if text.isascii() else len(bytes_of(text))


def well_formed(text: str) -> str:
    """The text with U+FFFD for every byte that is no UTF-8 even once all bytes are put together."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return _SURROGATE.sub("\ufffd", text_of(bytes_of(text)))


def cut(text: str, start: int, stop: int) -> str:
    """The text between two byte offsets."""
    return text[start:stop] if text.isascii() else text_of(bytes_of(text)[start:stop])
