"""Histories of what happens around runs: events, their schedules, and those who tell people."""

import asyncio
from datetime import UTC, datetime

from pydantic import JsonValue
from temporalio.client import Client

from ark_temporal.events.model import FiringResult, FiringStart, firing_id
from ark_temporal.manifests import load
from ark_temporal.plan.causes import Trigger
from ark_temporal.plan.notices import notifier_id
from ark_temporal.resources import store
from ark_temporal.resources.applying import documents
from ark_temporal.resources.catalog import Catalog
from ark_temporal.resources.model import ApplyRequest, ResourceName
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.names import EVENT_FIRING, TASK_QUEUE
from ark_temporal.runs.submit import submit
from ark_temporal.secrets import MappingStore

NAMESPACE = "around"

WORKFLOWS = {
    "fires": "first-of-a-chain",
    "event-firing": firing_id(NAMESPACE, "goes-on", "first-of-a-chain"),
    "event-firing-hands-on": firing_id(NAMESPACE, "alone", "by-hand"),
    "event-firing-alone": firing_id(NAMESPACE, "alone"),
    "event-resource": ResourceName("ArkEvent", NAMESPACE, "nightly").workflow_id,
    "notifier": notifier_id(NAMESPACE, "first", "TeamSucceeded"),
}
"""Ids of workflows, by the name of the history."""

MANIFESTS = """\
kind: ArkNotify
metadata: {name: sink}
spec:
  channels: [{type: webhook, webhook: {urlFrom: {name: sink, key: url}}}]
  on: [TeamSucceeded]
  rateLimitSeconds: 1
---
kind: ArkTeam
metadata: {name: first}
spec:
  notifyRef: {name: sink}
  roles: [{name: works, model: mock, systemPrompt: You work.}]
  pipeline: [{role: works, inputs: {ask: anything}}]
---
kind: ArkTeam
metadata: {name: second}
spec:
  roles: [{name: works, model: mock, systemPrompt: You work.}]
  pipeline: [{role: works, inputs: {ask: "{{ .input.ask }}"}}]
---
kind: ArkEvent
metadata: {name: goes-on}
spec:
  source: {type: team-output, teamOutput: {name: first}}
  targets: [{team: second, input: {ask: "{{ .trigger.output }}"}}]
---
kind: ArkEvent
metadata: {name: alone}
spec:
  source: {type: webhook}
  concurrencyPolicy: Forbid
  targets: [{team: second, input: {ask: "{{ .trigger.body.ask }}"}}]
---
kind: ArkEvent
metadata: {name: nightly}
spec:
  source: {type: cron, cron: "0 3 * * *"}
  targets: [{team: second}]
"""


def secrets(port: int) -> MappingStore:
    """What people are told by: whatever is on the port."""
    return MappingStore({("Secret", NAMESPACE, "sink"): {"url": f"http://127.0.0.1:{port}/told"}})


async def happen(connection: Connection) -> None:
    """Let it all happen, so that each of the workflows has come to its end."""
    client, names = connection.client, await _apply(connection)
    while {each.name async for each in store.list_resources(connection, namespace=NAMESPACE)} != set(names):
        await asyncio.sleep(0.1)
    applied = await Catalog(connection, "mock").applied(NAMESPACE)
    await submit(
        connection,
        applied.plan("first"),
        {},
        id=WORKFLOWS["fires"],
        submitted_by="ann",
        listeners=applied.listeners("first"),
    )
    await client.get_workflow_handle(WORKFLOWS["fires"]).result()
    await client.get_workflow_handle(WORKFLOWS["event-firing"]).result()
    await _fire_by_hand(client)
    await client.get_workflow_handle(WORKFLOWS["notifier"]).result()
    for name in names:
        await store.delete(connection, name)
        await client.get_workflow_handle(name.workflow_id).result()


async def _apply(connection: Connection) -> list[ResourceName]:
    head = "apiVersion: arkonis.dev/v1alpha1\nkind:"
    text = MANIFESTS.replace("kind:", head).replace("metadata: {", f"metadata: {{namespace: {NAMESPACE}, ")
    written = documents(load([], texts={"around": text}))
    for name, manifest in written.items():
        await store.apply(connection, name, ApplyRequest(manifest=manifest, by="ann"))
        if name.name == "nightly":
            metadata: JsonValue = {"name": name.name, "namespace": NAMESPACE, "labels": {"n": "2"}}
            again = ApplyRequest(manifest={**manifest, "metadata": metadata}, by="bob")
            await store.apply(connection, name, again)
    return list(written)


async def _fire_by_hand(client: Client) -> None:
    now = datetime.now(UTC)
    trigger = Trigger(name="alone", source="manual", fired_at=now, body={"ask": "this"})
    start = FiringStart(namespace=NAMESPACE, event="alone", trigger=trigger, submitted_by="ann")
    id = WORKFLOWS["event-firing-hands-on"]
    handle = await client.start_workflow(EVENT_FIRING, start, id=id, task_queue=TASK_QUEUE)
    fired = FiringResult.model_validate(await handle.result())
    assert fired.fired, fired.reason
    await client.get_workflow_handle(WORKFLOWS["event-firing-alone"]).result()
