"""What manifests need of Secrets and ConfigMaps, and whether that can be had here. No value leaves it."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ark_temporal.manifests import ArkSecret, Bundle
from ark_temporal.manifests.checks.references import needs_of
from ark_temporal.secrets import DirectoryStore, ProvidedStore, SecretError, Secrets

if TYPE_CHECKING:
    from ark_temporal.secrets import SecretStore

_Kind = Literal["Secret", "ConfigMap"]
_KINDS: Mapping[str, _Kind] = {"Secret": "Secret", "ConfigMap": "ConfigMap"}
_AT_ONCE = 10
_NOWHERE = "it is nowhere: in no document, of no ArkSecret, and in no mounted folder."


@dataclass
class Wanted:
    """One key that something needs or, with no key, a whole object.

    Attributes:
        by: Who needs it; nobody where an ArkSecret is just there.
        origin: Where it comes from here; empty where from nowhere.
        problem: Why it cannot be had; empty where it can, and where nobody tried.
    """

    kind: _Kind
    namespace: str
    name: str
    key: str = ""
    by: list[str] = field(default_factory=list[str])
    origin: str = ""
    problem: str = ""


def wanted(bundle: Bundle) -> list[Wanted]:
    """What is needed, each key once, in the order in which it is first needed; then what is just there."""
    found: dict[tuple[str, str, str, str], Wanted] = {}
    for resource in (*bundle.resources, *bundle.flow_teams):
        for need in needs_of(resource):
            kind = _KINDS.get(need.kinds[0])
            if kind is None:
                continue
            space = resource.metadata.namespace
            each = found.setdefault(
                (kind, space, need.name, need.key), Wanted(kind, space, need.name, need.key)
            )
            if str(resource) not in each.by:
                each.by.append(str(resource))
    needed = {(each.namespace, each.name) for each in found.values() if each.kind == "Secret"}
    for secret in bundle.all(ArkSecret):
        _, space, name = secret.key
        if (space, name) not in needed:
            for key in sorted(secret.spec.known_keys or {""}):
                found["Secret", space, name, key] = Wanted("Secret", space, name, key)
    return list(found.values())


class Here:
    """All places of this process where values come from.

    Args:
        bundle: The manifests that it is given.
        documents: Their Secrets and ConfigMaps.
        secrets_dir: The directory of mounted ones.
        allow_commands: Whether ArkSecrets may be tried that are programs.
    """

    def __init__(
        self,
        bundle: Bundle,
        documents: "SecretStore",
        secrets_dir: Path | None,
        *,
        allow_commands: bool = False,
    ) -> None:
        self._provider_of = {each.key[1:]: each.spec for each in bundle.all(ArkSecret)}
        self._documents = documents
        self._provided = ProvidedStore(bundle.all(ArkSecret), allow_commands=allow_commands)
        self._mounted = DirectoryStore(secrets_dir) if secrets_dir is not None else None
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        mounted = [self._mounted] if self._mounted is not None else []
        Secrets([documents, self._provided, *mounted], os.environ)  # lets providers find each other's Secrets

    async def find(self, each: Wanted) -> None:
        """Say where something would come from; nobody outside this machine is asked."""
        if await self._documents.read(each.kind, each.namespace, each.name) is not None:
            each.origin = f"{each.kind} of the manifests"
        elif each.kind == "Secret" and (each.namespace, each.name) in self._provider_of:
            each.origin = f"ArkSecret ({self._provider_of[each.namespace, each.name].provider})"
        elif self._mounted is not None and await self._is_mounted(each):
            each.origin = "--secrets-dir"

    async def check(self, everything: Sequence[Wanted]) -> None:
        """Try to read all of it, as a worker that is given the same would."""
        await asyncio.gather(*(self._check(each) for each in everything))

    async def _check(self, each: Wanted) -> None:
        async with self._at_once:
            await self.find(each)
            try:
                values = await self._values(each)
            except SecretError as error:
                each.problem = str(error)
                return
        if values is None:
            each.problem = "its provider has no such secret." if each.origin else _NOWHERE
            return
        lacking = [key for key in self._keys(each) if not values.get(key)]
        if lacking:
            each.problem = f'its key "{lacking[0]}" is missing or empty.'

    def _keys(self, each: Wanted) -> list[str]:
        """The keys that must be there: the one that is wanted, or all that an ArkSecret promises."""
        if each.key:
            return [each.key]
        spec = self._provider_of.get((each.namespace, each.name)) if each.kind == "Secret" else None
        return sorted(spec.known_keys or ()) if spec is not None else []

    async def _values(self, each: Wanted) -> Mapping[str, str] | None:
        for store in (self._documents, self._provided, self._mounted):
            found = await store.read(each.kind, each.namespace, each.name) if store is not None else None
            if found is not None:
                return found
        return None

    async def _is_mounted(self, each: Wanted) -> bool:
        assert self._mounted is not None, "who asks looked"
        try:
            return await self._mounted.read(each.kind, each.namespace, each.name) is not None
        except SecretError:
            return True  # it is there; `check` says why it cannot be read
