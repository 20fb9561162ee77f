"""The text of an HTTP answer, whatever its content type says."""

import codecs
import json
import re
from typing import Final

_TEXT: Final = re.compile(
    r"text/.*|.*[/+](json|xml|yaml|x-yaml|toml|sql|javascript|ecmascript|graphql|ndjson|x-ndjson|jsonl)"
    r"|application/(x-www-form-urlencoded|json-seq|x-javascript|xml-dtd)"
)
_BINARY: Final = re.compile(r"(image|audio|video|font)/.*|application/(pdf|zip|gzip)")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_DECLARED = re.compile(
    rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)"
    rb"|<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._-]+)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
"""Codecs of Python's that are no character sets; some take quadratic time."""


def reply_text(content_type: str, body: bytes) -> str:
    """The body as text for a model, or a line about it where it is not text."""
    media = content_type.partition(";")[0].strip().lower()
    if _TEXT.fullmatch(media):
        return _decoded(media, content_type, body)
    if not _BINARY.fullmatch(media):
        text = _plain_text(body)
        if text is not None:
            return text
    return f"[binary content: {media or 'of no stated type'}, {len(body):,} bytes]"


def _decoded(media: str, content_type: str, body: bytes) -> str:
    for candidate in _charsets(media, content_type, body):
        try:
            if codecs.lookup(candidate).name in _NO_CHARSETS:
                continue
            return body.decode(candidate, "replace")
        except (LookupError, ValueError):
            continue
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _charsets(media: str, content_type: str, body: bytes) -> list[str]:
    """The names of character sets that the answer gives, best first."""
    found = [name for mark, name in _BOMS if body.startswith(mark)][:1]
    said = _CHARSET.search(content_type)
    if said is not None:
        found.append(said[1])
    if media.endswith("json"):
        found.append(json.detect_encoding(body))
    elif media.endswith(("xml", "html")):
        declared = _DECLARED.search(body[:1024])
        if declared is not None:
            found.append((declared[1] or declared[2]).decode("ascii"))
    return found


def _plain_text(body: bytes) -> str | None:
    charset = next((name for mark, name in _BOMS if body.startswith(mark)), "utf-8")
    try:
        text = body.decode(charset)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text
