"""Reading what ArkSecrets stand for, as a process does that was given their manifests."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from ark_temporal.manifests import ArkSecret, Bundle, load
from ark_temporal.plan.model import EnvSource
from ark_temporal.plan.references import KeyRef
from ark_temporal.secrets import MappingStore, ProvidedStore, SecretError, Secrets


def document(spec: Mapping[str, Any], name: str = "keys", namespace: str = "default") -> dict[str, Any]:
    """An ArkSecret, as it is written."""
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "arkonis.dev/v1alpha1",
        "kind": "ArkSecret",
        "metadata": metadata,
        "spec": dict(spec),
    }


def bundle(*documents: Mapping[str, Any]) -> Bundle:
    """Manifests that have no errors."""
    loaded = load(["-"], stdin=io.StringIO(yaml.safe_dump_all(documents)))
    assert loaded.ok, "\n".join(map(str, loaded.errors))
    return loaded


class Reader:
    """A process that reads Secrets.

    Args:
        specs: Of ArkSecrets, by name.
        environment: Variables of the process.
        given: Plain Secrets, by name.
        allow_commands: Whether programs may be started.
    """

    def __init__(
        self,
        specs: Mapping[str, Mapping[str, Any]],
        environment: Mapping[str, str] | None = None,
        given: Mapping[str, Mapping[str, str]] | None = None,
        *,
        allow_commands: bool = True,
    ) -> None:
        loaded = bundle(*(document(spec, name) for name, spec in specs.items()))
        plain = MappingStore({("Secret", "default", name): of for name, of in (given or {}).items()})
        self.store = ProvidedStore(
            loaded.all(ArkSecret), allow_commands=allow_commands, environment=environment or {}
        )
        self.secrets = Secrets([plain, self.store], {})

    async def value(self, key: str, name: str = "keys") -> str | None:
        """The value of a key."""
        return await self.secrets.text(KeyRef(name=name, key=key), "default")

    async def values(self, name: str = "keys") -> Mapping[str, str] | None:
        """All values."""
        return await self.store.read("Secret", "default", name)

    async def failure(self, name: str = "keys") -> SecretError:
        """How reading it fails: the error names it, and holds nothing that was planted."""
        with pytest.raises(SecretError) as caught:
            await self.secrets.environment([EnvSource(name=name)], "default")
        error = caught.value
        assert f'ArkSecret "default/{name}"' in str(error)
        assert "planted" not in str(error)
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__
        return error
