"""A role's environment: the values its `envFrom` names, over those of the worker's own process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ark_temporal.plan.model import EnvSource, KeyRef
from ark_temporal.secrets.stores import SecretStore

_MIN_SCRUBBED = 6
"""Shorter values are words such as `true` or `mock`; replacing them would only garble a message."""


@dataclass(frozen=True)
class RoleEnvironment:
    """What one role's model client may read.

    Attributes:
        values: The worker's environment with the role's own values over it.
        warnings: What the manifest names and this worker does not have.
    """

    values: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def scrub(self, text: str) -> str:
        """The text with every value that came from a Secret taken out."""
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, "[redacted]")
        return text

_KEYS_OF = {
    "ANTHROPIC_BASE_URL": ("ANTHROPIC_API_KEY",),
    "OPENAI_BASE_URL": ("OPENAI_API_KEY",),
    "GOOGLE_GEMINI_BASE_URL": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
}


def _keep_keys_home(values: dict[str, str], own: set[str]) -> None:
    """A role that names its own server brings its own key: the worker's is not sent to wherever it says."""
    for base_url, keys in _KEYS_OF.items():
        if base_url in own:
            for key in keys:
                if key not in own:
                    values.pop(key, None)


class Secrets:
    """All that a worker knows about Secrets and ConfigMaps, the first store that has a name winning."""

    def __init__(self, stores: Sequence[SecretStore], environment: Mapping[str, str]) -> None:
        self._stores = stores
        self._environment = environment

    def environment(self, sources: Sequence[EnvSource], namespace: str) -> RoleEnvironment:
        """The environment of a role with these `envFrom` sources; a missing one degrades with a warning."""
        values = dict(self._environment)
        own: set[str] = set()
        secrets: set[str] = set()
        warnings: list[str] = []
        for source in sources:
            found = self._read(source, namespace)
            if found is None:
                warnings.append(
                    f'{source.kind} "{namespace}/{source.name}" of envFrom is not known to this worker; '
                    "its own environment is used."
                )
                continue
            given = {source.prefix + key: value for key, value in found.items()}
            values.update(given)
            own.update(given)
            if source.kind == "Secret":
                secrets.update(value for value in found.values() if len(value) >= _MIN_SCRUBBED)
        _keep_keys_home(values, own)
        return RoleEnvironment(values, tuple(warnings), frozenset(secrets))

    def text(self, ref: KeyRef, namespace: str) -> str | None:
        """The value of one key, or None where this worker does not have it."""
        found = self._read(ref, namespace)
        return None if found is None else found.get(ref.key)

    def _read(self, ref: EnvSource | KeyRef, namespace: str) -> Mapping[str, str] | None:
        for store in self._stores:
            found = store.read(ref.kind, namespace, ref.name)
            if found is not None:
                return found
        return None
