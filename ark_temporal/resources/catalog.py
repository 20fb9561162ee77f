"""What is applied, for those who start runs of it: read again when it may have changed, compiled once."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ark_temporal.llm.types import Provider
from ark_temporal.manifests import ArkEvent, Bundle, load
from ark_temporal.plan.causes import Listener
from ark_temporal.plan.compile import compile_agent, compile_team, select_team
from ark_temporal.plan.model import Plan
from ark_temporal.resources import store
from ark_temporal.resources.applying import texts_of
from ark_temporal.resources.model import ResourceName, Revision
from ark_temporal.runs.connection import Connection

FRESH_SECONDS = 1.0
"""How old what is read may be: so much later at most, an applied revision is in force here."""


@dataclass
class Applied:
    """The revisions in force in one namespace, as they were read together.

    Attributes:
        bundle: The documents.
        provider: Answers for all roles instead of what their models' names say.
    """

    bundle: Bundle
    namespace: str
    provider: Provider | None = None
    _plans: dict[str, Plan] = field(default_factory=dict[str, Plan], repr=False)
    _agents: dict[str, Plan] = field(default_factory=dict[str, Plan], repr=False)

    def plan(self, team: str) -> Plan:
        """The plan of a team.

        Raises:
            LookupError: There is no such team.
            CompileError: It cannot be run.
        """
        if team not in self._plans:
            found = select_team(self.bundle, f"{self.namespace}/{team}")
            self._plans[team] = compile_team(self.bundle, found, provider=self.provider).plan
        return self._plans[team]

    def agent_plan(self, agent: str) -> Plan:
        """The plan of an agent that runs by itself.

        Raises:
            LookupError: There is no such agent.
            CompileError: It cannot be run.
        """
        if agent not in self._agents:
            name = f"{self.namespace}/{agent}"
            self._agents[agent] = compile_agent(self.bundle, name, provider=self.provider).plan
        return self._agents[agent]

    def event(self, name: str) -> ArkEvent | None:
        """The event of that name, if there is one."""
        return self.bundle.find(ArkEvent, name, self.namespace)

    def listeners(self, team: str) -> tuple[Listener, ...]:
        """The events that a team's end fires; those that are suspended are not among them."""
        return listeners_of(self.bundle, self.namespace, team)


def listeners_of(bundle: Bundle, namespace: str, team: str) -> tuple[Listener, ...]:
    """The events of these manifests that a team's end fires; those that are suspended are not among them."""
    found: list[Listener] = []
    for event in bundle.all(ArkEvent):
        output = event.spec.source.team_output
        if event.spec.source.type != "team-output" or output is None or event.spec.suspended:
            continue
        if (event.metadata.namespace, output.name) == (namespace, team):
            name, exclusive = event.metadata.name, event.spec.concurrency_policy == "Forbid"
            found.append(Listener(event=name, on_phase=output.on_phase, exclusive=exclusive))
    return tuple(found)


@dataclass(frozen=True)
class _Known:
    read_at: float
    revisions: Mapping[ResourceName, Revision]
    applied: Applied


class Catalog:
    """The applied resources of all namespaces, at most `FRESH_SECONDS` old.

    Whoever asks first after that has them read again; who asks meanwhile waits for the same reading.

    Args:
        connection: Where they are.
        provider: Answers for all roles of all teams instead of what their models' names say.
    """

    def __init__(self, connection: Connection, provider: Provider | None = None) -> None:
        self._connection = connection
        self._provider: Provider | None = provider
        self._known: dict[str, _Known] = {}
        self._reading: dict[str, asyncio.Task[Applied]] = {}

    async def applied(self, namespace: str) -> Applied:
        """What is in force in a namespace.

        Raises:
            ConnectionFailedError: Temporal does not answer, or no worker did in time.
        """
        known = self._known.get(namespace)
        if known is not None and time.monotonic() - known.read_at < FRESH_SECONDS:
            return known.applied
        if namespace not in self._reading:
            reading = asyncio.create_task(self._read(namespace))
            self._reading[namespace] = reading
            reading.add_done_callback(lambda _: self._reading.pop(namespace, None))
        return await asyncio.shield(self._reading[namespace])

    async def _read(self, namespace: str) -> Applied:
        """What is in force; only what a list shows as changed is asked for, and compiled again."""
        began, known = time.monotonic(), self._known.get(namespace)
        before: Mapping[ResourceName, Revision] = known.revisions if known is not None else {}
        listed = {
            each.name: each.memo.digest
            async for each in store.list_resources(self._connection, namespace=namespace)
        }
        changed = [name for name, digest in listed.items() if digest != _digest(before.get(name))]
        read = await store.read_each(self._connection, changed)
        kept = {name: each for name, each in before.items() if name in listed and name not in changed}
        revisions = {name: {**kept, **read}[name] for name in listed if name in kept or name in read}
        if known is not None and revisions == before:
            applied = known.applied
        else:
            bundle = load([], texts=texts_of(list(revisions.values())))
            applied = Applied(bundle, namespace, self._provider)
        if revisions:
            self._known[namespace] = _Known(began, revisions, applied)
        else:  # anybody may ask for a namespace that there is not: nothing is kept of it
            self._known.pop(namespace, None)
        return applied


def _digest(revision: Revision | None) -> str | None:
    return revision.digest if revision is not None else None
