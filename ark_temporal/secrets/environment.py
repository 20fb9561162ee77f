"""A role's environment: the values its `envFrom` names, over those of the worker's own process."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ark_temporal.plan.model import EnvSource, KeyRef
from ark_temporal.secrets.provided import ProvidedStore
from ark_temporal.secrets.redaction import MIN_REDACTED, REDACTED, written_forms
from ark_temporal.secrets.stores import SecretStore

_LONGEST_PART = 12
_PART_OF_PROMPT = 20
"""Characters in a row that give a secret away; in a prompt fewer of them are just a few words."""


@dataclass(frozen=True)
class RoleEnvironment:
    """What one role's model client may read.

    Attributes:
        values: The worker's environment with the role's own values over it.
        warnings: What the manifest names and this worker does not have.
        secrets: What must not be repeated.
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
            text = _without(text, value, min(_LONGEST_PART, max(MIN_REDACTED, len(value) // 2)))
        for prompt in prompts:
            text = _without(text, prompt, _PART_OF_PROMPT)
        return text


def _without(text: str, secret: str, part: int) -> str:
    for form in {*written_forms(secret), " ".join(secret.split())}:
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
        yield REDACTED
        at = end


_PROVIDERS = (
    ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
    ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"),
    ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
)
"""What belongs together: a key is for one account on one server."""

_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
_OURS = ("ARK_ENCRYPTION_KEYS", "ARK_STORAGE", "ARK_LINK_KEY")
"""What is the worker's alone."""


def _keep_accounts_apart(values: dict[str, str], own: set[str]) -> None:
    """A role that says anything about a provider says all: nothing of the worker's account is mixed in.

    Its key would go to a server that it does not belong to. A base URL alone is an exception the other way:
    a role's own key goes to the worker's server, where that is a gateway for all.
    """
    for names in _PROVIDERS:
        if own.isdisjoint(names):
            continue
        for name in names:
            if name not in own and not name.endswith("_BASE_URL"):
                values.pop(name, None)


class Secrets:
    """All that a worker knows about Secrets and ConfigMaps, the first store that has a name winning."""

    def __init__(self, stores: Sequence[SecretStore], environment: Mapping[str, str]) -> None:
        self._stores = stores
        self._environment = dict(environment)  # `os.environ` decodes each value whenever it is read
        for store in stores:
            if isinstance(store, ProvidedStore):
                store.look_up_with(self.text)

    async def environment(self, sources: Sequence[EnvSource], namespace: str) -> RoleEnvironment:
        """The environment of a role with these `envFrom` sources; a missing one degrades with a warning.

        Raises:
            SecretError: One that is there cannot be read now.
        """
        values = dict(self._environment)
        own: set[str] = set()
        secrets: set[str] = set()
        warnings: list[str] = []
        for source in sources:
            found = await self._read(source, namespace)
            if found is None:
                if not source.optional:
                    warnings.append(
                        f'{source.kind} "{namespace}/{source.name}" of envFrom is not known to this worker; '
                        "its own environment is used."
                    )
                continue
            given = {source.prefix + key: value for key, value in found.items()}
            values.update(given)
            own.update(given)
            if source.kind == "Secret":
                secrets.update(found.values())
        _keep_accounts_apart(values, own)
        for name in _OURS:
            values.pop(name, None)
        secrets.update(values.get(key, "") for key in _KEYS)
        secrets = {value for value in secrets if len(value) >= MIN_REDACTED}
        return RoleEnvironment(values, tuple(warnings), frozenset(secrets))

    async def text(self, ref: KeyRef, namespace: str) -> str | None:
        """The value of one key, or None where this worker does not have it.

        Raises:
            SecretError: It cannot be read now.
        """
        found = await self._read(ref, namespace)
        return None if found is None else found.get(ref.key)

    def expire(self, refs: Iterable[EnvSource | KeyRef], namespace: str, before: float) -> None:
        """Have these read again at their next use: somebody refused what they held.

        Args:
            refs: Which ones.
            namespace: Where they are.
            before: A moment of the monotonic clock; what was read since is left as it is.
        """
        for ref in refs:
            for store in self._stores:
                if isinstance(store, ProvidedStore):
                    store.expire(ref.kind, namespace, ref.name, before)

    async def _read(self, ref: EnvSource | KeyRef, namespace: str) -> Mapping[str, str] | None:
        for store in self._stores:
            found = await store.read(ref.kind, namespace, ref.name)
            if found is not None:
                return found
        return None
