"""Whether the objects that manifests name are there."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ark_temporal.manifests.agent_parts import AgentParts, EnvFromSource
from ark_temporal.manifests.approval import Deciders
from ark_temporal.manifests.ark_agent import ArkAgent
from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.ark_memory import ArkMemory
from ark_temporal.manifests.ark_notify import ArkNotify
from ark_temporal.manifests.ark_optimizer import ArkOptimizer
from ark_temporal.manifests.ark_secret import ArkSecret
from ark_temporal.manifests.ark_service import ArkService
from ark_temporal.manifests.ark_team import ArkTeam, Role
from ark_temporal.manifests.base import KeyRef, NameRef, Resource
from ark_temporal.manifests.bundle import Bundle
from ark_temporal.manifests.diagnostics import nearest
from ark_temporal.manifests.origins import Finding, Path
from ark_temporal.manifests.values import GivenValue

Found = Literal["yes", "no key", "no"]

_WITHOUT: Mapping[str, str] = {
    "ArkMemory": "Without it, agents work without memory.",
    "ArkNotify": "Without it, nobody is told.",
    "ArkSettings": "Without it, agents work without these settings.",
    "ConfigMap": "Load it too, or provide it where the worker runs.",
    "Secret": "Load it too, or provide its values where the worker runs.",
}
"""Kinds that may be missing, and what happens then."""


@dataclass(frozen=True)
class Need:
    """A name that must resolve.

    Attributes:
        path: Where the name is written.
        kinds: Kinds of which one must have an object of that name.
        name: The name.
        key: A key that the object must have.
    """

    path: Path
    kinds: tuple[str, ...]
    name: str
    key: str = ""


def check_references(bundle: Bundle) -> Iterator[tuple[Resource, Finding]]:
    """Names that do not resolve. What may be missing is said once, at its first use."""
    if not bundle.complete:
        return
    names = _Names(bundle)
    later: dict[tuple[str, str, str], list[tuple[Resource, Need]]] = {}
    for resource in (*bundle.resources, *bundle.flow_teams):
        for need in needs_of(resource):
            namespace = resource.metadata.namespace
            found = names.found(need, namespace)
            if found == "yes":
                continue
            if need.kinds[0] in _WITHOUT:
                missed = need.key if found == "no key" else ""
                later.setdefault((namespace, need.kinds[0], f"{need.name}\n{missed}"), []).append(
                    (resource, need)
                )
            else:
                yield resource, _missing(need, names.hint(need, namespace))
    for (namespace, _, key), uses in later.items():
        resource, need = uses[0]
        yield resource, _degraded(need, key.partition("\n")[2], len(uses), names.hint(need, namespace))


def _missing(need: Need, hint: str) -> Finding:
    message = f'There is no {" or ".join(need.kinds)} called "{need.name}" here.'
    return Finding(need.path, "unknown-reference", message, hint or "Load the file that holds it too.")


def _degraded(need: Need, key: str, uses: int, hint: str) -> Finding:
    kind = need.kinds[0]
    others = f" It is also needed in {uses - 1} other place{'s' if uses > 2 else ''}." if uses > 1 else ""
    what = (
        f'The {kind} "{need.name}" has no key "{key}".'
        if key
        else f'There is no {kind} called "{need.name}" here.'
    )
    code = "missing-key" if key else "missing-reference"
    return Finding(need.path, code, what + others, f"{hint} {_WITHOUT[kind]}".strip(), "warning")


class _Names:
    """The names of a bundle's objects by namespace and kind; broken objects count as there."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._names: dict[tuple[str, str], set[str]] = {}
        for kind, namespace, name in [*(each.key for each in bundle.resources), *bundle.broken]:
            stands_for = "Secret" if kind == ArkSecret.KIND else kind
            self._names.setdefault((stands_for, namespace), set()).add(name)
        for team in bundle.all(ArkTeam):
            generated = self._names.setdefault(("generated agent", team.metadata.namespace), set())
            generated |= {f"{team.metadata.name}-{role.name}" for role in team.spec.roles}

    def found(self, need: Need, namespace: str) -> Found:
        if not any(need.name in self._names.get((kind, namespace), ()) for kind in need.kinds):
            return "no"
        keys = self._keys(need, namespace)
        return "no key" if need.key and keys is not None and need.key not in keys else "yes"

    def _keys(self, need: Need, namespace: str) -> Collection[str] | None:
        """The keys of an object; None where they are not known."""
        if need.kinds[0] == "ConfigMap":
            return self._bundle.config_maps.get((namespace, need.name))
        if need.kinds[0] != "Secret":
            return None
        provided = self._bundle.find(ArkSecret, need.name, namespace)
        if provided is not None:
            return provided.spec.known_keys
        return self._bundle.secrets.get((namespace, need.name))

    def hint(self, need: Need, namespace: str) -> str:
        known = [name for kind in need.kinds for name in self._names.get((kind, namespace), ())]
        best = nearest(need.name, (name for name in known if name != need.name))
        elsewhere = sorted(
            space for (kind, space), names in self._names.items() if kind in need.kinds and need.name in names
        )
        if need.name in known:
            return ""
        if elsewhere:
            return f'There is one in the namespace "{elsewhere[0]}", but this is "{namespace}".'
        return f'Did you mean "{best}"?' if best else ""


def needs_of(resource: Resource) -> Iterator[Need]:
    """All names that a resource wants to resolve; those that may be missing without a word are left out."""
    if isinstance(resource, ArkAgent):
        yield from _agent_needs(resource.spec, ("spec",))
    elif isinstance(resource, ArkTeam):
        yield from _team_needs(resource)
    elif isinstance(resource, ArkEvent):
        yield from _event_needs(resource)
    elif isinstance(resource, ArkMemory):
        yield from _memory_needs(resource)
    elif isinstance(resource, ArkNotify):
        yield from _notify_needs(resource)
    elif isinstance(resource, ArkSecret):
        for place, credential in resource.spec.credentials.items():
            yield from _keyed(credential.secret_key_ref, "Secret", ("spec", *place, "secretKeyRef"))
    elif isinstance(resource, ArkService):
        agents = ("ArkAgent", "generated agent")
        yield Need(("spec", "selector", "arkAgent"), agents, resource.spec.selector.ark_agent)
    elif isinstance(resource, ArkOptimizer):
        yield Need(("spec", "targetTeam"), ("ArkTeam",), resource.spec.target_team)


def _named(reference: NameRef | None, kind: str, path: Path) -> Iterator[Need]:
    if reference is not None:
        yield Need((*path, "name"), (kind,), reference.name)


def _keyed(reference: KeyRef | None, kind: str, path: Path) -> Iterator[Need]:
    if reference is not None and not reference.optional:
        yield Need((*path, "name"), (kind,), reference.name, reference.key)


def _agent_needs(parts: AgentParts, path: Path) -> Iterator[Need]:
    yield from _named(parts.config_ref, "ArkSettings", (*path, "configRef"))
    for index, settings in enumerate(parts.settings_refs):
        yield from _named(settings, "ArkSettings", (*path, "settingsRefs", index))
    yield from _named(parts.memory_ref, "ArkMemory", (*path, "memoryRef"))
    yield from _named(parts.notify_ref, "ArkNotify", (*path, "notifyRef"))
    for index, source in enumerate(parts.env_from):
        yield from _env_needs(source, (*path, "envFrom", index))
    prompt = parts.system_prompt_ref
    if prompt is not None:
        place = (*path, "systemPromptRef")
        yield from _keyed(prompt.config_map_key_ref, "ConfigMap", (*place, "configMapKeyRef"))
        yield from _keyed(prompt.secret_key_ref, "Secret", (*place, "secretKeyRef"))
    for index, server in enumerate(parts.mcp_servers):
        place = (*path, "mcpServers", index)
        yield from _value_needs(server.headers, (*place, "headers"))
        yield from _value_needs(server.env, (*place, "env"))
        yield from _approval_needs(server.approval, (*place, "approval"))
        if server.auth is not None:
            auth = (*place, "auth")
            yield from _keyed(server.auth.token_secret_ref, "Secret", (*auth, "tokenSecretRef"))
            yield from _keyed(server.auth.client_secret_ref, "Secret", (*auth, "clientSecretRef"))
    for index, tool in enumerate(parts.tools):
        yield from _value_needs(tool.headers, (*path, "tools", index, "headers"))
        yield from _approval_needs(tool.approval, (*path, "tools", index, "approval"))


def _approval_needs(approval: Deciders | None, path: Path) -> Iterator[Need]:
    if approval is not None:
        yield from _named(approval.notify_ref, "ArkNotify", (*path, "notifyRef"))


def _env_needs(source: EnvFromSource, path: Path) -> Iterator[Need]:
    for reference, kind, field in (
        (source.secret_ref, "Secret", "secretRef"),
        (source.config_map_ref, "ConfigMap", "configMapRef"),
    ):
        if reference is not None and not reference.optional:
            yield from _named(reference, kind, (*path, field))


def _value_needs(values: Mapping[str, GivenValue], path: Path) -> Iterator[Need]:
    for name, given in values.items():
        yield from _keyed(given.secret_key_ref, "Secret", (*path, name, "secretKeyRef"))


def _team_needs(team: ArkTeam) -> Iterator[Need]:
    spec = team.spec
    for index, role in enumerate(spec.roles):
        yield from _role_needs(role, ("spec", "roles", index))
    yield from _named(spec.notify_ref, "ArkNotify", ("spec", "notifyRef"))
    agents = ("ArkAgent", "generated agent")
    if spec.routing is not None:
        yield from _named(spec.routing.registry_ref, "ArkRegistry", ("spec", "routing", "registryRef"))
        if spec.routing.fallback is not None:
            yield Need(("spec", "routing", "fallback"), agents, spec.routing.fallback)
    for index, step in enumerate(spec.pipeline):
        path = ("spec", "pipeline", index)
        lookup = step.registry_lookup
        if lookup is not None:
            roles = [role.name for role in spec.roles]
            if lookup.fallback is not None and lookup.fallback not in roles:
                yield Need((*path, "registryLookup", "fallback"), agents, lookup.fallback)
        for number, approval in enumerate(step.approval):
            yield from _approval_needs(approval, (*path, "approval", number))


def _role_needs(role: Role, path: Path) -> Iterator[Need]:
    if role.ark_agent is not None:
        yield Need((*path, "arkAgent"), ("ArkAgent",), role.ark_agent)
    if role.ark_team is not None:
        yield Need((*path, "arkTeam"), ("ArkTeam", "ArkFlow"), role.ark_team)
    yield from _agent_needs(role, path)


def _event_needs(event: ArkEvent) -> Iterator[Need]:
    teams = ("ArkTeam", "ArkFlow")
    for index, target in enumerate(event.spec.targets):
        yield Need(("spec", "targets", index, "team"), teams, target.team)
    source = event.spec.source.team_output
    if source is not None:
        yield Need(("spec", "source", "teamOutput", "name"), teams, source.name)
    webhook = event.spec.source.webhook
    for index, auth in enumerate((webhook.auth if webhook is not None else None) or ()):
        path = ("spec", "source", "webhook", "auth", index)
        if auth.basic is not None:
            for key in ("username", "password"):
                yield Need((*path, "basic", "name"), ("Secret",), auth.basic.name, key)
        if auth.hmac is not None:
            yield from _keyed(auth.hmac.secret_ref, "Secret", (*path, "hmac", "secretRef"))


def _memory_needs(memory: ArkMemory) -> Iterator[Need]:
    spec = memory.spec
    if spec.redis is not None and spec.backend == "redis":
        path = ("spec", "redis", "secretRef", "name")
        yield Need(path, ("Secret",), spec.redis.secret_ref.name, "REDIS_URL")
    store = spec.vector_store
    if store is not None and store.secret_ref is not None and spec.backend == "vector-store":
        path = ("spec", "vectorStore", "secretRef", "name")
        yield Need(path, ("Secret",), store.secret_ref.name, "VECTOR_STORE_API_KEY")


def _notify_needs(notify: ArkNotify) -> Iterator[Need]:
    for index, channel in enumerate(notify.spec.channels):
        path = ("spec", "channels", index)
        if channel.slack is not None:
            yield from _keyed(channel.slack.webhook_url_from, "Secret", (*path, "slack", "webhookURLFrom"))
        if channel.webhook is not None:
            yield from _keyed(channel.webhook.url_from, "Secret", (*path, "webhook", "urlFrom"))
            yield from _value_needs(channel.webhook.headers, (*path, "webhook", "headers"))
        if channel.email is not None:
            yield from _keyed(channel.email.username_from, "Secret", (*path, "email", "usernameFrom"))
            yield from _keyed(channel.email.password_from, "Secret", (*path, "email", "passwordFrom"))
