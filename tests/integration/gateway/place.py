"""A gateway on real sockets, and what calls it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.record import RunRecord
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.resources.catalog import Catalog
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunSummary, list_runs
from ark_temporal.runs.watch import read_record
from ark_temporal.secrets import MappingStore, Secrets
from ark_temporal.tools.egress import EgressPolicy, guarded_client
from worker.assembly import WorkerOptions, running_worker
from worker.gateway.access.jwt import JwtVerifier
from worker.gateway.app import gateway_app
from worker.gateway.services import GatewayOptions, GatewayServices
from worker.serving import serving

TOKEN = "71d3" * 16
GITHUB, SLACK, STRIPE = "gh-9f27c1d0e4", "sl-52b8aa01c7", "whsec_0c4d7e91b2"
PASSWORD = "pw-3e8d15f6a0"
SECRETS: Mapping[str, Mapping[str, str]] = {
    "hook-webhook-token": {"token": TOKEN},
    "github": {"secret": GITHUB},
    "slack": {"secret": SLACK},
    "stripe": {"secret": STRIPE},
    "twilio": {"username": "AC1", "password": PASSWORD},
}
SCRIPT = MockScript.model_validate(
    {
        "rules": [
            {"contains": "be slow", "delaySeconds": 2},
            {"contains": "please fail", "fail": {"type": "ModelBadRequest", "message": "no such thing"}},
            {"contains": "markup", "reply": 'He said "1 < 2 & 3"'},
        ]
    }
)


@dataclass(frozen=True)
class Gateway:
    """A gateway that serves."""

    url: str
    connection: Connection
    services: GatewayServices
    client: httpx2.AsyncClient

    def path(self, event: str, namespace: str = "default") -> str:
        return f"{self.url}/triggers/{namespace}/{event}/fire"

    async def post(self, event: str, body: object = None, **given: Any) -> httpx2.Response:
        """Call an event, with the token unless headers say else; what is no text or bytes goes as JSON."""
        headers = {"authorization": f"Bearer {TOKEN}"} if "headers" not in given else given.pop("headers")
        if isinstance(body, str | bytes):
            given["content"] = body
        elif body is not None:
            given["json"] = body
        return await self.client.post(self.path(event), headers=headers, **given)

    async def apply(self, *manifests: str) -> None:
        """Bring documents in force, and wait until the gateway knows them."""
        bundle = load([], texts={f"text {number}": text for number, text in enumerate(manifests)})
        assert bundle.ok, bundle.errors
        planned = compare(documents(bundle), await applied(self.connection), prune=False)
        done = [each async for each in carry_out(self.connection, planned, by="ann", comment="")]
        assert all(each.verb != "failed" for each in done), done
        async with asyncio.timeout(30):
            while {each.name for each in planned} - set(await applied(self.connection)):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.1)

    async def record(self, run: str) -> RunRecord:
        return await read_record(self.connection, run)

    async def ended(self, run: str) -> RunRecord:
        """The record of a run that ends soon."""
        async with asyncio.timeout(30):
            while not (record := await self.record(run)).ended:
                await asyncio.sleep(0.05)
        return record

    async def runs_of(self, event: str, count: int) -> list[RunSummary]:
        """The runs that an event has started, once there are so many, and a moment later."""
        query = f"ArkTrigger = '{event}'"
        async with asyncio.timeout(20):
            while len([run async for run in list_runs(self.connection, query=query, limit=None)]) < count:
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        return [run async for run in list_runs(self.connection, query=query, limit=None)]


@contextlib.asynccontextmanager
async def gateway_at(connection: Connection, home: Path) -> AsyncGenerator[Gateway]:
    """A gateway and a worker in this process, with the usual events in force."""
    async with running_worker(connection, worker_options(home)), gateway_alone(connection, home) as gateway:
        await gateway.apply(*MANIFESTS)
        yield gateway


def worker_options(home: Path) -> WorkerOptions:
    """A worker whose models answer as the script says."""
    return WorkerOptions(provider="mock", mock_script=SCRIPT, memory_directory=home / "memory")


@contextlib.asynccontextmanager
async def gateway_alone(connection: Connection, home: Path) -> AsyncGenerator[Gateway]:
    """A gateway in this process."""
    store = MappingStore({("Secret", "default", name): dict(given) for name, given in SECRETS.items()})
    async with guarded_client(EgressPolicy(), timeout=5.0) as http:
        services = GatewayServices(
            connection,
            Catalog(connection, "mock"),
            Secrets([store], {}),
            GatewayOptions(state_directory=home / "state", body_seconds=1.0),
            "https://ark.example",
            verifier=JwtVerifier(http),
        )
        async with (
            serving(gateway_app(services), "127.0.0.1", 0, at_once=2000) as url,
            httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=200)) as client,
        ):
            yield Gateway(url, connection, services, client)


def manifest(kind: str, name: str, spec: Mapping[str, object]) -> str:
    metadata = {"name": name}
    return json.dumps(
        {"apiVersion": "arkonis.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    )


def team(name: str, inputs: Sequence[Mapping[str, object]] = (), **step: object) -> str:
    said = {each: f"{{{{ .input.{each} }}}}" for each in ("text", "count")}
    return manifest(
        "ArkTeam",
        name,
        {
            "roles": [{"name": "writer", "model": "claude-haiku-4-5", "systemPrompt": "Write."}],
            "pipeline": [{"role": "writer", "inputs": said, **step}],
            "inputs": [{"name": "text", "default": "nothing"}, *inputs],
            "output": "{{ .steps.writer.output }}",
        },
    )


def event(name: str, *teams: str, text: str = "{{ .trigger.body.text }}", **fields: Any) -> str:
    """A webhook; fields beside those of the spec are those of `webhook`."""
    spec = {each: fields.pop(each) for each in ("suspended", "concurrencyPolicy") if each in fields}
    source = fields.pop("source", {"type": "webhook", **({"webhook": fields} if fields else {})})
    targets = [{"team": each, "input": {"text": text}} for each in teams or ("echo",)]
    return manifest("ArkEvent", name, {"source": source, "targets": targets, **spec})


def hmac(scheme: str, **settings: object) -> dict[str, object]:
    ref = {"name": scheme, "key": "secret"}
    return {"type": "hmac", "hmac": {"scheme": scheme, "secretRef": ref, **settings}}


OPEN = [{"type": "none"}]
TWIML = '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Message>{{ html .output }}</Message></Response>'
BLOCKS = (
    '{"response_type":"ephemeral","blocks":[{"type":"section","text":{"type":"mrkdwn","text":'
    '{{ toJson (print "On it: " .trigger.body.text) }}}}]}'
)
MANIFESTS = (
    team("echo"),
    team("other"),
    team("careful", approval=[{"message": "Really?"}]),
    team("counter", [{"name": "count", "type": "integer", "required": True}]),
    event("hook"),
    event("own-token"),
    event("open", auth=OPEN),
    event("fan", "echo", "other", auth=OPEN),
    event("alone", auth=OPEN, concurrencyPolicy="Forbid"),
    event("lonely", auth=OPEN, concurrencyPolicy="Forbid"),
    event("off", auth=OPEN, suspended=True),
    event("nightly", source={"type": "cron", "cron": "0 3 * * *"}),
    event("asks", "careful", auth=OPEN, mode="sync"),
    event("counts", "counter", auth=OPEN),
    event("limited", auth=OPEN, rateLimit={"requests": 3, "windowSeconds": 60}),
    event("small", auth=OPEN, maxBodyBytes=200),
    event("ordered", auth=OPEN, idempotencyKey="{{ .trigger.body.order }}"),
    event("missing-secret", auth=[{"type": "basic", "basic": {"name": "nowhere"}}]),
    event("github", text="{{ .trigger.body.pull_request.title }}", auth=[hmac("github"), {"type": "token"}]),
    event("stripe", text="{{ .trigger.body.type }}", auth=[hmac("stripe")]),
    event(
        "slack",
        text="{{ .trigger.body.event.text }}",
        auth=[hmac("slack")],
        challenge='{{ if eq .trigger.body.type "url_verification" }}{{ .trigger.body.challenge }}{{ end }}',
    ),
    event(
        "slash",
        auth=[hmac("slack")],
        respond={"status": 200, "contentType": "application/json", "body": BLOCKS},
    ),
    event(
        "twilio",
        text="{{ .trigger.body.Body }}",
        auth=[{"type": "basic", "basic": {"name": "twilio"}}],
        mode="sync",
        respond={"contentType": "application/xml", "body": TWIML},
    ),
    event("meta", auth=OPEN, challenge='{{ index .trigger.body "hub.challenge" }}'),
    event("broken-answer", auth=OPEN, respond={"body": "{{ index .trigger.body.text 99 }}"}),
    event("plain", auth=OPEN, respond={"status": 204, "body": "never sent"}),
)
