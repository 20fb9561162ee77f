"""Following a run: events under ids that are the same for everybody, read on where one was."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from ark_temporal.plan.model import Plan
from ark_temporal.runs.submit import submit
from ark_temporal.secrets import Secrets
from tests.integration.api.place import Api, problem
from tests.integration.plans import plan, step
from tests.integration.processes import free_port, plain_server
from worker.embedded import EmbeddedServer
from worker.gateway.app import gateway

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server on which runs go on in another execution after a few events."""
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=30")
    port = free_port()
    with plain_server(port, tmp_path_factory.mktemp("server") / "server.log", *few):
        yield EmbeddedServer(f"127.0.0.1:{port}", "")


@dataclass(frozen=True)
class Seen:
    """An event as a client sees it."""

    id: str
    name: str
    data: Any

    @property
    def told(self) -> tuple[str, str, str]:
        return self.id, self.name, json.dumps(self.data, sort_keys=True)


@contextlib.asynccontextmanager
async def following(api: Api, run: str, after: str = "", url: str = "") -> AsyncGenerator[httpx2.Response]:
    headers = {
        "authorization": f"Bearer {api.tokens['admin']}",
        **({"Last-Event-ID": after} if after else {}),
    }
    address = f"{url or api.url}/api/v1/runs/{run}/events"
    async with asyncio.timeout(40), api.client.stream("GET", address, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield answer


async def events(answer: httpx2.Response) -> AsyncGenerator[Seen]:
    """Events as the standard has them parsed."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield Seen(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


async def whole(api: Api, run: str, after: str = "", url: str = "") -> list[Seen]:
    async with following(api, run, after, url) as answer:
        return [each async for each in events(answer)]


async def test_a_run_is_followed_to_its_end(api: Api) -> None:
    run = await api.start("gated", "be slow")
    told: list[Seen] = []
    async with following(api, run) as answer:
        async for each in events(answer):
            told.append(each)
            if each.name == "awaiting":
                await api.ask("POST", f"/runs/{run}/pause", json={})
            if each.name == "paused":
                await api.ask("POST", f"/runs/{run}/resume", json={})
            if each.name == "resumed":
                asked = next(each for each in told if each.name == "awaiting").data
                path = f"/runs/{run}/approvals/writer%23approval/decision"
                wanted = {"decision": "approve", "digest": asked["digest"]}
                assert (await api.ask("POST", path, "ann", json=wanted)).status_code == 200
    names = [(each.name, each.data.get("phase")) for each in told]
    assert names == [
        ("started", None),
        ("step", "Running"),
        ("awaiting", None),
        ("paused", None),
        ("resumed", None),
        ("decided", None),
        ("step", "Running"),
        ("step", "Succeeded"),
        ("ended", "Succeeded"),
    ]
    assert told[0].data["steps"] == ["writer"]
    assert told[-1].data["tokenUsage"]["totalTokens"] > 0
    assert len({each.id for each in told}) == len(told)
    assert [each.told for each in await whole(api, run)] == [each.told for each in told]
    over = await api.ask("GET", f"/runs/{run}/events", headers={"Last-Event-ID": told[-1].id})
    assert over.status_code == 204


async def test_who_drops_off_goes_on_at_any_gateway_without_a_gap_or_a_duplicate(api: Api) -> None:
    run = await start(api, chain(4))
    seen: list[Seen] = []
    for turn in range(20):
        after = seen[-1].id if seen else ""
        async with contextlib.AsyncExitStack() as stack:
            url = ""
            if turn % 2:  # another gateway, which knows nothing of the one before and ends after this
                options = type(api.options)(port=0, access=api.options.access)
                url = await stack.enter_async_context(gateway(api.connection, Secrets([], {}), options))
            with contextlib.suppress(httpx2.RemoteProtocolError):
                async with following(api, run, after, url) as answer:
                    read = 0
                    async with contextlib.aclosing(events(answer)) as coming:
                        async for each in coming:
                            seen.append(each)
                            read += 1
                            if read == 2 and each.name != "ended":
                                break
        if seen[-1].name == "ended":
            break
    assert [each.told for each in seen] == [each.told for each in await whole(api, run)]
    assert [each.data["step"] for each in seen if each.name == "step"] == [
        name for number in range(4) for name in (f"s{number}", f"s{number}")
    ]


async def test_a_run_that_goes_on_in_another_execution_is_one_stream(api: Api) -> None:
    run = await start(api, chain(6))
    await api.ended(run)
    told = await whole(api, run)
    assert len({each.id.partition(".")[0] for each in told}) > 1
    steps = [(each.data["step"], each.data["phase"]) for each in told if each.name == "step"]
    assert steps == [(f"s{number}", phase) for number in range(6) for phase in ("Running", "Succeeded")]
    for cut in range(len(told)):
        rest = await whole(api, run, told[cut].id) if cut < len(told) - 1 else []
        assert [each.told for each in rest] == [each.told for each in told[cut + 1 :]]


async def test_an_id_that_the_run_does_not_have_begins_at_the_beginning(api: Api) -> None:
    run = await api.start("echo")
    await api.ended(run)
    told = await whole(api, run)
    for after in ("nonsense", "0" * 8, "8f0c1c0e-5f52-4f34-9a5c-0c3a2b8f7d11.7.1"):
        assert [each.id for each in await whole(api, run, after)] == [each.id for each in told]
    problem(await api.ask("GET", "/runs/nix/events"), 404)


async def start(api: Api, plan: Plan) -> str:
    return (await submit(api.connection, plan, {})).id


def chain(count: int) -> Plan:
    steps = [
        step(f"s{number}", "say it", after=[f"s{number - 1}"] if number else []) for number in range(count)
    ]
    return plan(*steps, case=None)
