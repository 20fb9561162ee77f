"""A role's environment: the values its `envFrom` names, over those of the worker's own process."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ark_temporal.plan.model import EnvSource, KeyRef
from ark_temporal.secrets.stores import SecretStore

_MIN_SCRUBBED = 6
"""Shorter values are words such as `true` or `mock`; replacing them would only garble a message."""

_LONGEST_PART = 12
_PART_OF_PROMPT = 20
"""Characters in a row that give a secret away; in a prompt fewer of them are just a few words."""

_REDACTED = "[redacted]"


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

    def scrub(self, text: str, *, prompts: Sequence[str] = ()) -> str:
        """The text without any value that came from a Secret, any provider key, and any of these prompts.

        They go however they are written: as they are, in a URL, in JSON, as Python shows them, or on one
        line. So do their parts, since who quotes may quote half of it.
        """
        for value in sorted(self.secrets, key=len, reverse=True):
            text = _without(text, value, min(_LONGEST_PART, max(_MIN_SCRUBBED, len(value) // 2)))
        for prompt in prompts:
            text = _without(text, prompt, _PART_OF_PROMPT)
        return text


def _without(text: str, secret: str, part: int) -> str:
    for form in {
        secret,
        " ".join(secret.split()),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }:
        text = "".join(_other_pieces(text, form, min(part, len(form))))
    return text


def _other_pieces(text: str, secret: str, part: int) -> Iterator[str]:
    """The text in pieces, with a mark in place of each that shares so many characters with the secret."""
    at = 0
    while at < len(text):
        end = at + part
        if not part or end > len(text) or text[at:end] not in secret:
            yield text[at]
            at += 1
            continue
        while end < len(text) and text[at : end + 1] in secret:
            end += 1
        yield _REDACTED
        at = end


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
        keys = (values.get(key, "") for names in _KEYS_OF.values() for key in names)
        secrets.update(value for value in keys if len(value) >= _MIN_SCRUBBED)
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
