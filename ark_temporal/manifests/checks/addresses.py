"""Checks of where things are on the network, and of what is sent there: URLs, headers, literal secrets."""

import re
from collections.abc import Iterator, Mapping
from email.utils import getaddresses
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.values import GivenValue

LITERAL_HINT = "Keep it in a Secret, and name that by `secretKeyRef`: this value is copied into every plan."

_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_PLACEHOLDER = "template-value"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VARIABLE_NAME = re.compile(r"[^=\0]+\Z")
_CREDENTIAL = re.compile(
    r"(^|[-_])(authorization|cookie|credentials?|api[-_]?key|key|password|passwd|secret|token)\Z",
    re.IGNORECASE,
)
_MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_SPEAKING = re.compile(r"(?:bearer|basic|token)\s*\Z", re.IGNORECASE)


def is_credential(name: str) -> bool:
    """Whether a header, a variable or a parameter of this name is likely to hold a credential."""
    return _CREDENTIAL.search(name) is not None


def check_address(url: str, path: Path, *, template: bool = False) -> Iterator[Finding]:
    """Findings about one address.

    Args:
        url: As written.
        path: Where it is written.
        template: Whether `{{ }}` in it is rendered.
    """
    steered = _steered_host(url) if template else False
    if steered:
        message = "The run's input decides the host of this address, so whoever starts a run chooses it."
        hint = "Write the host out, and leave templates to the path and the query."
        yield Finding(path, "template-in-host", message, hint, "warning")
        return
    plain = _ACTION.sub(_PLACEHOLDER, url) if template else url
    parts = _split(plain)
    if parts is None:
        message = "The address must begin with `http://` or `https://`, and name a host."
        yield Finding(path, "invalid-url", message)
    elif parts.username is not None or any(
        is_credential(name) and value != _PLACEHOLDER for name, value in parse_qsl(parts.query)
    ):
        message = "The address seems to hold a credential, which would stand in histories and logs."
        hint = "Send it as a header from a Secret."
        yield Finding(path, "literal-credential", message, hint, "warning")


def is_mail_address(written: str) -> bool:
    """Whether it is one mail address, alone or as `Name <address>`."""
    if any(not char.isprintable() for char in written):
        return False
    found = getaddresses([written])
    return len(found) == 1 and _MAIL_ADDRESS.fullmatch(found[0][1]) is not None


def _split(url: str) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    bad = any(char.isspace() or not char.isprintable() for char in url)
    return parts if fits and not bad else None


def _steered_host(url: str) -> bool:
    """Whether a template stands where the scheme, the host or the port is."""
    first = url.find("{{")
    head = url if first < 0 else url[:first]
    _, separator, rest = head.partition("://")
    return first >= 0 and not (separator and re.search(r"[/?#]", rest))


def check_headers(headers: Mapping[str, GivenValue], path: Path) -> Iterator[Finding]:
    """Findings about HTTP headers that are written out. No value is repeated."""
    for name, given in headers.items():
        if not _HEADER_NAME.match(name):
            yield Finding((*path, name), "invalid-header", "This is no name of an HTTP header.", at_key=True)
        if given.value is not None:
            yield from _header_value(name, given.value, (*path, name))


def _header_value(name: str, value: str, path: Path) -> Iterator[Finding]:
    if re.search(r"[\r\n\0]", value):
        message = "The value of an HTTP header is one line."
        hint = 'Write it in quotes on one line: a "|" block ends with a line break.'
        yield Finding(path, "invalid-header", message, hint)
    elif is_credential(name) and value.strip() and not _SPEAKING.match(value):
        message = f"The header `{name}` seems to hold a credential."
        yield Finding(path, "literal-credential", message, LITERAL_HINT, "warning")


def check_variables(variables: Mapping[str, GivenValue], path: Path) -> Iterator[Finding]:
    """Findings about the variables of a process. No value is repeated."""
    for name, given in variables.items():
        if not _VARIABLE_NAME.match(name):
            message = 'The name of a variable is not empty and holds no "=".'
            yield Finding((*path, name), "invalid-variable", message, at_key=True)
        elif given.value is not None and "\0" in given.value:
            yield Finding((*path, name), "invalid-variable", "A variable cannot hold a NUL character.")
        elif given.value and is_credential(name):
            message = f"The variable `{name}` seems to hold a credential."
            yield Finding((*path, name), "literal-credential", message, LITERAL_HINT, "warning")
