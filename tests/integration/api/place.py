"""A gateway with access control on real sockets, and people who use its API."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import yaml

from ark_temporal.llm.mock import MockScript
from ark_temporal.manifests import load
from ark_temporal.plan.record import RunRecord
from ark_temporal.resources.applying import applied, carry_out, compare, documents
from ark_temporal.runs.connection import Connection
from ark_temporal.runs.find import RunNotFoundError
from ark_temporal.runs.watch import read_record
from ark_temporal.secrets import MappingStore, Secrets
from worker.assembly import WorkerOptions, running_worker
from worker.gateway.access.config import hash_token, new_token
from worker.gateway.app import gateway
from worker.gateway.services import GatewayOptions

PLANTED = "planted-9d41c07e5b"
LINK_KEY = b"k-0123456789abcdef0123456789abcdef"
ROLES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "admin": {"*": ["admin"]},
    "viewer": {"default": ["viewer"]},
    "submitter": {"default": ["submitter"]},
    "ann": {"default": ["approver"]},
    "bob": {"default": ["approver", "submitter"]},
    "pressman": {"press": ["admin"]},
    "nobody": {},
}
SCRIPT = MockScript.model_validate(
    {
        "rules": [
            {"contains": "be slow", "delaySeconds": 1.5},
            {"contains": "be very slow", "delaySeconds": 30},
            {"contains": "please fail", "fail": {"type": "ModelBadRequest", "message": "no such thing"}},
        ]
    }
)


def manifest(kind: str, name: str, spec: Mapping[str, object], namespace: str = "default") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "arkonis.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def team(name: str, namespace: str = "default", prompt: str = "Write.", **step: object) -> dict[str, Any]:
    role = {"name": "writer", "model": "claude-haiku-4-5", "systemPrompt": prompt}
    role |= {"envFrom": [{"secretRef": {"name": "keys"}}]}
    spec = {
        "roles": [role],
        "pipeline": [{"role": "writer", "inputs": {"text": "{{ .input.text }}"}, **step}],
        "inputs": [{"name": "text", "default": "nothing"}, {"name": "count", "type": "integer"}],
        "output": "{{ .steps.writer.output }}",
    }
    return manifest("ArkTeam", name, spec, namespace)


MANIFESTS = (
    team("echo"),
    team("gated", approval=[{"message": "Send <b>it</b>?", "approvers": ["ann", "bob"]}]),
    team("parked", onFailure="park"),
    team("secretive", "press"),
    manifest("ArkAgent", "clerk", {"model": "claude-haiku-4-5", "systemPrompt": "You keep books."}),
    manifest("ArkService", "desk", {"selector": {"arkAgent": "clerk"}}),
    manifest("ArkService", "pen", {"selector": {"arkAgent": "echo-writer"}}),
    manifest(
        "ArkEvent",
        "hook",
        {
            "source": {"type": "webhook"},
            "targets": [{"team": "echo", "input": {"text": "{{ .trigger.body.text }}"}}],
        },
    ),
    manifest(
        "ArkEvent",
        "nightly",
        {"source": {"type": "cron", "cron": "0 3 * * *"}, "targets": [{"team": "echo"}], "suspended": True},
    ),
)


@dataclass
class Api:
    """A gateway that serves, and what was read from it.

    Attributes:
        tokens: By who has them.
        answers: All that the gateway has answered.
    """

    url: str
    connection: Connection
    client: httpx2.AsyncClient
    options: GatewayOptions
    tokens: Mapping[str, str] = field(repr=False)
    answers: list[str] = field(default_factory=list[str], repr=False)

    async def ask(self, method: str, path: str, by: str = "admin", **given: Any) -> httpx2.Response:
        """A request to the API, in somebody's name."""
        headers = {"authorization": f"Bearer {self.tokens[by]}", **given.pop("headers", {})}
        answer = await self.client.request(method, f"{self.url}/api/v1{path}", headers=headers, **given)
        self.answers += [answer.text, str(answer.headers)]
        return answer

    async def get(self, path: str, by: str = "admin", **given: Any) -> Any:
        """What an address tells."""
        answer = await self.ask("GET", path, by, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def start(self, team: str, text: str = "hello", by: str = "submitter", **given: Any) -> str:
        """Start a run; its id."""
        wanted = {"team": team, "input": {"text": text}, **given}
        answer = await self.ask("POST", "/runs", by, json=wanted)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def ended(self, run: str) -> RunRecord:
        """The record of a run that ends soon."""
        async with asyncio.timeout(30):
            while not (record := await read_record(self.connection, run)).ended:
                await asyncio.sleep(0.05)
        return record

    async def waits(self, run: str) -> dict[str, Any]:
        """What a run waits for a person to decide, soon."""
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(RunNotFoundError):
                    if awaiting := (await read_record(self.connection, run)).awaiting:
                        return awaiting[0].model_dump(mode="json")
                await asyncio.sleep(0.05)

    async def listed(self, path: str, wanted: str, by: str = "admin") -> None:
        """Wait until a list shows an id; Temporal's search is a moment behind."""
        async with asyncio.timeout(20):
            while wanted not in (await self.ask("GET", path, by)).text:
                await asyncio.sleep(0.1)


def problem(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem that an answer is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["type"].startswith("urn:ark-temporal:problem:")
    return told


def access_file(folder: Path, tokens: Mapping[str, str], **more: object) -> Path:
    """An access file with a token for each of our people."""
    entries = [
        {"name": name, "sha256": hash_token(token), "roles": dict(ROLES[name])}
        for name, token in tokens.items()
        if name != "referred"
    ]
    entries.append(
        {"name": "referred", "secretRef": {"name": "keys", "key": "REFERRED"}, "roles": {"*": ["viewer"]}}
    )
    file = folder / "access.yaml"
    file.write_text(yaml.safe_dump({"tokens": json.loads(json.dumps(entries)), **more}))
    return file


async def bring_in_force(connection: Connection, manifests: Sequence[Mapping[str, Any]]) -> None:
    """Apply documents, and wait until lists show them."""
    bundle = load([], texts={f"text {number}": json.dumps(text) for number, text in enumerate(manifests)})
    assert bundle.ok, bundle.errors
    planned = compare(documents(bundle), await applied(connection), prune=False)
    done = [each async for each in carry_out(connection, planned, by="ann", comment="")]
    assert all(each.verb != "failed" for each in done), done
    async with asyncio.timeout(30):
        while {each.name for each in planned} - set(await applied(connection)):
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def api_at(connection: Connection, home: Path) -> AsyncGenerator[Api]:
    """A gateway and a worker in this process, with the usual manifests in force."""
    tokens = {name: new_token() for name in (*ROLES, "referred")}
    keys = {"KEY": PLANTED, "REFERRED": tokens["referred"]}
    store = MappingStore({("Secret", space, "keys"): keys for space in ("default", "press")})
    options = GatewayOptions(
        port=0,
        provider="mock",
        state_directory=home / "state",
        access=access_file(home, tokens),
        link_key=LINK_KEY,
    )
    worker = WorkerOptions(
        stores=[store], mock_script=SCRIPT, memory_directory=home / "memory", provider="mock"
    )
    async with (
        running_worker(connection, worker),
        gateway(connection, Secrets([store], {}), options) as url,
        httpx2.AsyncClient(timeout=60) as client,
    ):
        await bring_in_force(connection, MANIFESTS)
        api = Api(url, connection, client, options, tokens)
        yield api
        said = "\n".join(api.answers)
        assert PLANTED not in said
        assert not any(token in said for token in tokens.values())
