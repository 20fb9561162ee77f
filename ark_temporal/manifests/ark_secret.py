"""The kind ArkSecret: where a Secret's values come from. It names places and holds no value (ours)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from ark_temporal.manifests.base import (
    ArkResource,
    Int,
    KeyRef,
    ManifestModel,
    NonBlank,
    OtherName,
)

SecretProvider = Literal["env", "file", "command", "oauth2", "vault"]
OAUTH2_KEYS = frozenset({"token", "authorization"})
"""The keys of a Secret whose values an OAuth2 server gives."""

SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path

Seconds = Annotated[Int, Field(ge=1, le=300)]
Refresh = Annotated[Int, Field(ge=0, le=86_400)]


class Credential(ManifestModel):
    """Where the process finds one value with which it proves itself to a provider. Exactly one is given."""

    env: NonBlank | None = Field(default=None, description="A variable of the process that reads the secret.")
    file: NonBlank | None = Field(default=None, description="A file, read at each use.")
    secret_key_ref: KeyRef | None = Field(
        default=None, description="A key of another Secret of the same namespace."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "Credential":
        if sum(each is not None for each in (self.env, self.file, self.secret_key_ref)) != 1:
            message = "Exactly one of `env`, `file` and `secretKeyRef` must be given."
            raise PydanticCustomError("one-of", message)
        return self


class FileSecret(ManifestModel):
    """Values in files. Exactly one of the two is given."""

    keys: dict[str, NonBlank] | None = Field(default=None, description="The file of each key.")
    directory: NonBlank | None = Field(default=None, description="A directory: each file in it is a key.")


class CommandSecret(ManifestModel):
    """Values that a program prints. It is started without a shell, where commands are allowed."""

    argv: Annotated[list[str], Field(min_length=1)] = Field(description="The program and its arguments.")
    key: NonBlank | None = Field(
        default=None,
        description="All that it prints is the value of this key; without it, it prints a JSON object of "
        "strings.",
    )
    timeout_seconds: Seconds = Field(default=10, description="After so long it is killed.")
    pass_env: list[NonBlank] = Field(
        default_factory=list[str],
        description="Variables of the process that it may see, beside PATH, HOME and LANG.",
    )


class OAuth2Secret(ManifestModel):
    """An access token by client credentials; the keys are `token` and `authorization` ("Bearer ...")."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"tokenURL": OtherName("tokenUrl")}

    token_url: NonBlank = Field(description="Where tokens are fetched: https://, or a loopback address.")
    client_id: NonBlank | None = Field(default=None, description="Who asks; this or `clientIdFrom`.")
    client_id_from: Credential | None = Field(default=None, description="Where to find who asks.")
    client_secret_from: Credential = Field(description="Where to find the client's secret.")
    scopes: list[NonBlank] = Field(default_factory=list[str], description="What the token is to be good for.")
    audience: NonBlank | None = Field(default=None, description="Whom the token is for.")
    params: dict[str, str] = Field(
        default_factory=dict[str, str], description="Further parameters that the server wants; no secrets."
    )
    style: Literal["basic", "body"] = Field(
        default="basic", description="Whether the client proves itself by HTTP basic or in the body."
    )
    skew_seconds: Annotated[Int, Field(ge=0, le=3600)] = Field(
        default=60, description="A token is replaced so long before it expires."
    )
    timeout_seconds: Seconds = Field(default=10, description="How long the server may take.")


class AppRoleAuth(ManifestModel):
    """A login by AppRole."""

    role_id: Credential = Field(description="Where to find the role's id.")
    secret_id: Credential = Field(description="Where to find its secret id.")
    mount: NonBlank = Field(default="approle", description="Where the method is mounted.")


class KubernetesAuth(ManifestModel):
    """A login by the pod's service account."""

    role: NonBlank = Field(description="The role to log in as.")
    mount: NonBlank = Field(default="kubernetes", description="Where the method is mounted.")
    token_file: NonBlank = Field(
        default=SERVICE_ACCOUNT_TOKEN, description="The service account's token, read at each login."
    )


class VaultAuth(ManifestModel):
    """How to be let in. Exactly one is given."""

    token: Credential | None = Field(default=None, description="Where to find a token.")
    app_role: AppRoleAuth | None = Field(default=None, description="A login by AppRole.")
    kubernetes: KubernetesAuth | None = Field(
        default=None, description="A login by the pod's service account."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> "VaultAuth":
        if sum(each is not None for each in (self.token, self.app_role, self.kubernetes)) != 1:
            message = "Exactly one of `token`, `appRole` and `kubernetes` must be given."
            raise PydanticCustomError("one-of", message)
        return self


class VaultSecret(ManifestModel):
    """A secret in the key-value store of HashiCorp Vault or OpenBao."""

    address: NonBlank = Field(description="Address of the server: https://, or a loopback address.")
    namespace: str = Field(default="", description="The server's namespace, where it has some.")
    mount: NonBlank = Field(default="secret", description="Where the key-value store is mounted.")
    path: NonBlank = Field(description="The secret's path in the store, without `data/`.")
    kv: Annotated[Int, Field(ge=1, le=2)] = Field(default=2, description="Version of the key-value store.")
    version: Annotated[Int, Field(ge=1)] | None = Field(
        default=None, description="A version of the secret, which then does not rotate; by default the last."
    )
    keys: dict[str, NonBlank] | None = Field(
        default=None, description="The field in the store of each key; by default all, as they are called."
    )
    auth: VaultAuth = Field(description="How to be let in.")
    ca_file: NonBlank | None = Field(
        default=None, description="Who signed the server's certificate, where it is nobody known."
    )
    timeout_seconds: Seconds = Field(default=10, description="How long the server may take.")


class ArkSecretSpec(ManifestModel):
    """Which provider, and its settings."""

    provider: SecretProvider = Field(
        description="`env`: variables of the process. `file`: files. `command`: a program. `oauth2`: client "
        "credentials. `vault`: HashiCorp Vault or OpenBao. Each needs its block here."
    )
    refresh_seconds: Refresh = Field(
        default=30,
        description="How long values are used before they are asked for again; 0 asks at each use. `oauth2` "
        "goes by what its token says instead.",
    )
    env: dict[str, NonBlank] | None = Field(default=None, description="The variable of each key.")
    file: FileSecret | None = Field(default=None, description="Settings of `file`.")
    command: CommandSecret | None = Field(default=None, description="Settings of `command`.")
    oauth2: OAuth2Secret | None = Field(default=None, description="Settings of `oauth2`.")
    vault: VaultSecret | None = Field(default=None, description="Settings of `vault`.")

    @property
    def known_keys(self) -> frozenset[str] | None:
        """The keys it gives; None where only the provider knows them."""
        if self.provider == "oauth2":
            return OAUTH2_KEYS
        if self.provider == "command":
            return frozenset({self.command.key}) if self.command and self.command.key else None
        named = {
            "env": self.env,
            "file": self.file and self.file.keys,
            "vault": self.vault and self.vault.keys,
        }[self.provider]
        return None if named is None else frozenset(named)

    @property
    def credentials(self) -> dict[tuple[str, ...], Credential]:
        """Where it finds what it proves itself with, by place in the spec."""
        found: dict[tuple[str, ...], Credential | None] = {}
        if self.provider == "oauth2" and self.oauth2 is not None:
            found["oauth2", "clientIdFrom"] = self.oauth2.client_id_from
            found["oauth2", "clientSecretFrom"] = self.oauth2.client_secret_from
        if self.provider == "vault" and self.vault is not None:
            auth = self.vault.auth
            found["vault", "auth", "token"] = auth.token
            if auth.app_role is not None:
                found["vault", "auth", "appRole", "roleId"] = auth.app_role.role_id
                found["vault", "auth", "appRole", "secretId"] = auth.app_role.secret_id
        return {place: each for place, each in found.items() if each is not None}


class ArkSecret(ArkResource):
    """Where a Secret's values come from: it stands for a Secret of its name, for those who are given it."""

    KIND: ClassVar[str] = "ArkSecret"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("arksecret",)

    kind: Literal["ArkSecret"] = Field(default="ArkSecret", description="Always `ArkSecret`.")
    spec: ArkSecretSpec = Field(description="Which provider, and its settings.")
