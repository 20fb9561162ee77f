"""The access file: who may do what with the API."""

import hashlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from ark_temporal.manifests.base import DEFAULT_NAMESPACE, NAME_PATTERN
from worker.gateway.access.jwt import check_url
from worker.gateway.access.roles import EVERYWHERE, ROLES, Role

TOKEN_PREFIX = "ark_"  # noqa: S105 - what finders of leaked tokens look for
"""What our tokens begin with."""

_LARGEST_FILE_BYTES = 1024 * 1024

_log = logging.getLogger("ark-temporal.gateway")

Namespace = Annotated[str, Field(pattern=rf"^\{EVERYWHERE}$|{NAME_PATTERN}")]
Roles = Mapping[Namespace, frozenset[Role]]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]


class AccessFileError(ValueError):
    """An access file cannot be read, or is none."""


class _Part(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class TokenRef(_Part):
    """A key of a Secret that holds a token."""

    name: Name
    key: Name
    namespace: Annotated[str, Field(pattern=NAME_PATTERN)] = DEFAULT_NAMESPACE


class ApiToken(_Part):
    """A token that somebody was given.

    Attributes:
        name: Whose it is.
        sha256: Of the token, in hex.
        secret_ref: Where the token itself is, instead of that.
    """

    name: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = ""
    secret_ref: TokenRef | None = None
    roles: Roles

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.sha256) == (self.secret_ref is not None):
            raise ValueError("Give `sha256` or `secretRef`, and not both.")
        return self


class ClaimRoles(_Part):
    """Roles that a claim gives.

    Attributes:
        value: What the claim must be, or have in it where it is a list; `*` is anything.
    """

    claim: Name
    value: str
    roles: Roles


class Issuer(_Part):
    """An OpenID Connect provider whose tokens are taken.

    Attributes:
        audience: The `aud` of tokens that are for us.
        jwks_url: Where its keys are; by default what its discovery document says.
        name_claim: The claim that names the principal.
        name_prefix: Stands before that name, to tell it from others.
        claims: Claims that every token must have.
        roles: What claims give; a token that no entry fits may do nothing.
    """

    issuer: Name
    audience: Name
    jwks_url: str | None = Field(default=None, alias="jwksURL")
    name_claim: Name = "sub"
    name_prefix: str = ""
    claims: Mapping[str, str] = Field(default_factory=dict[str, str])
    roles: Sequence[ClaimRoles] = ()

    @model_validator(mode="after")
    def _reachable_safely(self) -> Self:
        try:
            check_url(self.jwks_url or self.issuer)
        except ValueError:
            raise ValueError("The address of the keys must begin with https://.") from None
        return self


class AccessConfig(_Part):
    """The whole file."""

    tokens: Sequence[ApiToken] = ()
    issuers: Sequence[Issuer] = ()

    @model_validator(mode="after")
    def _nobody_twice(self) -> Self:
        for what, names in (
            ("token", [each.name for each in self.tokens]),
            ("issuer", [each.issuer for each in self.issuers]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f'There are several entries for the {what} "{twice[0]}"; make them one.')
        return self


class AccessFile:
    """An access file, read again when it was changed. One that is broken then leaves in force what was.

    Args:
        path: Where it is.

    Raises:
        AccessFileError: It cannot be read, or is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._state()
        self._config = load_access(path)

    def current(self) -> AccessConfig:
        """What it says now."""
        try:
            seen = self._state()
            if seen != self._seen:
                self._seen = seen
                self._config = load_access(self._path)
                _log.info("read %s again", self._path)
        except AccessFileError as error:
            _log.error("%s What was in force stays in force.", error)
        return self._config

    def _state(self) -> tuple[int, int, int]:
        try:
            told = self._path.stat()
        except OSError as error:
            raise AccessFileError(f"{self._path} cannot be read: {error.strerror}.") from None
        return told.st_mtime_ns, told.st_size, told.st_ino


def load_access(path: Path) -> AccessConfig:
    """Read an access file.

    Raises:
        AccessFileError: It cannot be read, or is none.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise AccessFileError(f"{path} has more than {_LARGEST_FILE_BYTES} bytes.")
        return AccessConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise AccessFileError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = getattr(error, "problem", None) or type(error).__name__
        raise AccessFileError(f"{path} is no YAML: {problem}.") from None
    except ValidationError as error:
        raise AccessFileError(f"{path}: {_explain(error)}") from None


def new_token() -> str:
    """A token that nobody guesses: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What an access file has of a token: its sha256 in hex. It needs no salt, since it is random."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_entry(name: str, token: str, roles: Mapping[str, Sequence[str]]) -> str:
    """The lines of an access file that let a token in."""
    entry = {
        "name": name,
        "sha256": hash_token(token),
        "roles": {namespace: list(given) for namespace, given in roles.items()},
    }
    return yaml.safe_dump({"tokens": [entry]}, sort_keys=False, allow_unicode=True)


def read_grants(texts: Sequence[str]) -> dict[str, list[str]]:
    """Roles by namespace, from `role` and `namespace=role`.

    Raises:
        ValueError: There is no such role.
    """
    grants: dict[str, list[str]] = {}
    for text in texts:
        namespace, separator, role = text.rpartition("=")
        if role not in ROLES or (separator and not namespace):
            raise ValueError(f'"{text}" is no role: give one of {", ".join(ROLES)}, or NAMESPACE=ROLE.')
        grants.setdefault(namespace or EVERYWHERE, []).append(role)
    return grants


def _explain(error: ValidationError) -> str:
    told: list[str] = []
    for each in error.errors(include_url=False, include_input=False)[:5]:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"])
        told.append(f"{place.lstrip('.') or 'the file'}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(told).rstrip(".") + "."
