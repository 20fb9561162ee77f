"""Checks of ArkSecrets: the block that is chosen must be there, and no value may stand in it."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from ark_temporal.manifests.ark_secret import ArkSecret, ArkSecretSpec, OAuth2Secret, VaultSecret
from ark_temporal.manifests.base import ManifestModel, Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.checks.addresses import check_address, is_credential
from ark_temporal.manifests.checks.graph import arrows, order
from ark_temporal.manifests.kubernetes import Secret
from ark_temporal.manifests.origins import Finding, Path

WORKERS_OWN = frozenset({"ARK_ENCRYPTION_KEYS", "ARK_STORAGE"})
"""Variables that are the worker's alone: no role ever sees them."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_secret(secret: ArkSecret, bundle: Bundle) -> Iterator[Finding]:
    """Findings about one ArkSecret."""
    spec = secret.spec
    yield from _blocks(spec)
    if bundle.find(Secret, secret.metadata.name, secret.metadata.namespace) is not None:
        message = f'There is a Secret "{secret.metadata.name}" as well, and only one of the two can be meant.'
        yield Finding(("metadata", "name"), "duplicate-name", message, "Remove one of them.")
    for variable in sorted(WORKERS_OWN & set((spec.env or {}).values())):
        key = next(key for key, value in (spec.env or {}).items() if value == variable)
        message = f"{variable} is the worker's own and is given to nobody."
        yield Finding(("spec", "env", key), "not-allowed", message, "Remove it.")
    if spec.file is not None and (spec.file.keys is None) == (spec.file.directory is None):
        message = "Exactly one of `keys` and `directory` must be given."
        yield Finding(("spec", "file"), "one-of", message)
    if spec.oauth2 is not None:
        yield from _oauth2(spec.oauth2, ("spec", "oauth2"))
    if spec.vault is not None:
        yield from _vault(spec.vault, ("spec", "vault"))
    for path, name in _files(spec):
        if not PurePosixPath(name).is_absolute():
            message = "The path is not absolute, so it would depend on where the process was started."
            yield Finding(path, "relative-path", message, "Write it from the root.")


def _blocks(spec: ArkSecretSpec) -> Iterator[Finding]:
    blocks: Mapping[str, Mapping[str, str] | ManifestModel | None] = {
        "env": spec.env,
        "file": spec.file,
        "command": spec.command,
        "oauth2": spec.oauth2,
        "vault": spec.vault,
    }
    for name, given in blocks.items():
        if name == spec.provider and given is None:
            message = f'The provider "{name}" needs the block `{name}`.'
            yield Finding(("spec", name), "missing-block", message, f"Add `{name}` to the spec.")
        elif name != spec.provider and given is not None:
            message = f'`{name}` has no effect: the provider is "{spec.provider}".'
            hint = f"Remove it, or write `provider: {name}`."
            yield Finding(("spec", name), "unused-block", message, hint, "warning", at_key=True)


def _oauth2(oauth2: OAuth2Secret, path: Path) -> Iterator[Finding]:
    yield from _address(oauth2.token_url, (*path, "tokenUrl"))
    if (oauth2.client_id is None) == (oauth2.client_id_from is None):
        message = "Exactly one of `clientId` and `clientIdFrom` must be given."
        yield Finding(path, "one-of", message, "Say who asks.", at_key=True)
    for name in oauth2.params:
        if is_credential(name):
            message = f"The parameter `{name}` seems to hold a credential."
            hint = "Take it out: the client proves itself by `clientSecretFrom`."
            yield Finding((*path, "params", name), "literal-credential", message, hint, "warning")


def _vault(vault: VaultSecret, path: Path) -> Iterator[Finding]:
    yield from _address(vault.address, (*path, "address"))
    for name, value in (("mount", vault.mount), ("path", vault.path)):
        parts = value.strip("/").split("/")
        if any(part in ("", ".", "..") for part in parts) or any(mark in value for mark in "?#%"):
            message = f"`{name}` is the name of a place in the store, such as `team/models`."
            yield Finding((*path, name), "wrong-format", message)
    if vault.path.strip("/").startswith("data/") and vault.kv == 2:
        message = "The path begins with `data/`, which is put before it anyway."
        yield Finding(
            (*path, "path"), "wrong-format", message, "Leave it out, as `vault kv get` does.", "warning"
        )
    if vault.kv == 1 and vault.version is not None:
        message = "A key-value store of version 1 has no versions of a secret."
        yield Finding((*path, "version"), "unused-field", message, "Remove it.", at_key=True)


def _address(url: str, path: Path) -> Iterator[Finding]:
    found = list(check_address(url, path))
    yield from found
    if found:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        message = "Secrets go over this address, and without TLS everybody on the way reads them."
        yield Finding(path, "no-tls", message, "Use https://; only a loopback address may be without.")


def _files(spec: ArkSecretSpec) -> Iterator[tuple[Path, str]]:
    if spec.file is not None:
        for key, name in (spec.file.keys or {}).items():
            yield ("spec", "file", "keys", key), name
        if spec.file.directory is not None:
            yield ("spec", "file", "directory"), spec.file.directory
    if spec.vault is not None and spec.vault.ca_file is not None:
        yield ("spec", "vault", "caFile"), spec.vault.ca_file
    if spec.vault is not None and spec.vault.auth.kubernetes is not None:
        path = ("spec", "vault", "auth", "kubernetes", "tokenFile")
        yield path, spec.vault.auth.kubernetes.token_file
    for place, credential in spec.credentials.items():
        if credential.file is not None:
            yield ("spec", *place, "file"), credential.file


def check_secret_rings(bundle: Bundle) -> Iterator[tuple[Resource, Finding]]:
    """ArkSecrets that need each other in a ring: none of them could ever be read."""
    secrets = {each.key[1:]: each for each in bundle.all(ArkSecret)}
    for namespace in dict.fromkeys(space for space, _ in secrets):
        edges = {name: tuple(_needed(each)) for (space, name), each in secrets.items() if space == namespace}
        for cycle in order(edges).cycles:
            secret = secrets[namespace, cycle[0]]
            place = next(
                place
                for place, credential in secret.spec.credentials.items()
                if credential.secret_key_ref is not None and credential.secret_key_ref.name == cycle[1]
            )
            message = f"These ArkSecrets need each other: {arrows(cycle)}."
            hint = "Take one of their credentials from elsewhere."
            yield secret, Finding(("spec", *place, "secretKeyRef", "name"), "secret-ring", message, hint)


def _needed(secret: ArkSecret) -> Iterator[str]:
    for credential in secret.spec.credentials.values():
        if credential.secret_key_ref is not None:
            yield credential.secret_key_ref.name
