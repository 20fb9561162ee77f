"""Answers that refuse a call."""

from collections.abc import Mapping


class RefusedError(Exception):
    """A call that is refused.

    Args:
        status: The HTTP status.
        message: A sentence for who calls; it tells nothing that they may not know.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


def unauthorized() -> RefusedError:
    """The one answer to all who do not prove who they are, whatever the event asks for."""
    return RefusedError(
        401,
        "The credentials are missing or wrong.",
        {"WWW-Authenticate": 'Bearer realm="ark-temporal", Basic realm="ark-temporal"'},
    )


def unavailable(message: str, seconds: int = 5) -> RefusedError:
    """Ask who calls to come again."""
    return RefusedError(503, message, {"Retry-After": str(seconds)})
