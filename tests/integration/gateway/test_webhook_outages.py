"""Webhooks while workers, or the Redis that counts calls, are away."""

import asyncio
from pathlib import Path

import pytest

from ark_temporal.manifests.ark_event import ArkEvent
from ark_temporal.manifests.webhook_source import WebhookRate
from tests.integration.gateway.place import OPEN, event, gateway_alone, team, worker_options
from tests.integration.lab import Lab
from tests.integration.memory.redis_server import redis_server
from worker.assembly import running_worker
from worker.gateway.triggers.rates import Rates
from worker.gateway.triggers.refusals import RefusedError


async def test_calls_are_taken_in_while_no_worker_is_there(lab: Lab, tmp_path: Path) -> None:
    async with gateway_alone(lab.connection, tmp_path) as gateway:
        async with running_worker(lab.connection, worker_options(tmp_path)):
            await gateway.apply(team("echo"), event("open", auth=OPEN, text="first"))
            assert (await gateway.post("open", headers={})).status_code == 202
            await gateway.apply(team("echo"), event("open", auth=OPEN, text="second"))
        answers = [await gateway.post("open", headers={}) for _ in range(20)]
        assert {each.status_code for each in answers} == {202}
        assert sum(each.elapsed.total_seconds() > 0.5 for each in answers) <= 1, (
            "one waits for news, and no other"
        )
        async with running_worker(lab.connection, worker_options(tmp_path)), asyncio.timeout(40):
            first = answers[-1].json()["runs"][0]["id"]
            assert "first" in (await gateway.ended(first)).output
            while True:
                run = (await gateway.post("open", headers={})).json()["runs"][0]["id"]
                if "second" in (await gateway.ended(run)).output:
                    break


EVENT = ArkEvent.model_validate(
    {"metadata": {"name": "e"}, "spec": {"source": {"type": "webhook"}, "targets": [{"team": "t"}]}}
)


async def test_gateways_count_together_and_each_by_itself_while_redis_is_away(tmp_path: Path) -> None:
    limit = WebhookRate(requests=3)
    with redis_server(tmp_path) as server:
        one, other = Rates(server.url), Rates(server.url)
        for rates in (one, other, one):
            await rates.count(EVENT, limit)
        for rates in (one, other):
            with pytest.raises(RefusedError) as refused:
                await rates.count(EVENT, limit)
            assert refused.value.status == 429
        server.kill()
        for _ in range(3):
            await one.count(EVENT, limit)
        with pytest.raises(RefusedError):
            await one.count(EVENT, limit)
        await one.aclose()
        await other.aclose()


def test_only_a_redis_counts_for_all() -> None:
    with pytest.raises(ValueError, match="redis"):
        Rates("memcached://127.0.0.1")
