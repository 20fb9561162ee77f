"""Rows about secrets that cannot be had."""

import pytest

from ark_temporal.manifests import ArkSecret
from ark_temporal.plan.model import EnvSource
from ark_temporal.secrets import ProvidedStore
from tests.integration.failures.cases import called, phases, team
from tests.integration.failures.page import Row, proves
from tests.integration.lab import Lab
from tests.integration.plans import NAMESPACE, step
from tests.integration.processes import free_port
from tests.integration.secrets.reading import bundle, document
from worker.assembly import WorkerOptions, running_worker

NOBODY_THERE = {
    "provider": "vault",
    "vault": {
        "address": f"http://127.0.0.1:{free_port()}",
        "path": "models",
        "auth": {"token": {"env": "VAULT_TOKEN"}},
    },
}


@pytest.mark.slow
@proves("F1014")
async def test_a_provider_of_secrets_that_is_down_is_asked_again_and_then_named(lab: Lab, row: Row) -> None:
    given = bundle(document(NOBODY_THERE, "absent", NAMESPACE)).all(ArkSecret)
    store = ProvidedStore(given, allow_commands=False, environment={"VAULT_TOKEN": "planted"})
    writer = {"env_from": (EnvSource(name="absent"),)}
    plan = team(step("find"), step("write", after=["find"]), agents={"write": writer})
    async with running_worker(lab.connection, WorkerOptions(task_queue=lab.queue, stores=[store])):
        run = await lab.start(plan)
        record = await run.ended()
    row.check(record)
    assert phases(record) == {"find": "Succeeded", "write": "Failed"}
    assert await called(run) == {"find": 1, "write": 4}
    assert record.error is not None
    assert f'ArkSecret "{NAMESPACE}/absent" (vault)' in record.error.message
    assert "planted" not in record.model_dump_json()
