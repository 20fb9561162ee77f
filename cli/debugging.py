"""Whether the user wants to see what only developers want to see."""

import os

_VARIABLE = "ARK_DEBUG"


def enable() -> None:
    """Show tracebacks and all logs from here on."""
    os.environ[_VARIABLE] = "1"


def enabled() -> bool:
    """Whether `--debug` or `ARK_DEBUG` asks for it."""
    return os.environ.get(_VARIABLE, "") not in ("", "0")
