"""What others say when something goes wrong, as far as it is worth repeating."""

import re
import ssl
from collections.abc import Iterator

_MAX_QUOTE = 500


def causes(raised: BaseException, *, hidden: bool = False) -> Iterator[BaseException]:
    """An exception and what it was raised from; of a group, each member.

    Args:
        raised: The exception.
        hidden: With what `raise ... from None` hides, too.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [raised]
    while waiting:
        exception = waiting.pop(0)
        if exception is None or id(exception) in seen:
            continue
        seen.add(id(exception))
        yield exception
        if isinstance(exception, BaseExceptionGroup):
            waiting.extend(exception.exceptions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        hides = exception.__suppress_context__ and not hidden
        waiting += [exception.__cause__, None if hides else exception.__context__]


def certificate_error(raised: BaseException) -> ssl.SSLCertVerificationError | None:
    """What is wrong with a certificate, where that is behind an exception; HTTP clients hide it."""
    behind = causes(raised, hidden=True)
    return next((each for each in behind if isinstance(each, ssl.SSLCertVerificationError)), None)


def one_line(text: str) -> str:
    """Somebody's words on one line, and not too many of them; secrets are the caller's to take out."""
    line = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
    return line if len(line) <= _MAX_QUOTE else f"{line[: _MAX_QUOTE - 1]}…"
