"""Who calls, and what they present."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

PrincipalKind = Literal["token", "basic", "hmac", "jwt", "none"]

_LONGEST_NAME = 200


@dataclass(frozen=True)
class Principal:
    """Who has proved to be behind a call.

    Attributes:
        kind: How.
        name: Who: a user's name, the subject of a token, the sender whose signature it is.
        signed: What a signature covers besides the body and makes the call unique; empty without one.
    """

    kind: PrincipalKind
    name: str = ""
    signed: str = ""

    def __str__(self) -> str:
        if self.kind == "none":
            return ""
        name = "".join(each for each in self.name if each.isprintable())
        return f"{self.kind}:{name[:_LONGEST_NAME]}"


@dataclass(frozen=True)
class Presented:
    """What a call presents.

    Attributes:
        headers: By their names in small letters.
        query: Of the URL.
        body: Reads the body as it was sent; only signatures want it.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: Callable[[], Awaitable[bytes]]

    @property
    def bearer(self) -> str:
        """The token of the header `Authorization`; empty without one."""
        return self._authorization("bearer")

    @property
    def basic(self) -> str:
        """The same for user and password, in base64."""
        return self._authorization("basic")

    def _authorization(self, wanted: str) -> str:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.strip() if scheme.lower() == wanted else ""


class CannotCheckError(Exception):
    """Credentials were presented that this gateway cannot check now. Says why, for its log."""
